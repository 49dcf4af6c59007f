//! How a transaction reads on the wire, at both doors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::answers::{TransactionData, TransactionInfo};
use schemas::commands::transactions::{NotificationType, TransactionKind};
use schemas::{ErrorCode, Secret, TransactionId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::routes::check_length;

/// Longest reason of a declination, bytes.
const REASON_LENGTH_MAX: usize = 1024;

/// Status and outcome of a transaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionEntry {
    /// Which one.
    transaction_id: String,
    /// `initialized`, `pushSent`, `dataSent`, `confirmed`, `declined`, `expired` or `deleted`.
    status: &'static str,
    /// ms since the Unix epoch.
    created_at: i64,
    /// Deadline, ms since the Unix epoch; null means without limit.
    expires_at: Option<i64>,
    /// When it was confirmed, declined, expired or deleted; null while it is pending.
    finished_at: Option<i64>,
    /// Whether bytes go with the text.
    has_binary: bool,
    /// The operation it is part of; absent for one that stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    /// `login` for a login; absent for an ordinary one.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_type: Option<&'static str>,
}

impl From<&TransactionInfo> for TransactionEntry {
    fn from(info: &TransactionInfo) -> Self {
        Self {
            transaction_id: info.transaction_id.to_string(),
            status: info.status.word(),
            created_at: info.created_at.0,
            expires_at: info.expires_at.map(|at| at.0),
            finished_at: info.finished_at.map(|at| at.0),
            has_binary: info.has_binary,
            operation_id: info.operation_id.as_ref().map(ToString::to_string),
            transaction_type: (info.kind != TransactionKind::Ordinary).then(|| info.kind.word()),
        }
    }
}

/// `transaction_list`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionList {
    /// The transactions.
    transactions: Vec<TransactionEntry>,
}

impl From<&Vec<TransactionInfo>> for TransactionList {
    fn from(infos: &Vec<TransactionInfo>) -> Self {
        Self {
            transactions: infos.iter().map(TransactionEntry::from).collect(),
        }
    }
}

/// `transaction_data`: what is shown and signed.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransactionShown<'a> {
    /// Which one.
    transaction_id: &'a str,
    /// The text, exactly as the bank gave it.
    text: &'a str,
    /// `raw` or `markdown`.
    text_type: &'static str,
    /// The salt under the signature, hex.
    salt: String,
    /// SHA-256 of the bytes that go with the text, hex; null without any.
    binary_sha256: Option<String>,
    /// SHA-256 of the bytes to sign, hex: the device computes it again.
    digest: String,
    /// Deadline, ms since the Unix epoch; null means without limit.
    expires_at: Option<i64>,
    /// Digits of the confirmation code; null means 64 hex digits.
    confirm_code_length: Option<u8>,
}

impl<'a> TransactionShown<'a> {
    /// `None` when the text is not UTF-8: the door took it as JSON, so that is a bug behind it.
    pub(crate) fn of(data: &'a TransactionData) -> Option<Self> {
        Some(Self {
            transaction_id: data.transaction_id.as_str(),
            text: data.text.expose_text()?,
            text_type: data.text_type.word(),
            salt: hex::encode(&data.salt),
            binary_sha256: data.binary_sha256.map(|digest| digest.to_string()),
            digest: data.digest.to_string(),
            expires_at: data.expires_at.map(|at| at.0),
            confirm_code_length: data.confirm_code_length,
        })
    }
}

/// `transaction_binary_data`.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransactionBinary {
    /// The bytes, base64.
    data: String,
}

impl TransactionBinary {
    pub(crate) fn of(binary: &Secret) -> Self {
        Self {
            data: STANDARD.encode(binary.expose()),
        }
    }
}

/// An answer that only names the transaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionNamed {
    /// Which one.
    transaction_id: String,
}

impl From<&TransactionId> for TransactionNamed {
    fn from(transaction_id: &TransactionId) -> Self {
        Self {
            transaction_id: transaction_id.to_string(),
        }
    }
}

/// The word of how the user is told.
pub(crate) fn notification_word(notification_type: NotificationType) -> &'static str {
    match notification_type {
        NotificationType::Push => "Push",
        NotificationType::Offline => "Offline",
        NotificationType::Url => "URL",
    }
}

/// The reason of a declination: it must be given.
pub(crate) fn decline_reason(reason: Option<String>) -> Result<String, ApiError> {
    let reason = reason
        .filter(|reason| !reason.trim().is_empty())
        .ok_or_else(|| ApiError::new(ErrorCode::DeclineReasonIsNull))?;
    check_length("reason", &reason, REASON_LENGTH_MAX)?;
    Ok(reason)
}
