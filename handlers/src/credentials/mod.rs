//! The password of a key, as far as the server has a part in it: a stolen device does not give away its key to whoever can
//! try passwords on it, because every try needs the server, and the server counts.
//!
//! Only for keys with the flag `online_credentials`. Source: reference manual, "online_credentials".

mod get;
mod salt;
mod set;
mod state;
mod tries;

use schemas::ErrorCode;
use schemas::commands::credentials::CredentialsCommand;
use schemas::flags::ONLINE_CREDENTIALS;
use schemas::vault::VaultName;

pub(crate) use state::Password;

use crate::asked::Asked;
use crate::decision::Decision;
use crate::keys::Key;

/// Why nothing happened to a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The key's flags give the server no part in its password.
    #[error("the server has no part in the password of this key")]
    NotOnline,
    /// No salt was asked for yet.
    #[error("no salt was given yet")]
    NotInitialized,
    /// No password was set yet.
    #[error("no password is set")]
    NotSet,
    /// A password is set, and the old one was not given.
    #[error("the old password is missing")]
    OldPasswordMissing,
    /// No try is left.
    #[error("no password attempt is left")]
    AttemptsExhausted,
    /// The vault lacks a row of the password.
    #[error("a row of the password is missing from the vault")]
    MaterialMissing,
}

impl Rejection {
    /// What the caller hears. A device that asks for what its key does not have mistakes its key (219).
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotOnline => ErrorCode::RequestError,
            Self::NotInitialized => ErrorCode::CredentialsNotInitialized,
            Self::NotSet => ErrorCode::PasswordNotSet,
            Self::OldPasswordMissing => ErrorCode::PinIsEmpty,
            Self::AttemptsExhausted => ErrorCode::PasswordAttemptsExceeded,
            Self::MaterialMissing => ErrorCode::KeyInfoNotFound,
        }
    }
}

/// Decides a command about a password.
pub(crate) fn decide(
    asked: &Asked<'_>,
    command: &CredentialsCommand,
) -> Result<Decision, Rejection> {
    if !asked.key.flags.has(&ONLINE_CREDENTIALS) {
        return Err(Rejection::NotOnline);
    }
    match command {
        CredentialsCommand::GetSalt(_) => salt::decide(asked),
        CredentialsCommand::Set(command) => set::decide(asked, command),
        CredentialsCommand::Get(command) => get::decide(asked, command),
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(key: &Key, command: &CredentialsCommand) -> Vec<VaultName> {
    match command {
        CredentialsCommand::GetSalt(_) => vec![VaultName::password_salt(key.index)],
        CredentialsCommand::Set(_) | CredentialsCommand::Get(_) => vec![
            VaultName::password_verifier(key.index),
            VaultName::access_key(key.index),
        ],
    }
}
