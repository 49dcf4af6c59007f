//! The keys of a user: issued by the bank, activated and registered by the device. One key is in force at a time; a new
//! one replaces it at once, or waits beside it until it is activated.

mod activate;
mod activate_delayed;
mod compromise;
mod export;
mod forget_push_address;
mod issue;
mod next;
mod nonces;
mod register_public_key;
mod replace;
mod ring;
mod state;
mod update;
mod usable;

use schemas::ErrorCode;
use schemas::commands::keys::KeyCommand;
use schemas::vault::VaultName;

pub(crate) use compromise::{Betrayal, block};
pub(crate) use forget_push_address::decide as forget_push_address;
pub(crate) use issue::{Holder, issue};
pub(crate) use next::{needs as needs_of_next, next_of_same_kind};
pub(crate) use register_public_key::question as renewal_question;
pub(crate) use replace::put_in_force;
pub(crate) use ring::{Found, Ring};
pub(crate) use state::{Activation, Key};
pub(crate) use usable::{Unusable, bound_fingerprint, usable_secret};

use crate::asked::Asked;
use crate::decision::Decision;
use crate::licenses;

/// Why nothing happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The system's licenses do not permit a flag.
    #[error(transparent)]
    License(#[from] licenses::Rejection),
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
    /// A pair for automatic confirmations, for a key that has none.
    #[error("the key does not confirm automatically")]
    AutosignForbidden,
    /// The pair for automatic confirmations is the pair that signs for the user.
    #[error("one pair cannot serve both purposes")]
    AutosignSamePair,
    /// A public key for automatic confirmations is registered, and the new one is not signed by it.
    #[error("the new public key for automatic confirmations is not signed by the old one")]
    AutosignRenewalUnsigned,
    /// The signature by that public key is wrong.
    #[error("the signature of the new public key for automatic confirmations is wrong")]
    AutosignRenewalSignatureWrong,
    /// No key is delayed.
    #[error("no key is delayed")]
    NothingDelayed,
    /// The key that was meant was replaced.
    #[error("the key was replaced")]
    Replaced,
    /// There is no key of that number.
    #[error("there is no key of that number")]
    Unknown,
    /// The tries of the key were used up.
    #[error("the key is blocked")]
    Blocked,
    /// The key's life is over.
    #[error("the key's life is over")]
    Expired,
    /// A device has registered with the key, so it is not handed out again.
    #[error("a device has registered with the key")]
    InUse,
    /// The key does not fit into a QR code.
    #[error("the key does not fit into a QR code")]
    TooLong,
    /// A link into the application needs a scheme.
    #[error("no URL scheme is known")]
    SchemeMissing,
    /// The application's part of the key is not JSON. The door has checked it.
    #[error("the application's part of the key is not JSON")]
    AppExtraMalformed,
    /// The key does not permit notifications through Telegram.
    #[error("the key does not permit notifications through Telegram")]
    TelegramForbidden,
    /// The command is not this caller's to give.
    #[error("the command is another caller's")]
    NotForThisCaller,
}

impl Rejection {
    /// What the caller hears. The manual has no code for a malformed public key, nor for activating what needs no
    /// activation: both are errors in the request (219).
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::License(rejection) => rejection.code(),
            Self::FlagsExclude
            | Self::NothingToActivate
            | Self::PublicKeyMalformed
            | Self::AutosignSamePair
            | Self::AppExtraMalformed
            | Self::TelegramForbidden
            | Self::NotForThisCaller => ErrorCode::RequestError,
            Self::CodeUnacceptable => ErrorCode::SpartLengthIsWrong,
            Self::ActivationTooLate => ErrorCode::ValidDateExpired,
            Self::AttemptsExhausted => ErrorCode::ActivationAttemptsExceeded,
            Self::MaterialMissing | Self::NothingDelayed => ErrorCode::KeyInfoNotFound,
            Self::RenewalForbidden | Self::InUse => ErrorCode::PubkeyIsNotEmpty,
            Self::RenewalUnsigned => ErrorCode::PubkeySignatureIsEmpty,
            Self::RenewalSignatureWrong => ErrorCode::SignatureIsInvalid,
            Self::AutosignForbidden => ErrorCode::AutosignNotAllowed,
            Self::AutosignRenewalUnsigned => ErrorCode::AutosignPubkeySignatureIsEmpty,
            Self::AutosignRenewalSignatureWrong => ErrorCode::AutosingSignatureIsInvalid,
            Self::Replaced => ErrorCode::KeyIndexObsoleted,
            Self::Unknown => ErrorCode::KeyIndexWrong,
            Self::Blocked => ErrorCode::UserIsBlocked,
            Self::Expired => ErrorCode::KeyExpired,
            Self::TooLong => ErrorCode::QrGenerationError,
            Self::SchemeMissing => ErrorCode::UrlSchemeNotDefined,
        }
    }
}

/// Decides a command about a user's keys.
pub(crate) fn decide(asked: &Asked<'_>, command: &KeyCommand) -> Result<Decision, Rejection> {
    match command {
        KeyCommand::Update(command) => update::decide(asked, command),
        KeyCommand::ActivateDelayed(command) => activate_delayed::decide(asked, command),
        KeyCommand::Export(command) => export::decide(asked, command),
        KeyCommand::Activate(command) => activate::decide(asked, command),
        KeyCommand::RegisterPublicKey(command) => register_public_key::decide(asked, command),
        // The house asks for this, also about users who are gone.
        KeyCommand::ForgetPushAddress(_) => Err(Rejection::NotForThisCaller),
    }
}

/// The vault rows such a decision reads, besides those that vouch for a device.
pub(crate) fn needs(ring: &Ring, command: &KeyCommand) -> Vec<VaultName> {
    match command {
        KeyCommand::Update(_) => needs_of_next(ring),
        KeyCommand::ActivateDelayed(_) => ring.current.parts(),
        KeyCommand::Export(_) => vec![VaultName::user_name()],
        // The device's own key is asked for by those that vouch for it; the verifier of the other one does no harm.
        KeyCommand::Activate(_) => ring
            .keys()
            .map(|key| VaultName::activation_verifier(key.index))
            .collect(),
        KeyCommand::RegisterPublicKey(_) => Vec::new(),
        KeyCommand::ForgetPushAddress(_) => vec![VaultName::push_address()],
    }
}
