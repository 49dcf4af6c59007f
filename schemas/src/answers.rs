//! Answers: what the runner tells the door. The door renders them; it adds nothing of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::TextType;
use crate::commands::code_orders::{Channel, Language};
use crate::commands::keys::PushAddress;
use crate::commands::operations::OperationStatus;
use crate::commands::systems::SystemParameters;
use crate::commands::transactions::{NotificationType, TransactionKind, TransactionStatus};
use crate::errors::ErrorCode;
use crate::flags::KeyFlags;
use crate::ids::{
    CodeOrderId, CommandId, Digest, KeyIndex, OperationId, SystemId, TransactionId, UserId,
};
use crate::lanes::Position;
use crate::operation_content::Described;
use crate::sealed::Secret;
use crate::time::Timestamp;

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// 0, or why not.
    pub code: ErrorCode,
    /// Where the last event of the command lies; `None` when nothing was appended for it.
    #[serde(default)]
    pub position: Option<Position>,
    /// Key to authenticate the answer to a device with; only for callers whose MAC was right.
    #[serde(default)]
    pub response_key: Option<Secret>,
    /// The runner's clock when it answered.
    pub answered_at: Timestamp,
    /// The substance.
    pub body: AnswerBody,
}

/// The substance of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerBody {
    /// Nothing beyond the code.
    Nothing,
    /// The answer holds a secret and lies in the vault under the command's id.
    InVault(CommandId),
    /// `server_settings`: every setting's value in force, by name; `***` for one that holds credentials.
    Settings(BTreeMap<String, String>),
    /// `system_registered`, `system_info`, `system_changed`.
    System(Box<SystemInfo>),
    /// `billing_closed`, `system_report`.
    Billing(Box<BillingPeriod>),
    /// `webhook_keys_rotated`.
    WebhookKeysRotated {
        /// Generation of the new keys.
        generation: u32,
        /// Since when.
        rotated_at: Timestamp,
    },
    /// `user_created`, `key_updated`, `key_exported`.
    KeyIssued(Box<IssuedKey>),
    /// `key_activated`, for the bank.
    KeyPutInForce {
        /// The key in force from now on.
        key_index: KeyIndex,
    },
    /// `user_info`.
    User(Box<UserInfo>),
    /// `transaction_created`.
    TransactionCreated {
        /// Its id.
        transaction_id: TransactionId,
        /// What a QR code for the phone holds, when there is to be one.
        #[serde(default)]
        qr_text: Option<Secret>,
        /// The link that opens it in the application, when the user is told by one.
        #[serde(default)]
        link: Option<String>,
    },
    /// `transaction_list`.
    Transactions(Vec<TransactionInfo>),
    /// `transaction_info`.
    Transaction(Box<TransactionInfo>),
    /// `transaction_data`.
    TransactionData(Box<TransactionData>),
    /// `transaction_binary_data`.
    TransactionBinaryData {
        /// The bytes.
        binary: Secret,
    },
    /// `operation_created`.
    OperationCreated {
        /// Its id.
        operation_id: OperationId,
        /// Its transactions, in the order of the request.
        transaction_ids: Vec<TransactionId>,
    },
    /// `operation_list`.
    Operations(Vec<OperationInfo>),
    /// `operation_info`, `operation_updated`.
    Operation(Box<OperationInfo>),
    /// `operation_data`.
    OperationData(Box<OperationData>),
    /// `operation_processed`.
    OperationProcessed {
        /// Which one.
        operation_id: OperationId,
        /// Where it stands now.
        status: OperationStatus,
    },
    /// `autoconfirm_list`.
    AutoconfirmList(Vec<AutoconfirmOffer>),
    /// `attempt_scoring`.
    AttemptScored(Box<AttemptScoring>),
    /// `scoring_settings`.
    ScoringSettings {
        /// JSON object for the scoring service's library on the device.
        application: String,
    },
    /// `recovery_templates`.
    RecoveryTemplates(Vec<RecoveryTemplate>),
    /// `recovery_requisites`.
    RecoveryRequisites(Box<RecoveryRequisites>),
    /// `recovery_challenge`.
    RecoveryChallenge(Box<RecoveryChallenge>),
    /// `key_renewed`.
    KeyRenewed {
        /// Number of the new key.
        key_index: KeyIndex,
        /// Its flags.
        flags: KeyFlags,
        /// End of its life.
        valid_to: Timestamp,
        /// The new key, sealed for the device.
        released: Secret,
    },
    /// `renewal_refused`: with 314.
    RenewalRefused {
        /// Tries that are left.
        attempts_left: u32,
    },
    /// `rks_transactions_data`.
    TransactionSeen(Box<TransactionSeen>),
    /// `rks_check_confirmation`.
    ConfirmationChecked(Box<ConfirmationCheck>),
    /// `confirm_code`: a confirmation code for data that is no transaction.
    ConfirmCode {
        /// The code.
        code: Secret,
    },
    /// `activation_code_ordered`.
    CodeOrdered {
        /// The order.
        order_id: CodeOrderId,
        /// The key whose code is sent.
        key_index: KeyIndex,
        /// By which ways.
        channels: Vec<Channel>,
        /// End of the key's life.
        valid_to: Timestamp,
    },
    /// What the house sends; for the house alone.
    CodeToSend(Box<CodeToSend>),
    /// `key_activated`.
    KeyActivated {
        /// The second half of the key, sealed for the device.
        released: Secret,
    },
    /// `credentials_salt`.
    CredentialsSalt {
        /// 16 bytes; not secret.
        #[serde(with = "serde_bytes")]
        salt: Vec<u8>,
    },
    /// `credentials_set` and `credentials`.
    AccessKey {
        /// The access key, closed for whoever knows the password.
        closed: Secret,
    },
    /// `password_refused`: with 344.
    PasswordRefused {
        /// Tries that are left.
        attempts_left: u32,
    },
    /// `activation_refused`: with 342.
    ActivationRefused {
        /// Tries that are left.
        attempts_left: u32,
    },
}

/// A message with an activation code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeToSend {
    /// The code, as text.
    pub code: Secret,
    /// Whom to: a number or an address, as the channel has it.
    pub contact: Secret,
    /// In which language.
    pub language: Language,
    /// End of the key's life.
    pub valid_to: Timestamp,
}

/// A system's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemInfo {
    /// Which system.
    pub system_id: SystemId,
    /// What it is called.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Billing model.
    pub billing_type: i64,
    /// Billing period, days.
    pub billing_period: i64,
    /// Its changeable parameters.
    pub parameters: SystemParameters,
    /// The request as received.
    pub register_request: String,
    /// The licenses that count for it; none where nothing is limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseUse>,
    /// Whether it was removed.
    pub is_deleted: bool,
}

/// A stretch of time that a system is billed for, or reported about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingPeriod {
    /// The system as it is now.
    pub system: SystemInfo,
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A license, and how far it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseUse {
    /// Its name among the issuer's licenses.
    pub license_id: String,
    /// Users it lets be there at once.
    pub users_count: i64,
    /// Users that take it up.
    pub used: i64,
}

/// A freshly issued key, for the QR code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// Which user.
    pub user_id: UserId,
    /// Number of the key.
    pub key_index: KeyIndex,
    /// Its flags.
    pub flags: KeyFlags,
    /// End of its life.
    pub valid_to: Timestamp,
    /// The name the phone shows.
    pub user_name: Option<String>,
    /// Address of the mobile door.
    pub url: Option<String>,
    /// What the QR code carries: the whole secret, or its first half.
    pub first_part: Secret,
    /// The activation code, when we drew it.
    pub activation_code: Option<Secret>,
    /// Whether an activation code is needed.
    pub two_parts: bool,
    /// Free JSON for the application.
    pub app_extra: Option<String>,
    /// Scheme of the system's deep links.
    pub qr_url_scheme: Option<String>,
}

/// A user's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// Which user.
    pub user_id: UserId,
    /// The name.
    pub user_name: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Number of the key in force.
    pub key_index: KeyIndex,
    /// Its flags.
    pub key_flags: KeyFlags,
    /// End of its life.
    pub key_valid_to: Timestamp,
    /// `issued`, `active` or `blocked`.
    pub key_status: String,
    /// Number of the key that is to replace it; `None` when none is delayed.
    #[serde(default)]
    pub delayed_key_index: Option<KeyIndex>,
    /// Why the bank has blocked the user; `None` when it has not, and empty when the reason was erased.
    #[serde(default)]
    pub block_reason: Option<String>,
    /// The registered public key, SPKI DER.
    #[serde(with = "serde_bytes")]
    pub public_key: Option<Vec<u8>>,
    /// The registered public key for automatic confirmations, SPKI DER.
    #[serde(default, with = "serde_bytes")]
    pub autosign_public_key: Option<Vec<u8>>,
    /// Where pushes reach the device.
    pub push: Option<PushAddress>,
    /// The device's fingerprint.
    pub device_fingerprint: Option<Digest>,
}

/// A transaction's status and outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionInfo {
    /// Which one.
    pub transaction_id: TransactionId,
    /// Where it stands.
    pub status: TransactionStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Deadline.
    pub expires_at: Option<Timestamp>,
    /// When it was confirmed, declined, expired or deleted.
    pub finished_at: Option<Timestamp>,
    /// Whether bytes go with the text.
    pub has_binary: bool,
    /// The operation it is part of.
    #[serde(default)]
    pub operation_id: Option<OperationId>,
    /// What it is for.
    #[serde(default)]
    pub kind: TransactionKind,
}

/// A transaction that the device may confirm without its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoconfirmOffer {
    /// The transaction.
    pub info: TransactionInfo,
    /// The attempt that is offered for it.
    pub attempt_id: Digest,
}

/// A way of additional authentication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryTemplate {
    /// Its name in requests.
    pub template_id: String,
    /// `code_word` or `http`.
    pub method: String,
    /// How it is shown to the user.
    pub title: String,
}

/// What a user has set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryRequisites {
    /// By which template.
    pub template_id: String,
    /// `code_word` or `http`.
    pub method: String,
    /// How it is shown to the user.
    pub title: String,
    /// The text that was set up; `None` of a code word.
    #[serde(default)]
    pub text: Option<Secret>,
}

/// What is to be answered, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryChallenge {
    /// By which template.
    pub template_id: String,
    /// `code_word` or `http`.
    pub method: String,
    /// The challenge.
    pub challenge: Digest,
    /// End of its life.
    pub expires_at: Timestamp,
    /// Under which the code word was stretched; `None` of another template.
    #[serde(default, with = "serde_bytes")]
    pub salt: Option<Vec<u8>>,
}

/// What the scoring service said of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptScoring {
    /// Which transaction was to be confirmed.
    pub transaction_id: TransactionId,
    /// In which attempt.
    pub attempt_id: Digest,
    /// 0 to 100.
    pub score: u8,
    /// The least score that was enough by then.
    pub score_min: u8,
    /// When it was decided on.
    pub scored_at: Timestamp,
    /// What the service said besides: a JSON object.
    #[serde(default)]
    pub details: Option<Secret>,
}

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationInfo {
    /// Which one.
    pub operation_id: OperationId,
    /// Where it stands.
    pub status: OperationStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Deadline.
    pub expires_at: Option<Timestamp>,
    /// When its last transaction got an outcome.
    pub finished_at: Option<Timestamp>,
    /// How the user is told.
    pub notification_type: NotificationType,
    /// How many transactions it has.
    pub total: u32,
    /// How many of them still wait for the user.
    pub waiting: u32,
    /// Its transactions, in the order they were created; empty in a list of operations.
    pub transactions: Vec<TransactionInfo>,
}

/// What the device shows of an operation, and signs of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationData {
    /// The operation; its own list of transactions is empty.
    pub info: OperationInfo,
    /// What it is about; `None` without one, or once it was erased.
    pub description: Option<Described>,
    /// Free JSON for the application.
    pub app_extra: Option<Secret>,
    /// Its transactions, in the order they were created.
    pub members: Vec<OperationMember>,
}

/// A transaction of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationMember {
    /// Where it stands.
    pub info: TransactionInfo,
    /// A few words for a list; never signed.
    pub snippet: Option<Described>,
    /// What is shown and signed; `None` when the caller may not see it any more.
    pub data: Option<TransactionData>,
}

/// What the device shows and signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionData {
    /// Which one.
    pub transaction_id: TransactionId,
    /// The salt under the signature.
    #[serde(with = "serde_bytes")]
    pub salt: Vec<u8>,
    /// How the text is shown.
    pub text_type: TextType,
    /// The text.
    pub text: Secret,
    /// SHA-256 of the bytes that go with it.
    pub binary_sha256: Option<Digest>,
    /// What will be signed: the device recomputes it.
    pub digest: Digest,
    /// Deadline.
    pub expires_at: Option<Timestamp>,
    /// Digits of the confirmation code; `None` means 64 hex digits.
    pub confirm_code_length: Option<u8>,
}

/// A transaction as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionSeen {
    /// Whose it is.
    pub user_id: UserId,
    /// Where it stands.
    pub info: TransactionInfo,
    /// What is signed; `None` once it was erased.
    pub data: Option<TransactionData>,
}

/// What confirmed a transaction, checked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationCheck {
    /// Whose it is.
    pub user_id: UserId,
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// When it was confirmed.
    pub confirmed_at: Timestamp,
    /// With which key.
    pub key_index: KeyIndex,
    /// SHA-256 of what was signed.
    pub digest: Digest,
    /// The public key registered for that key by then, SPKI DER.
    #[serde(with = "serde_bytes")]
    pub public_key: Option<Vec<u8>>,
    /// The signature, DER.
    #[serde(with = "serde_bytes")]
    pub signature: Option<Vec<u8>>,
    /// The attempt of an automatic confirmation, which is signed with the digest; `None` when the user confirmed.
    #[serde(default)]
    pub attempt_id: Option<Digest>,
    /// The confirmation code.
    pub confirm_code: Option<String>,
    /// Is the signature that key's over the digest?
    pub signature_verdict: Verdict,
    /// Is the code that key's for the digest and the time, under today's T_CONFIRM_CODE?
    pub confirm_code_verdict: Verdict,
    /// Do text and bytes have the digest?
    pub content_verdict: Verdict,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is right.
    Valid,
    /// It is not.
    Invalid,
    /// There never was one.
    Absent,
    /// What it takes to check it was erased or replaced since.
    Gone,
}

impl Verdict {
    /// Right or not.
    pub fn of(is_right: impl Into<Option<bool>>) -> Self {
        match is_right.into() {
            Some(true) => Self::Valid,
            Some(false) => Self::Invalid,
            None => Self::Gone,
        }
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Absent => "absent",
            Self::Gone => "gone",
        }
    }
}

impl Answer {
    /// An answer with nothing but a code.
    pub fn only(code: ErrorCode, answered_at: Timestamp) -> Self {
        Self {
            code,
            position: None,
            response_key: None,
            answered_at,
            body: AnswerBody::Nothing,
        }
    }
}
