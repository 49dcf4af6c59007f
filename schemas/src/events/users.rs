//! Facts about users.

use serde::{Deserialize, Serialize};

use crate::events::keys::KeyIssued;

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
