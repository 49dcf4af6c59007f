//! Facts about users.

use serde::{Deserialize, Serialize};

use crate::events::events;
use crate::events::keys::KeyIssued;

events! {
    /// About users.
    UserEvent of Users "users" {
        Created(UserCreated) "create_user" 1 Manual Success;
        Changed(UserChanged) "change_user" 1 Manual Success;
        Deleted(UserDeleted) "delete_user" 1 Manual Success;
    }
}

/// A user was created, with the first key. The name lies in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// The first key.
    pub key: KeyIssued,
}

/// A user was changed. The new name lies in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChanged {}

/// A user was deleted; the user's part of the vault was erased in the same commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDeleted {}
