//! Facts about users.

use serde::{Deserialize, Serialize};

use crate::commands::users::Receipt;
use crate::events::events;
use crate::events::keys::KeyIssued;
use crate::ids::Digest;

events! {
    /// About users.
    UserEvent of Users "users" {
        Created(UserCreated) "create_user" 1 Manual Success;
        Changed(UserChanged) "change_user" 1 Manual Success;
        Deleted(UserDeleted) "delete_user" 1 Manual Success;
        ReceiptsNoted(ReceiptsNoted) "callback_receipts" 1 House Success;
    }
}

/// A user was created, with the first key. The name lies in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// The first key.
    pub key: KeyIssued,
}

/// A user was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChanged {
    /// What was changed; `None` means the name, which lies in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<UserChange>,
    /// Why, in a word of ours. In records older than `reason_digest` in the bank's words, where they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of the bank's reason in the vault, salt included; only of a block and of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_digest: Option<Digest>,
}

/// What the bank changed about a user, besides the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserChange {
    /// The user was blocked.
    Blocked,
    /// Every block was lifted.
    Unblocked,
    /// The delayed key was put in force.
    DelayedKeyActivated,
}

/// A user was deleted; the user's part of the vault was erased in the same commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDeleted {}

/// Callbacks about the user came to their end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptsNoted {
    /// One for each.
    pub receipts: Vec<Receipt>,
}
