//! Which journal records are asked for: the same names in a query and in a body.

use schemas::{ErrorCode, SystemId, Timestamp};
use serde::Deserialize;

use crate::error::ApiError;
use schemas::journal::JournalFilter;

/// Records of a page unless asked otherwise.
pub(crate) const LIMIT: u32 = 100;
/// Most records of a page.
const LIMIT_MAX: u32 = 1000;

/// A filter as it is asked for. What is absent does not narrow.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedFilter {
    pub(crate) user_id: Option<String>,
    pub(crate) request_type: Option<String>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) result: Option<u16>,
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) after: Option<i64>,
    pub(crate) offset: Option<u64>,
    pub(crate) limit: Option<u32>,
    /// For the questions that can be asked of the past: they take it out.
    pub(crate) as_of: Option<String>,
}

impl AskedFilter {
    /// The filter for one system's records.
    pub(crate) fn of(self, system_id: SystemId) -> Result<JournalFilter, ApiError> {
        let is_word = |word: &str| {
            let word_byte = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            (1..=64).contains(&word.len()) && word.bytes().all(word_byte)
        };
        if self
            .request_type
            .as_deref()
            .is_some_and(|word| !is_word(word))
        {
            return Err(ApiError::at("request_type is not an event word"));
        }
        if self.as_of.is_some() {
            return Err(ApiError::at("as_of cannot be asked here"));
        }
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::at("limit is not 1 to 1000"));
        }
        let offset = self.offset.unwrap_or_default();
        if i64::try_from(offset).is_err() {
            return Err(ApiError::at("offset is too large"));
        }
        let user_id = self.user_id.map(|text| text.parse());
        let transaction_id = self.transaction_id.map(|text| text.parse());
        Ok(JournalFilter {
            system_id,
            user_id: user_id
                .transpose()
                .map_err(|_| ApiError::new(ErrorCode::UserNotFound))?,
            transaction_id: transaction_id
                .transpose()
                .map_err(|_| ApiError::new(ErrorCode::TransactionIsNull))?,
            request_type: self.request_type,
            request_result: self.result,
            after: self.after,
            from: self.from.map(Timestamp),
            to: self.to.map(Timestamp),
            offset,
            limit,
        })
    }
}
