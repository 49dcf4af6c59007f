//! Commands about operations: batches of transactions that a person answers in one request.

use serde::{Deserialize, Serialize};

use crate::canonical::TextType;
use crate::commands::commands;
use crate::commands::transactions::NotificationType;
use crate::ids::{Digest, OperationId, TransactionId};
use crate::operation_content::Described;
use crate::sealed::Secret;

commands! {
    /// About operations.
    OperationCommand of Operations {
        Create(CreateOperation) "create_operation" Write by Bank;
        List(ListOperations) "get_operation_list" Read by BankOrDevice;
        GetInfo(GetOperationInfo) "get_operation_info" Read by Bank;
        Update(UpdateOperation) "update_operation" Write by Bank;
        GetData(GetOperationData) "get_operation_data_list" Read by BankOrDevice;
        Process(ProcessOperation) "operations_process" Write by Device;
        Expire(ExpireOperation) "expire_operation" Write by House;
    }
}

impl OperationCommand {
    /// The operation it concerns; `None` for a list of them.
    pub fn operation_id(&self) -> Option<&OperationId> {
        match self {
            Self::Create(command) => Some(&command.operation_id),
            Self::List(_) => None,
            Self::GetInfo(command) => Some(&command.operation_id),
            Self::Update(command) => Some(&command.operation_id),
            Self::GetData(command) => Some(&command.operation_id),
            Self::Process(command) => Some(&command.operation_id),
            Self::Expire(command) => Some(&command.operation_id),
        }
    }
}

/// Where an operation stands. The words are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationStatus {
    /// None of its transactions has an outcome.
    Created,
    /// Some of them have.
    Partly,
    /// All of them have.
    Processed,
    /// The deadline passed before all of them had.
    Expired,
}

impl OperationStatus {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Partly => "partly",
            Self::Processed => "processed",
            Self::Expired => "expired",
        }
    }
}

/// Asks a person to confirm several texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateOperation {
    /// The bank's own id, or one derived from the command's identity.
    pub operation_id: OperationId,
    /// What it is about. Erasable, and never signed.
    #[serde(default)]
    pub description: Option<Described>,
    /// Where outcomes are reported, instead of the system's own address.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// Lifetime, seconds; `None` takes the setting's, 0 means without limit.
    #[serde(default)]
    pub ttl_s: Option<i64>,
    /// How the user is told.
    pub notification_type: NotificationType,
    /// Free JSON for the application.
    #[serde(default)]
    pub app_extra: Option<Secret>,
    /// Digits of the confirmation codes, 4 to 10; `None` means all 64 hex digits.
    #[serde(default)]
    pub confirm_code_length: Option<u8>,
    /// What is to be confirmed.
    pub transactions: Vec<NewMember>,
}

/// A transaction of a new operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMember {
    /// The bank's own id, or one derived from the command's identity.
    pub transaction_id: TransactionId,
    /// What is shown and signed. Erasable, hence never in an event.
    pub text: Secret,
    /// How it is shown.
    pub text_type: TextType,
    /// A few words for a list.
    #[serde(default)]
    pub snippet: Option<Described>,
    /// Bytes to go with the text, if any.
    #[serde(default)]
    pub binary: Option<Secret>,
}

/// Lists a user's operations: those that wait for a device, all of them for the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListOperations {}

/// Asks where an operation and its transactions stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetOperationInfo {
    /// Which one.
    pub operation_id: OperationId,
}

/// Changes the frame of an operation nobody has seen yet. What is `None` stays as it is; its transactions stay in any
/// case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateOperation {
    /// Which one.
    pub operation_id: OperationId,
    /// What it is about.
    #[serde(default)]
    pub description: Option<Described>,
    /// Where outcomes are reported; empty text means the system's own address.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// Lifetime from now on, seconds; 0 means without limit.
    #[serde(default)]
    pub ttl_s: Option<i64>,
    /// Free JSON for the application.
    #[serde(default)]
    pub app_extra: Option<Secret>,
}

/// Asks for an operation's texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetOperationData {
    /// Which one.
    pub operation_id: OperationId,
}

/// The user answers some transactions of an operation, or all of them: all answers count, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessOperation {
    /// Which one.
    pub operation_id: OperationId,
    /// The answers.
    pub answers: Vec<MemberAnswer>,
    /// Which device it says it is; `None` when it does not say.
    #[serde(default)]
    pub device_fingerprint: Option<Digest>,
}

/// The user's answer to one transaction of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberAnswer {
    /// To which one.
    pub transaction_id: TransactionId,
    /// Yes or no.
    pub answer: YesOrNo,
}

/// A user's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum YesOrNo {
    /// The user agrees.
    Confirm {
        /// ECDSA P-256 over the transaction's own canonical bytes, DER as received.
        #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
        signature: Option<Vec<u8>>,
        /// The transaction's own confirmation code.
        #[serde(default)]
        confirm_code: Option<String>,
    },
    /// The user does not agree.
    Decline {
        /// Why, in words the application chose.
        reason: String,
        /// Why, as a number of the application's.
        #[serde(default)]
        code: Option<i64>,
    },
}

/// The house notes that an operation's deadline has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpireOperation {
    /// Whose deadline.
    pub operation_id: OperationId,
}
