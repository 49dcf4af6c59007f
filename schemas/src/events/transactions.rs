//! Facts about transactions.

use serde::{Deserialize, Serialize};

use crate::commands::operations::OperationStatus;
use crate::commands::transactions::{NotificationType, PushFailure, TransactionKind};
use crate::events::events;
use crate::ids::{CommandId, Digest, KeyIndex, OperationId, TransactionId};
use crate::time::Timestamp;

events! {
    /// About transactions.
    TransactionEvent of Transactions "transactions" {
        Created(TransactionCreated) "create_transaction" 1 Manual Success;
        Served(TransactionServed) "get_transaction_data" 1 Manual Success;
        ConfirmationAttempted(ConfirmationAttempted) "confirm_transaction_attempt" 1 House Success;
        Confirmed(TransactionConfirmed) "confirm_transaction" 1 Manual Success;
        Declined(TransactionDeclined) "decline_transaction" 2 Manual Success;
        Expired(TransactionExpired) "expire_transaction" 1 House Success;
        Cleaned(TransactionCleaned) "clean_transaction" 1 House Success;
        Deleted(TransactionDeleted) "delete_transaction" 1 House Success;
        PushSent(TransactionPushSent) "send_push" 1 House Success;
        PushFailed(TransactionPushFailed) "fail_push" 1 House Success;
        AutoconfirmOffered(AutoconfirmOffered) "get_autoconfirm_list" 1 Manual Success;
        AutoconfirmAttempted(AutoconfirmAttempted) "autoconfirm_transaction_attempt" 1 House Success;
        Autoconfirmed(TransactionAutoconfirmed) "autoconfirm_transaction" 1 Manual Success;
    }
}

impl TransactionEvent {
    /// The transaction it is about; `None` of a list.
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        Some(match self {
            Self::Created(event) => &event.transaction_id,
            Self::Served(event) => &event.transaction_id,
            Self::ConfirmationAttempted(event) => &event.transaction_id,
            Self::Confirmed(event) => &event.transaction_id,
            Self::Declined(event) => &event.transaction_id,
            Self::Expired(event) => &event.transaction_id,
            Self::Cleaned(event) => &event.transaction_id,
            Self::Deleted(event) => &event.transaction_id,
            Self::PushSent(event) => &event.transaction_id,
            Self::PushFailed(event) => &event.transaction_id,
            Self::AutoconfirmAttempted(event) => &event.transaction_id,
            Self::Autoconfirmed(event) => &event.transaction_id,
            Self::AutoconfirmOffered(_) => return None,
        })
    }
}

impl TransactionEvent {
    /// What it did to the operation the transaction is part of; `None` when it is part of none, or nothing was done.
    pub fn operation(&self) -> Option<&OperationStep> {
        match self {
            Self::Confirmed(event) => event.operation.as_ref(),
            Self::Declined(event) => event.operation.as_ref(),
            Self::Deleted(event) => event.operation.as_ref(),
            Self::Created(_)
            | Self::Served(_)
            | Self::ConfirmationAttempted(_)
            | Self::Expired(_)
            | Self::Cleaned(_)
            | Self::PushSent(_)
            | Self::PushFailed(_)
            | Self::AutoconfirmOffered(_)
            | Self::AutoconfirmAttempted(_)
            | Self::Autoconfirmed(_) => None,
        }
    }
}

/// Where an operation stands after one of its transactions was answered on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationStep {
    /// Which operation.
    pub operation_id: OperationId,
    /// Where it stands now.
    pub status: OperationStatus,
}

/// A person was asked to confirm something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionCreated {
    /// Which one.
    pub transaction_id: TransactionId,
    /// SHA-256 of the canonical bytes, salt included: what will be signed.
    pub digest: Digest,
    /// Whether bytes go with the text.
    pub has_binary: bool,
    /// Deadline; `None` means no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where the outcome is reported; `None` means the system's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Digits of the confirmation code; `None` means 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_code_length: Option<u8>,
    /// How the user is told.
    pub notification_type: NotificationType,
    /// What it is for; `None` means an ordinary one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<TransactionKind>,
}

/// The text was handed out: to the device when `to_device`, else to the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionServed {
    /// Which one.
    pub transaction_id: TransactionId,
    /// Whether the device asked.
    pub to_device: bool,
}

/// A code that the user carried to the bank is about to be looked at: the try is counted first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationAttempted {
    /// Of which one.
    pub transaction_id: TransactionId,
    /// Number of the try, from 1.
    pub attempt: u32,
    /// For which command.
    pub command_id: CommandId,
}

/// The user agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionConfirmed {
    /// To which one.
    pub transaction_id: TransactionId,
    /// With which key.
    pub key_index: KeyIndex,
    /// ECDSA P-256, DER, low-S.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub signature: Option<Vec<u8>>,
    /// The code, when one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_code: Option<String>,
    /// What was signed.
    pub digest: Digest,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// What it did to the operation the transaction is part of; `None` when it is part of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStep>,
}

/// The user, or the bank, did not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionDeclined {
    /// To which one.
    pub transaction_id: TransactionId,
    /// Why, in words. Only in records of version 1, where it stays; since version 2 the words lie in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of the reason in the vault, salt included; `None` in records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_digest: Option<Digest>,
    /// Why, as a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// What it did to the operation the transaction is part of; `None` when it is part of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStep>,
}

/// The deadline passed first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionExpired {
    /// Whose deadline.
    pub transaction_id: TransactionId,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

/// Text and bytes were erased from the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionCleaned {
    /// Of which one.
    pub transaction_id: TransactionId,
}

/// The bank took it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionDeleted {
    /// Which one.
    pub transaction_id: TransactionId,
    /// What it did to the operation the transaction is part of; `None` when it is part of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStep>,
}

/// A push service took the push of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionPushSent {
    /// Which one; of an operation its first.
    pub transaction_id: TransactionId,
    /// Identity of the push.
    pub push_id: String,
    /// Those whose status is `pushSent` from here on: they were waiting, and no device had fetched them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub announced: Vec<TransactionId>,
}

/// The push of a transaction is not tried again. The transaction waits as before: its user sees it in the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionPushFailed {
    /// Which one; of an operation its first.
    pub transaction_id: TransactionId,
    /// Identity of the push.
    pub push_id: String,
    /// Why.
    pub reason: PushFailure,
}

/// The device was told what it may confirm without its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoconfirmOffered {
    /// One attempt for each transaction. Those that were offered before are worth nothing any more.
    pub attempts: Vec<OfferedAttempt>,
    /// End of their life.
    pub expires_at: Timestamp,
}

/// One attempt at one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedAttempt {
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// Identity of the attempt.
    pub attempt_id: Digest,
}

/// The device wants to confirm without its user, and has the right signature for it: the score is about to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoconfirmAttempted {
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// The attempt, used up by now.
    pub attempt_id: Digest,
    /// For which command.
    pub command_id: CommandId,
    /// With which key; `None` in records older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_index: Option<KeyIndex>,
    /// The second pair's signature, which was right; DER, low-S.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub signature: Option<Vec<u8>>,
    /// SHA-256 of what it signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Digest>,
}

/// The device confirmed without its user, and was trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionAutoconfirmed {
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// With which key.
    pub key_index: KeyIndex,
    /// In which attempt.
    pub attempt_id: Digest,
    /// The score, 0 to 100.
    pub score: u8,
    /// ECDSA P-256 by the second pair over attempt and digest, DER, low-S.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
    /// The transaction's digest.
    pub digest: Digest,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}
