//! How confirmation codes for data read on the wire: the same for the user's key and for the server's own.

use schemas::answers::AnswerBody;
use schemas::{ErrorCode, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Reply;
use crate::error::ApiError;
use crate::json::SecretText;
use crate::routes::check_length;
use crate::routes::system::create_transaction::digits;

/// Longest data, bytes.
const DATA_LENGTH_MAX: usize = 48 * 1024;
/// Longest code: 64 hex digits.
const CODE_LENGTH_MAX: usize = 64;

/// What a code is to be made for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateCodeRequest {
    /// Any text, at most 48 KiB. It is not kept.
    #[schema(value_type = String)]
    data: Option<SecretText>,
    /// Digits of the code, 4 to 10; 64 hex digits unless given.
    confirm_code_length: Option<i64>,
}

/// What a code is to be checked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckCodeRequest {
    /// The same text the code was made for.
    #[schema(value_type = String)]
    data: Option<SecretText>,
    /// The code, as it was typed.
    #[schema(value_type = String)]
    confirm_code: Option<SecretText>,
    /// Digits the code must have, 4 to 10; 64 hex digits unless given.
    confirm_code_length: Option<i64>,
}

/// `confirm_code`: a code.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeAnswer<'a> {
    /// The code of now. It is accepted for the present time step, the one before and the one after.
    confirm_code: &'a str,
    /// Length of a time step, seconds.
    time_step_s: i64,
}

/// `confirm_code_checked`: the code is right.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeChecked {}

impl GenerateCodeRequest {
    /// Data, and length of the code.
    pub(crate) fn parts(self) -> Result<(Secret, Option<u8>), ApiError> {
        let length = self.confirm_code_length.map(digits).transpose()?;
        Ok((data(self.data)?, length))
    }
}

impl CheckCodeRequest {
    /// Data, code, and length of the code.
    pub(crate) fn parts(self) -> Result<(Secret, String, Option<u8>), ApiError> {
        let length = self.confirm_code_length.map(digits).transpose()?;
        let data = data(self.data)?;
        Ok((data, confirm_code(self.confirm_code)?, length))
    }
}

/// A code as somebody typed it. It must be given.
pub(crate) fn confirm_code(given: Option<SecretText>) -> Result<String, ApiError> {
    let missing = || ApiError::new(ErrorCode::ConfirmCodeIsNull);
    let SecretText(code) = given.ok_or_else(missing)?;
    let code = code.expose_text().unwrap_or_default();
    if code.is_empty() {
        return Err(missing());
    }
    check_length("confirm_code", code, CODE_LENGTH_MAX)?;
    Ok(code.to_owned())
}

fn data(given: Option<SecretText>) -> Result<Secret, ApiError> {
    let SecretText(data) = given
        .filter(|SecretText(data)| !data.expose().is_empty())
        .ok_or_else(|| ApiError::new(ErrorCode::TransactionDataIsNull))?;
    if data.expose().len() > DATA_LENGTH_MAX {
        return Err(ApiError::because(
            ErrorCode::TransactionDataError,
            "data exceeds 49152 bytes",
        ));
    }
    Ok(data)
}

impl<'a> CodeAnswer<'a> {
    /// `None` when the runner answered something else.
    pub(crate) fn of(reply: &'a Reply, time_step_s: i64) -> Option<Self> {
        match &reply.body {
            AnswerBody::ConfirmCode { code } => Some(Self {
                confirm_code: code.expose_text()?,
                time_step_s,
            }),
            _ => None,
        }
    }
}
