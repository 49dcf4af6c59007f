//! The contents of the answers, one type for each.

use schemas::canonical::TextType;
use schemas::commands::operations::OperationStatus;
use schemas::commands::transactions::TransactionStatus;
use schemas::{Digest, KeyIndex, OperationId, Timestamp, TransactionId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The content of an answer of one type.
pub trait Content: DeserializeOwned {
    /// The word in `answer_type`, and the name of the content beside `result`.
    const TYPE: &'static str;
}

macro_rules! contents {
    ($($name:ident $word:literal)*) => {$(
        impl Content for $name {
            const TYPE: &'static str = $word;
        }
    )*};
}

contents! {
    KeyActivated "key_activated"
    CredentialsSalt "credentials_salt"
    CredentialsSet "credentials_set"
    Credentials "credentials"
    Registered "registered"
    FingerprintSet "fingerprint_set"
    Reported "reported"
    TransactionList "transaction_list"
    TransactionData "transaction_data"
    TransactionBinaryData "transaction_binary_data"
    TransactionConfirmed "transaction_confirmed"
    TransactionDeclined "transaction_declined"
    AutoconfirmList "autoconfirm_list"
    TransactionAutoconfirmed "transaction_autoconfirmed"
    ScoringSettings "scoring_settings"
    RecoveryTemplates "recovery_templates"
    TemplateSet "recovery_template_set"
    RecoveryRequisites "recovery_requisites"
    RecoveryChallenge "recovery_challenge"
    KeyRenewed "key_renewed"
    OperationList "operation_list"
    OperationData "operation_data"
    OperationProcessed "operation_processed"
}

/// The activation code was right.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyActivated {
    /// The second half of the key, sealed under the code; hex of 60 bytes.
    pub released: String,
}

/// How the password is to be derived.
#[derive(Clone, Debug, Deserialize)]
pub struct CredentialsSalt {
    /// Hex of 16 bytes.
    pub salt: String,
    /// Name of the derivation.
    pub kdf: String,
    /// Memory, KiB.
    pub memory_kib: u32,
    /// How often the memory is gone over.
    pub passes: u32,
    /// How many threads could share the work.
    pub lanes: u32,
}

/// The password is set.
#[derive(Clone, Debug, Deserialize)]
pub struct CredentialsSet {
    /// The access key, closed under the new password; hex of 60 bytes.
    pub access_key: String,
}

/// The password was right.
#[derive(Clone, Debug, Deserialize)]
pub struct Credentials {
    /// The access key, closed under the password; hex of 60 bytes.
    pub access_key: String,
}

/// The public key is registered.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Registered {}

/// The fingerprint is set.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct FingerprintSet {}

/// The report was taken.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Reported {}

/// The pending transactions.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionList {
    /// One line each.
    pub transactions: Vec<TransactionSummary>,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TransactionSummary {
    /// Which one.
    pub transaction_id: TransactionId,
    /// Where it stands.
    pub status: TransactionStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Deadline; `None` means no deadline.
    pub expires_at: Option<Timestamp>,
    /// Whether bytes go with the text.
    pub has_binary: bool,
}

/// What is to be shown and signed.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionData {
    /// Which one.
    pub transaction_id: TransactionId,
    /// The text.
    pub text: String,
    /// How it is shown.
    pub text_type: TextType,
    /// The salt under the signature; hex of 32 bytes.
    pub salt: Digest,
    /// SHA-256 of the bytes that go with it; `None` without bytes.
    pub binary_sha256: Option<Digest>,
    /// SHA-256 of the canonical bytes, as the server computes it.
    pub digest: Digest,
    /// Deadline; `None` means no deadline.
    pub expires_at: Option<Timestamp>,
    /// Decimal digits of the confirmation code; `None` means 64 hex digits.
    pub confirm_code_length: Option<u8>,
}

/// The bytes that go with a text.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionBinaryData {
    /// Base64.
    pub data: String,
}

/// The transaction is confirmed.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionConfirmed {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// The transaction is declined.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionDeclined {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// What may be confirmed without the user.
#[derive(Clone, Debug, Deserialize)]
pub struct AutoconfirmList {
    /// One offer each.
    pub transactions: Vec<AutoconfirmOffer>,
}

/// A transaction that may be confirmed without the user.
#[derive(Clone, Debug, Deserialize)]
pub struct AutoconfirmOffer {
    /// Its line in a list.
    #[serde(flatten)]
    pub transaction: TransactionSummary,
    /// The attempt that is offered for it.
    pub attempt_id: Digest,
}

/// The transaction is confirmed, without the user.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionAutoconfirmed {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// What the scoring service's library needs.
#[derive(Clone, Debug, Deserialize)]
pub struct ScoringSettings {
    /// Any object.
    pub application: serde_json::Map<String, serde_json::Value>,
}

/// The ways of additional authentication.
#[derive(Clone, Debug, Deserialize)]
pub struct RecoveryTemplates {
    /// One each.
    pub templates: Vec<RecoveryTemplate>,
}

/// A way of additional authentication.
#[derive(Clone, Debug, Deserialize)]
pub struct RecoveryTemplate {
    /// Its name.
    pub template_id: String,
    /// `code_word` or `http`.
    #[serde(rename = "type")]
    pub method: String,
    /// How it is shown to the user.
    pub title: String,
}

/// An additional authentication is set up.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct TemplateSet {}

/// What the user has set up.
#[derive(Clone, Debug, Deserialize)]
pub struct RecoveryRequisites {
    /// By which template.
    pub template_id: String,
    /// `code_word` or `http`.
    #[serde(rename = "type")]
    pub method: String,
    /// How it is shown to the user.
    pub title: String,
    /// The text that was set up; `None` of a code word.
    pub requisites: Option<String>,
}

/// What is to be answered.
#[derive(Clone, Debug, Deserialize)]
pub struct RecoveryChallenge {
    /// By which template.
    pub template_id: String,
    /// `code_word` or `http`.
    #[serde(rename = "type")]
    pub method: String,
    /// The challenge.
    pub challenge: Digest,
    /// End of its life.
    pub expires_at: Timestamp,
    /// Under which the code word was stretched, hex of 16 bytes; `None` of another template.
    pub salt: Option<String>,
}

/// The answer was right.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyRenewed {
    /// Number of the new key.
    pub key_index: KeyIndex,
    /// Its flags.
    pub key_flags: u32,
    /// End of its life, Unix seconds.
    pub valid_to: i64,
    /// The new key, closed for this device; hex of 60 bytes.
    pub released: String,
}

/// The operations in which something waits.
#[derive(Clone, Debug, Deserialize)]
pub struct OperationList {
    /// One line each.
    pub operations: Vec<OperationSummary>,
}

/// One line of the list of operations.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OperationSummary {
    /// Which one.
    pub operation_id: OperationId,
    /// Where it stands.
    pub status: OperationStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Deadline; `None` means no deadline.
    pub expires_at: Option<Timestamp>,
    /// How many transactions it has.
    pub transactions_total: u32,
    /// How many of them still wait for the user.
    pub transactions_waiting: u32,
}

/// What is to be shown of an operation, and signed of each transaction in it.
#[derive(Clone, Debug, Deserialize)]
pub struct OperationData {
    /// The operation.
    #[serde(flatten)]
    pub operation: OperationSummary,
    /// What it is about; `None` without a description.
    pub description: Option<String>,
    /// JSON for the application.
    pub app_extra: Option<serde_json::Value>,
    /// Its transactions.
    pub transactions: Vec<OperationMember>,
}

/// A transaction of an operation.
#[derive(Clone, Debug, Deserialize)]
pub struct OperationMember {
    /// Its line in a list.
    #[serde(flatten)]
    pub transaction: TransactionSummary,
    /// A few words for a list; `None` without any.
    pub snippet: Option<String>,
    /// What is shown and signed; `None` once it was answered.
    pub data: Option<TransactionData>,
}

/// The answers to an operation were taken.
#[derive(Clone, Debug, Deserialize)]
pub struct OperationProcessed {
    /// Which one.
    pub operation_id: OperationId,
    /// `partly` while something waits, else `processed`.
    pub status: OperationStatus,
}
