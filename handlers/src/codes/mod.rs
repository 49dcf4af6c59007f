//! Confirmation codes for data that is no transaction: the bank keeps the data, and asks for a code over it or whether one
//! is right. On the user's symmetric key, where the phone computes the same code; or on a key of the server's own.

mod check;
mod check_common;
mod generate;
mod generate_common;
mod tries;

use schemas::canonical::{CommonData, UserData};
use schemas::commands::codes::CodeCommand;
use schemas::{Digest, ErrorCode, Secret, SystemId, UserId};

pub(crate) use check_common::decide as check_common;
pub(crate) use generate_common::decide as generate_common;
pub(crate) use tries::{CommonTries, Tries};

use crate::asked::Asked;
use crate::crypto::confirm_code::Subject;
use crate::decision::Decision;
use crate::keys::Unusable;

/// The longest data, bytes.
const DATA_BYTES_MAX: usize = 64 * 1024;
/// Digits of a code that is not given in full.
const CODE_DIGITS: std::ops::RangeInclusive<u8> = 4..=10;

/// Why there is no code, or it is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// There is nothing to make a code for.
    #[error("the data is missing")]
    DataMissing,
    /// The data is too long.
    #[error("the data is too long")]
    DataTooLong,
    /// A code of so many digits is not made, or another number was given than asked for.
    #[error("the code has a length that is not permitted")]
    LengthWrong,
    /// No code was given.
    #[error("the code is missing")]
    CodeMissing,
    /// The code is not the one of now.
    #[error("the code is wrong")]
    CodeWrong,
    /// Too many wrong codes: no other is looked at for a while.
    #[error("too many codes were wrong")]
    TriesExhausted,
    /// The user's key makes no codes.
    #[error(transparent)]
    Key(#[from] Unusable),
    /// The house was not given the server's key: a bug of the runner.
    #[error("the server's own key is not at hand")]
    ServerKeyMissing,
    /// The command is not one about this owner.
    #[error("the command is another owner's")]
    NotForThisOwner,
}

impl Rejection {
    /// What the caller hears.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::DataMissing => ErrorCode::TransactionDataIsNull,
            Self::DataTooLong => ErrorCode::TransactionDataError,
            Self::LengthWrong => ErrorCode::ConfirmCodeLengthIsWrong,
            Self::CodeMissing => ErrorCode::ConfirmCodeIsNull,
            Self::CodeWrong => ErrorCode::InvalidOtp,
            Self::TriesExhausted => ErrorCode::TransactionStatusInvalid,
            Self::Key(unusable) => unusable.code(),
            Self::ServerKeyMissing => ErrorCode::JavaInternalError,
            Self::NotForThisOwner => ErrorCode::RequestError,
        }
    }
}

/// Decides a command about codes on a user's key.
pub(crate) fn decide(asked: &Asked<'_>, command: &CodeCommand) -> Result<Decision, Rejection> {
    match command {
        CodeCommand::Generate(command) => generate::decide(asked, command),
        CodeCommand::Check(command) => check::decide(asked, command),
        CodeCommand::GenerateCommon(_) | CodeCommand::CheckCommon(_) => {
            Err(Rejection::NotForThisOwner)
        }
    }
}

/// Is there data, of a length and for a code of a length that can be?
fn check_request(data: &Secret, length: Option<u8>) -> Result<(), Rejection> {
    if data.expose().is_empty() {
        return Err(Rejection::DataMissing);
    }
    if data.expose().len() > DATA_BYTES_MAX {
        return Err(Rejection::DataTooLong);
    }
    if length.is_some_and(|length| !CODE_DIGITS.contains(&length)) {
        return Err(Rejection::LengthWrong);
    }
    Ok(())
}

/// Could this text be a code of that length at all? Asking costs no try.
fn check_form(code: &str, subject: &Subject<'_>) -> Result<(), Rejection> {
    if code.is_empty() {
        return Err(Rejection::CodeMissing);
    }
    if code.len() != subject.characters() {
        return Err(Rejection::LengthWrong);
    }
    Ok(())
}

fn user_digest(system_id: &SystemId, user_id: &UserId, data: &Secret) -> Digest {
    UserData {
        system_id,
        user_id,
        data: data.expose(),
    }
    .digest()
}

fn common_digest(system_id: &SystemId, data: &Secret) -> Digest {
    CommonData {
        system_id,
        data: data.expose(),
    }
    .digest()
}
