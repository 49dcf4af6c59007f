//! The keys of a user: issued by the bank, activated and registered by the device. One key is in force at a time, and a
//! new one replaces it at once.

mod activate;
mod issue;
mod register_public_key;
mod state;
mod update;

use schemas::ErrorCode;
use schemas::commands::keys::KeyCommand;
use schemas::vault::VaultName;

pub(crate) use issue::issue;
pub(crate) use register_public_key::question as renewal_question;
pub(crate) use state::{Activation, Key};

use crate::asked::Asked;
use crate::decision::Decision;

/// Why nothing happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// Flags that exclude each other.
    #[error("the flags exclude each other")]
    FlagsExclude,
    /// An activation code too short, too long, or not printable ASCII.
    #[error("the activation code has a length or characters that are not permitted")]
    CodeUnacceptable,
    /// The key was issued whole, or is activated already.
    #[error("there is nothing to activate")]
    NothingToActivate,
    /// The key's life ended before it was activated.
    #[error("the key's life is over")]
    ActivationTooLate,
    /// No try of the activation code is left.
    #[error("no activation attempt is left")]
    AttemptsExhausted,
    /// The vault lacks a part of the key.
    #[error("a part of the key is missing from the vault")]
    MaterialMissing,
    /// Not a P-256 SubjectPublicKeyInfo in its one spelling.
    #[error("the public key is not a named-curve, uncompressed P-256 key")]
    PublicKeyMalformed,
    /// A public key is registered, and the flags forbid another.
    #[error("the flags forbid another public key")]
    RenewalForbidden,
    /// A public key is registered, and the new one is not signed by it.
    #[error("the new public key is not signed by the old one")]
    RenewalUnsigned,
    /// The signature by the registered public key is wrong.
    #[error("the signature of the new public key by the old one is wrong")]
    RenewalSignatureWrong,
}

impl Rejection {
    /// What the caller hears. The manual has no code for a malformed public key, nor for activating what needs no
    /// activation: both are errors in the request (219).
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::FlagsExclude | Self::NothingToActivate | Self::PublicKeyMalformed => {
                ErrorCode::RequestError
            }
            Self::CodeUnacceptable => ErrorCode::SpartLengthIsWrong,
            Self::ActivationTooLate => ErrorCode::ValidDateExpired,
            Self::AttemptsExhausted => ErrorCode::ActivationAttemptsExceeded,
            Self::MaterialMissing => ErrorCode::KeyInfoNotFound,
            Self::RenewalForbidden => ErrorCode::PubkeyIsNotEmpty,
            Self::RenewalUnsigned => ErrorCode::PubkeySignatureIsEmpty,
            Self::RenewalSignatureWrong => ErrorCode::SignatureIsInvalid,
        }
    }
}

/// Decides a command about a user's keys.
pub(crate) fn decide(asked: &Asked<'_>, command: &KeyCommand) -> Result<Decision, Rejection> {
    match command {
        KeyCommand::Update(command) => update::decide(asked, command),
        KeyCommand::Activate(command) => activate::decide(asked, command),
        KeyCommand::RegisterPublicKey(command) => register_public_key::decide(asked, command),
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(key: &Key, command: &KeyCommand) -> Vec<VaultName> {
    match command {
        KeyCommand::Update(_) => {
            let mut names = key.parts();
            names.push(VaultName::user_name());
            names
        }
        KeyCommand::Activate(_) => vec![VaultName::activation_verifier(key.index)],
        KeyCommand::RegisterPublicKey(_) => Vec::new(),
    }
}
