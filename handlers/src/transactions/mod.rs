//! Transactions: what a person is asked to confirm, and what became of it. Confirmed, declined, expired, deleted: the
//! first of these to be in the log is final.

mod attempt_scoring;
mod autoconfirm;
mod autoconfirm_list;
mod binary;
pub(crate) mod confirm;
pub(crate) mod content;
pub(crate) mod create;
pub(crate) mod data;
pub(crate) mod decline;
mod delete;
mod expire;
mod info;
mod list;
mod offline;
mod push_failed;
mod push_sent;
pub(crate) mod shown_text;
mod state;

use schemas::ErrorCode;
use schemas::commands::transactions::TransactionCommand;
use schemas::settings::UnusableSetting;
use schemas::vault::VaultName;

pub(crate) use autoconfirm::signature_question as autosign_question;
pub(crate) use confirm::question as signature_question;
pub(crate) use content::{code_length, is_right as content_is_right, seen, standing};
pub(crate) use expire::decide as expire;
pub(crate) use push_failed::decide as push_failed;
pub(crate) use push_sent::decide as push_sent;
pub(crate) use state::{Transaction, Transactions};

use crate::asked::{Asked, By};
use crate::decision::Decision;
use crate::keys::Unusable;

/// Why nothing happened to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The user has no such transaction.
    #[error("the user has no such transaction")]
    NotFound,
    /// It was confirmed or declined.
    #[error("the transaction was confirmed or declined")]
    AlreadyChecked,
    /// Its deadline has passed.
    #[error("the deadline has passed")]
    Expired,
    /// The bank took it back.
    #[error("the transaction was deleted")]
    Deleted,
    /// The id is taken.
    #[error("the id is taken")]
    IdTaken,
    /// There is nothing to show.
    #[error("the text is missing")]
    TextMissing,
    /// Text or bytes are too long, empty, or not what a screen shows.
    #[error("the content is too long, or not what a screen shows")]
    ContentUnacceptable,
    /// A lifetime below zero, or an address that is not http or https.
    #[error("the request cannot be meant like this")]
    RequestWrong,
    /// A confirmation code of so many digits is not made.
    #[error("the confirmation code has a length that is not permitted")]
    CodeLengthWrong,
    /// The user, or the user's key, is blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// The device is not the one the key is bound to.
    #[error("the device is not the one the key is bound to")]
    DeviceMismatch,
    /// The user's key has expired.
    #[error("the user's key has expired")]
    KeyExpired,
    /// Text and bytes were erased, or there never were any bytes.
    #[error("there is no such content")]
    ContentMissing,
    /// What lies in the vault is not what the log has the digest of.
    #[error("the stored content is not the one that was created")]
    ContentAltered,
    /// Neither signature nor code.
    #[error("neither a signature nor a code was given")]
    NothingGiven,
    /// A public key is registered, so a code alone does not do.
    #[error("a signature is required")]
    SignatureMissing,
    /// There is a signature, and no public key to hold it against.
    #[error("no public key is registered")]
    KeyNotRegistered,
    /// The signature is not strict DER.
    #[error("the signature is not strict DER")]
    SignatureMalformed,
    /// The signature is not the key's signature of the digest.
    #[error("the signature does not match the key and the transaction's digest")]
    SignatureWrong,
    /// The signature has the nonce of another one: it proves nothing, and the private key is no secret any more.
    #[error("the signature has the nonce of another one")]
    NonceRepeated,
    /// The code is not the one of now.
    #[error("the confirmation code is wrong")]
    CodeWrong,
    /// Too many wrong codes: no other is looked at.
    #[error("too many confirmation codes were wrong")]
    CodesExhausted,
    /// The vault lacks a part of the key.
    #[error("a part of the key is missing from the vault")]
    KeyMaterialMissing,
    /// The user's key makes no codes.
    #[error(transparent)]
    Key(#[from] Unusable),
    /// No code was given.
    #[error("the confirmation code is missing")]
    CodeMissing,
    /// The transaction was not created to be confirmed by a code that the user carries to the bank.
    #[error("the transaction is not an offline one")]
    NotOffline,
    /// The code that the user carried to the bank is not the one of now.
    #[error("the carried confirmation code is wrong")]
    CodeCarriedWrong,
    /// What the phone is to read does not fit into a QR code.
    #[error("the transaction does not fit into a QR code")]
    QrTooLong,
    /// A refusal without a reason.
    #[error("a reason is required")]
    ReasonMissing,
    /// The key confirms nothing automatically, or not this.
    #[error("the key or the transaction is not one to confirm automatically")]
    AutosignForbidden,
    /// The attempt was not offered, was used, is too old, or is another transaction's.
    #[error("the attempt is not one to confirm this transaction with")]
    AttemptWorthless,
    /// The signature is not the second pair's over attempt and digest.
    #[error(
        "the signature does not match the second pair, the attempt and the transaction's digest"
    )]
    AutosignSignatureWrong,
    /// Nobody can be asked for a score.
    #[error("no score can be had: {0}")]
    Scoring(UnusableSetting),
    /// The scoring service gave no score.
    #[error("the scoring service gave no score")]
    ScoreUnavailable,
    /// The command is not this caller's to give.
    #[error("the command is another caller's")]
    NotForThisCaller,
}

impl Rejection {
    /// What the caller hears.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::TransactionIsNull,
            Self::AlreadyChecked => ErrorCode::TransactionChecked,
            Self::Expired => ErrorCode::TransactionExpired,
            Self::Deleted => ErrorCode::TransactionIsDeleted,
            Self::IdTaken => ErrorCode::TransactionIsNotUnique,
            Self::TextMissing => ErrorCode::TransactionDataIsNull,
            Self::ContentUnacceptable | Self::ContentAltered => ErrorCode::TransactionDataError,
            Self::RequestWrong | Self::NotForThisCaller => ErrorCode::RequestError,
            Self::CodeLengthWrong => ErrorCode::ConfirmCodeLengthIsWrong,
            Self::UserBlocked | Self::NonceRepeated => ErrorCode::UserIsBlocked,
            Self::DeviceMismatch => ErrorCode::DeviceFingerprintMismatch,
            Self::KeyExpired => ErrorCode::KeyExpired,
            Self::ContentMissing => ErrorCode::NoResult,
            Self::NothingGiven => ErrorCode::SignatureAndConfirmCodeAreNull,
            Self::SignatureMissing => ErrorCode::SignatureIsNull,
            Self::KeyNotRegistered => ErrorCode::PubkeyIsEmpty,
            Self::SignatureMalformed => ErrorCode::DsStructError,
            Self::SignatureWrong => ErrorCode::SignatureIsInvalid,
            Self::CodeWrong => ErrorCode::InvalidHmac,
            Self::CodesExhausted => ErrorCode::TransactionStatusInvalid,
            Self::KeyMaterialMissing => ErrorCode::KeyInfoNotFound,
            Self::Key(unusable) => unusable.code(),
            Self::CodeMissing => ErrorCode::ConfirmCodeIsNull,
            Self::NotOffline => ErrorCode::IncorrectTransactionType,
            Self::CodeCarriedWrong => ErrorCode::InvalidOtp,
            Self::QrTooLong => ErrorCode::QrGenerationError,
            Self::ReasonMissing => ErrorCode::DeclineReasonIsNull,
            Self::AutosignForbidden => ErrorCode::AutosignNotAllowed,
            Self::AttemptWorthless => ErrorCode::AutosignFailed,
            Self::AutosignSignatureWrong => ErrorCode::AutosingSignatureIsInvalid,
            Self::Scoring(UnusableSetting::NotSet) => ErrorCode::ScoringSettingsIsNull,
            Self::Scoring(UnusableSetting::Wrong) => ErrorCode::ServerScoringSettingsIncorrect,
            Self::ScoreUnavailable => ErrorCode::ScoringFailed,
        }
    }
}

/// Decides a command about a transaction, of the bank or of the device.
pub(crate) fn decide(
    asked: &Asked<'_>,
    command: &TransactionCommand,
) -> Result<Decision, Rejection> {
    match command {
        TransactionCommand::Create(command) => create::decide(asked, command),
        TransactionCommand::List(command) => Ok(list::decide(asked, command)),
        TransactionCommand::GetInfo(command) => info::decide(asked, command),
        TransactionCommand::GetData(command) => data::decide(asked, command),
        TransactionCommand::GetBinaryData(command) => binary::decide(asked, command),
        TransactionCommand::Confirm(command) => match asked.by {
            By::Device(_) => confirm::decide(asked, command),
            By::Bank => offline::decide(asked, command),
        },
        TransactionCommand::Decline(command) => decline::decide(asked, command),
        TransactionCommand::Delete(command) => delete::decide(asked, command),
        TransactionCommand::ListAutoconfirm(_) => autoconfirm_list::decide(asked),
        TransactionCommand::Autoconfirm(command) => autoconfirm::decide(asked, command),
        TransactionCommand::GetAttemptScoring(command) => attempt_scoring::decide(asked, command),
        // The house asks for these, also about users who are gone; see `expire`.
        TransactionCommand::Expire(_)
        | TransactionCommand::NotePushSent(_)
        | TransactionCommand::NotePushFailed(_) => Err(Rejection::NotForThisCaller),
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(command: &TransactionCommand) -> Vec<VaultName> {
    let content = |id| vec![VaultName::transaction_content(id)];
    match command {
        TransactionCommand::GetData(command) => content(&command.transaction_id),
        TransactionCommand::GetBinaryData(command) => content(&command.transaction_id),
        TransactionCommand::GetAttemptScoring(command) => {
            vec![VaultName::attempt_scoring(&command.attempt_id)]
        }
        TransactionCommand::Create(_)
        | TransactionCommand::ListAutoconfirm(_)
        | TransactionCommand::Autoconfirm(_)
        | TransactionCommand::List(_)
        | TransactionCommand::GetInfo(_)
        | TransactionCommand::Confirm(_)
        | TransactionCommand::Decline(_)
        | TransactionCommand::Expire(_)
        | TransactionCommand::NotePushSent(_)
        | TransactionCommand::NotePushFailed(_)
        | TransactionCommand::Delete(_) => Vec::new(),
    }
}
