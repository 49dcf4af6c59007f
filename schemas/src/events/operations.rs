//! Facts about operations. An operation of a thousand transactions is one event: digests and signatures are in it, texts
//! are in the vault.

use serde::{Deserialize, Serialize};

use crate::commands::operations::OperationStatus;
use crate::commands::transactions::NotificationType;
use crate::events::events;
use crate::ids::{Digest, KeyIndex, OperationId, TransactionId};
use crate::time::Timestamp;

events! {
    /// About operations.
    OperationEvent of Operations "operations" {
        Created(OperationCreated) "create_operation" 1 Manual Success;
        Updated(OperationUpdated) "update_operation" 1 Manual Success;
        Served(OperationServed) "get_operation_data_list" 1 Manual Success;
        Processed(OperationProcessed) "operations_process" 2 Manual Success;
        Expired(OperationExpired) "expire_operation" 1 House Success;
    }
}

impl OperationEvent {
    /// The operation it is about.
    pub fn operation_id(&self) -> &OperationId {
        match self {
            Self::Created(event) => &event.operation_id,
            Self::Updated(event) => &event.operation_id,
            Self::Served(event) => &event.operation_id,
            Self::Processed(event) => &event.operation_id,
            Self::Expired(event) => &event.operation_id,
        }
    }
}

/// A person was asked to confirm several things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCreated {
    /// Which operation.
    pub operation_id: OperationId,
    /// SHA-256 of its frame in the vault, salt included.
    pub content_digest: Digest,
    /// Deadline of the operation and of everything in it; `None` means no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where outcomes are reported; `None` means the system's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Digits of the confirmation codes; `None` means 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_code_length: Option<u8>,
    /// How the user is told.
    pub notification_type: NotificationType,
    /// Its transactions.
    pub transactions: Vec<MemberCreated>,
}

/// A transaction of a new operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberCreated {
    /// Which one.
    pub transaction_id: TransactionId,
    /// SHA-256 of the canonical bytes, salt included: what will be signed.
    pub digest: Digest,
    /// Whether bytes go with the text.
    pub has_binary: bool,
}

/// The frame of an operation was changed before anybody saw it. The members tell how it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationUpdated {
    /// Which operation.
    pub operation_id: OperationId,
    /// SHA-256 of its frame in the vault, salt included.
    pub content_digest: Digest,
    /// Deadline; `None` means no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where outcomes are reported; `None` means the system's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

/// The texts were handed out: to the device when `to_device`, else to the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationServed {
    /// Which operation.
    pub operation_id: OperationId,
    /// Whether the device asked.
    pub to_device: bool,
}

/// The user answered some of its transactions, or all of them, in one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationProcessed {
    /// Which operation.
    pub operation_id: OperationId,
    /// With which key.
    pub key_index: KeyIndex,
    /// Where it stands after this: `partly` or `processed`.
    pub status: OperationStatus,
    /// Whether the confirmed texts were erased from the vault with this.
    pub cleaned: bool,
    /// What the user agreed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<MemberConfirmed>,
    /// What the user did not agree to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declined: Vec<MemberDeclined>,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

/// A transaction of an operation that was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberConfirmed {
    /// Which one.
    pub transaction_id: TransactionId,
    /// What was signed.
    pub digest: Digest,
    /// ECDSA P-256, DER, low-S.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub signature: Option<Vec<u8>>,
    /// The code, when one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_code: Option<String>,
}

/// A transaction of an operation that was declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDeclined {
    /// Which one.
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
}

/// The deadline passed before everything had an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationExpired {
    /// Whose deadline.
    pub operation_id: OperationId,
    /// What expired with it: the transactions that had no outcome.
    pub transactions: Vec<TransactionId>,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}
