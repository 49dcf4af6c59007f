//! Facts about the password of a key. Nothing here follows from the password.

use serde::{Deserialize, Serialize};

use crate::errors::ErrorCode;
use crate::events::events;
use crate::ids::{CommandId, KeyIndex};

events! {
    /// About the password of a key.
    CredentialsEvent of Credentials "credentials" {
        SaltGiven(SaltGiven) "get_credentials_salt" 1 Manual Success;
        PasswordTried(PasswordTried) "password_attempt" 1 House Success;
        PasswordFailed(PasswordFailed) "password_failure" 1 House Outcome;
        PasswordSet(PasswordSet) "set_credentials" 1 Manual Success;
        AccessReleased(AccessReleased) "get_credentials" 1 Manual Success;
    }
}

impl CredentialsEvent {
    /// What the caller heard.
    pub fn result(&self) -> ErrorCode {
        match self {
            Self::PasswordFailed(event) => event.result,
            Self::SaltGiven(_)
            | Self::PasswordTried(_)
            | Self::PasswordSet(_)
            | Self::AccessReleased(_) => ErrorCode::Normal,
        }
    }

    /// The key it is about.
    pub fn key_index(&self) -> KeyIndex {
        match self {
            Self::SaltGiven(event) => event.key_index,
            Self::PasswordTried(event) => event.key_index,
            Self::PasswordFailed(event) => event.key_index,
            Self::PasswordSet(event) => event.key_index,
            Self::AccessReleased(event) => event.key_index,
        }
    }
}

/// The device asked for the salt; the first time it was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaltGiven {
    /// Of which key.
    pub key_index: KeyIndex,
}

/// A try of the password was counted. This stands in the log before it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordTried {
    /// Of which key.
    pub key_index: KeyIndex,
    /// The command that made it: a redelivery continues with this try instead of counting another.
    pub command_id: CommandId,
}

/// The password was wrong. The refusal beside it has the manual's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordFailed {
    /// Of which key.
    pub key_index: KeyIndex,
    /// What the device heard: 344, or 343 with the last try.
    pub result: ErrorCode,
    /// Whether that was the last try, and the key is blocked now.
    pub blocked: bool,
}

/// A password was set; tries before it count no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordSet {
    /// Of which key.
    pub key_index: KeyIndex,
    /// Whether there was one before.
    pub is_change: bool,
}

/// The password was right, and the access key was released; tries before it count no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessReleased {
    /// Of which key.
    pub key_index: KeyIndex,
}
