//! Commands about transactions.

use serde::{Deserialize, Serialize};

use crate::canonical::TextType;
use crate::commands::commands;
use crate::ids::{Digest, OperationId, TransactionId};
use crate::sealed::Secret;

commands! {
    /// About transactions.
    TransactionCommand of Transactions {
        Create(CreateTransaction) "create_transaction" Write by Bank;
        List(ListTransactions) "get_transactions" Read by BankOrDevice;
        GetInfo(GetTransactionInfo) "get_transaction_info" Read by Bank;
        GetData(GetTransactionData) "get_transaction_data" Read by BankOrDevice;
        GetBinaryData(GetTransactionBinaryData) "get_transaction_binary_data" Read by BankOrDevice;
        Confirm(ConfirmTransaction) "confirm_transaction" Write by BankOrDevice;
        Decline(DeclineTransaction) "decline_transaction" Write by BankOrDevice;
        Expire(ExpireTransaction) "expire_transaction" Write by House;
        Delete(DeleteTransaction) "delete_transaction" Write by Bank;
        NotePushSent(NotePushSent) "send_push" Write by House;
        NotePushFailed(NotePushFailed) "fail_push" Write by House;
        ListAutoconfirm(ListAutoconfirm) "get_autoconfirm_list" Read by Device;
        Autoconfirm(AutoconfirmTransaction) "autoconfirm_transaction" Write by Device;
        GetAttemptScoring(GetAttemptScoring) "attempt_scoring_details" Read by Bank;
    }
}

impl TransactionCommand {
    /// The transaction it concerns; `None` for a list of them.
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        match self {
            Self::Create(command) => Some(&command.transaction_id),
            Self::List(_) | Self::ListAutoconfirm(_) => None,
            Self::Autoconfirm(command) => Some(&command.transaction_id),
            Self::GetAttemptScoring(command) => Some(&command.transaction_id),
            Self::GetInfo(command) => Some(&command.transaction_id),
            Self::GetData(command) => Some(&command.transaction_id),
            Self::GetBinaryData(command) => Some(&command.transaction_id),
            Self::Confirm(command) => Some(&command.transaction_id),
            Self::Decline(command) => Some(&command.transaction_id),
            Self::Expire(command) => Some(&command.transaction_id),
            Self::Delete(command) => Some(&command.transaction_id),
            Self::NotePushSent(command) => Some(&command.transaction_id),
            Self::NotePushFailed(command) => Some(&command.transaction_id),
        }
    }
}

/// Asks a person to confirm a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTransaction {
    /// The bank's own id, or one derived from the command's identity.
    pub transaction_id: TransactionId,
    /// Whether the bank chose the id.
    pub chosen: bool,
    /// What is shown. Erasable, hence never in an event.
    pub text: Secret,
    /// How it is shown.
    pub text_type: TextType,
    /// Bytes to go with it, if any.
    #[serde(default)]
    pub binary: Option<Secret>,
    /// Where the outcome is reported, instead of the system's own address.
    #[serde(default)]
    pub callback_url: Option<String>,
    /// Digits of the confirmation code, 4 to 10; `None` means all 64 hex digits.
    #[serde(default)]
    pub confirm_code_length: Option<u8>,
    /// Lifetime, seconds; `None` takes the setting's, 0 means without limit.
    #[serde(default)]
    pub ttl_s: Option<i64>,
    /// How the user is told.
    pub notification_type: NotificationType,
    /// What it is for.
    #[serde(default)]
    pub kind: TransactionKind,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionKind {
    /// Anything else.
    #[default]
    Ordinary,
    /// A login to the bank's own service.
    Login,
}

impl TransactionKind {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Login => "login",
        }
    }
}

/// How the user is told of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationType {
    /// By push.
    #[default]
    Push,
    /// Not at all; the code comes back by the bank.
    Offline,
    /// By a link.
    #[serde(rename = "URL")]
    Url,
}

/// Status of a transaction, by the manual's words and two of ours (`expired`, `deleted`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransactionStatus {
    /// Created.
    Initialized,
    /// A push was accepted.
    PushSent,
    /// The device fetched it.
    DataSent,
    /// Confirmed by the user.
    Confirmed,
    /// Declined by the user or by the bank.
    Declined,
    /// The deadline passed first.
    Expired,
    /// Deleted by the bank.
    Deleted,
}

impl TransactionStatus {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Initialized => "initialized",
            Self::PushSent => "pushSent",
            Self::DataSent => "dataSent",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
        }
    }

    /// The status of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        use TransactionStatus::{
            Confirmed, DataSent, Declined, Deleted, Expired, Initialized, PushSent,
        };
        [
            Initialized,
            PushSent,
            DataSent,
            Confirmed,
            Declined,
            Expired,
            Deleted,
        ]
        .into_iter()
        .find(|status| status.word() == word)
    }
}

/// Lists a user's transactions: the pending ones for a device, those with given statuses for the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListTransactions {
    /// Only these; empty means the pending ones.
    pub statuses: Vec<TransactionStatus>,
}

/// Asks for a transaction's status and outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTransactionInfo {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// Asks for a transaction's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTransactionData {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// Asks for a transaction's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTransactionBinaryData {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// The user agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmTransaction {
    /// To which one.
    pub transaction_id: TransactionId,
    /// ECDSA P-256 over the canonical bytes, DER as received.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub signature: Option<Vec<u8>>,
    /// 64 lower-case hex digits, or as many decimal digits as the transaction asks for.
    #[serde(default)]
    pub confirm_code: Option<String>,
    /// The fingerprint of the device that asks; `None` when it does not say.
    #[serde(default)]
    pub device_fingerprint: Option<Digest>,
}

/// The user, or the bank, does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclineTransaction {
    /// To which one.
    pub transaction_id: TransactionId,
    /// Why, in words the application chose.
    pub reason: String,
    /// Why, as a number of the application's.
    #[serde(default)]
    pub code: Option<i64>,
}

/// The house notes that a deadline has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpireTransaction {
    /// Whose deadline.
    pub transaction_id: TransactionId,
}

/// The bank takes a pending transaction back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTransaction {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// The house notes that a push service took the push of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotePushSent {
    /// Which one; of an operation its first.
    pub transaction_id: TransactionId,
    /// The operation that the push announces, all of it; `None` for one transaction.
    #[serde(default)]
    pub operation_id: Option<OperationId>,
    /// Identity of the push.
    pub push_id: String,
}

/// The house notes that the push of a transaction is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotePushFailed {
    /// Which one; of an operation its first.
    pub transaction_id: TransactionId,
    /// Identity of the push.
    pub push_id: String,
    /// Why.
    pub reason: PushFailure,
}

/// Why a push is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFailure {
    /// The push service knows the device's token no more.
    TokenGone,
    /// The push service refused it for good.
    Refused,
    /// Nothing took it as long as it could be of use.
    Late,
    /// There are no credentials for the device's application.
    NoCredentials,
    /// There is no template for the device's kind.
    NoTemplate,
}

impl PushFailure {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TokenGone,
        Self::Refused,
        Self::Late,
        Self::NoCredentials,
        Self::NoTemplate,
    ];

    /// The word in the event.
    pub fn word(self) -> &'static str {
        match self {
            Self::TokenGone => "token_gone",
            Self::Refused => "refused",
            Self::Late => "late",
            Self::NoCredentials => "no_credentials",
            Self::NoTemplate => "no_template",
        }
    }

    /// The failure of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.word() == word)
    }
}

/// Asks what the device may confirm without its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListAutoconfirm {}

/// The device confirms without its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoconfirmTransaction {
    /// Which one.
    pub transaction_id: TransactionId,
    /// The attempt that the list offered for it.
    pub attempt_id: Digest,
    /// ECDSA P-256 by the second pair over the attempt and the transaction's digest, DER as received.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
    /// The session of the scoring service's library on the device.
    pub scoring_session: Secret,
    /// The fingerprint of the device that asks; `None` when it does not say.
    #[serde(default)]
    pub device_fingerprint: Option<Digest>,
}

/// Asks what the scoring service said of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetAttemptScoring {
    /// Of which transaction.
    pub transaction_id: TransactionId,
    /// Which attempt.
    pub attempt_id: Digest,
}
