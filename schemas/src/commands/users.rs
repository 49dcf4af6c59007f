//! Commands about users.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::commands::keys::KeyRequest;

commands! {
    /// About users.
    UserCommand of Users {
        Create(CreateUser) "create_user" Write by Bank;
        Change(ChangeUser) "change_user" Write by Bank;
        Block(BlockUser) "change_user" Write by Bank;
        Unblock(UnblockUser) "change_user" Write by Bank;
        Delete(DeleteUser) "delete_user" Write by Bank;
        GetInfo(GetUserInfo) "get_user_info" Read by Bank;
    }
}

/// Creates a user and issues the first key. The user's id is the command's owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateUser {
    /// The name the phone shows.
    pub user_name: Option<String>,
    /// The key to issue.
    pub key: KeyRequest,
}

/// Changes a user's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeUser {
    /// The new name.
    pub user_name: String,
}

/// Blocks a user: no device of the user is served, and nothing new can be asked of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockUser {
    /// Why, in the bank's words.
    pub reason: String,
}

/// Ends a block, the bank's own and those of keys whose tries were used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnblockUser {
    /// Why, in the bank's words; `None` when it says nothing.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Deletes a user, the keys and everything erasable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteUser {}

/// Asks for a user's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetUserInfo {}
