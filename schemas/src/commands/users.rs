//! Commands about users.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::commands::keys::KeyRequest;
use crate::ids::Digest;
use crate::lanes::Position;
use crate::time::Timestamp;

commands! {
    /// About users.
    UserCommand of Users {
        Create(CreateUser) "create_user" Write by Bank;
        Change(ChangeUser) "change_user" Write by Bank;
        Block(BlockUser) "change_user" Write by Bank;
        Unblock(UnblockUser) "change_user" Write by Bank;
        Delete(DeleteUser) "delete_user" Write by Bank;
        GetInfo(GetUserInfo) "get_user_info" Read by Bank;
        NoteReceipts(NoteReceipts) "callback_receipts" Write by House;
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

/// The house notes what became of callbacks about the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteReceipts {
    /// One for each; at least one.
    pub receipts: Vec<Receipt>,
}

/// What became of a callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The callback's identity: its `webhook-id`.
    pub letter_id: String,
    /// What it is: `callback`, `operation_callback`, `user_callback`.
    pub kind: String,
    /// The event that it tells of.
    pub position: Position,
    /// How it ended.
    pub outcome: ReceiptOutcome,
    /// The status of the last answer; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// SHA-256 of that answer's body; `None` when there was none, or one too long to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Digest>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it ended.
    pub at: Timestamp,
}

/// How a callback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptOutcome {
    /// The receiver took it.
    Taken,
    /// It was put aside for a person to look at.
    PutAside,
    /// A person gave it up.
    Dropped,
}

impl ReceiptOutcome {
    /// The word in the event.
    pub fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::PutAside => "put_aside",
            Self::Dropped => "dropped",
        }
    }

    /// The outcome of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Taken, Self::PutAside, Self::Dropped]
            .into_iter()
            .find(|outcome| outcome.word() == word)
    }
}
