//! How an operation reads on the wire, at both doors.

use schemas::answers::{OperationData, OperationInfo, OperationMember};
use schemas::operation_content::Described;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::routes::transactions::{TransactionEntry, TransactionShown, notification_word};

/// Where an operation stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationEntry {
    /// Which one.
    operation_id: String,
    /// `created`, `partly`, `processed` or `expired`.
    status: &'static str,
    /// ms since the Unix epoch.
    created_at: i64,
    /// Deadline, ms since the Unix epoch; null means without limit.
    expires_at: Option<i64>,
    /// When its last transaction got an outcome; null while one waits.
    finished_at: Option<i64>,
    /// `Push`, `Offline` or `URL`.
    notification_type: &'static str,
    /// How many transactions it has.
    transactions_total: u32,
    /// How many of them still wait for the user.
    transactions_waiting: u32,
}

impl From<&OperationInfo> for OperationEntry {
    fn from(info: &OperationInfo) -> Self {
        Self {
            operation_id: info.operation_id.to_string(),
            status: info.status.word(),
            created_at: info.created_at.0,
            expires_at: info.expires_at.map(|at| at.0),
            finished_at: info.finished_at.map(|at| at.0),
            notification_type: notification_word(info.notification_type),
            transactions_total: info.total,
            transactions_waiting: info.waiting,
        }
    }
}

/// `operation_list`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationList {
    /// The operations, oldest first.
    operations: Vec<OperationEntry>,
}

impl From<&Vec<OperationInfo>> for OperationList {
    fn from(infos: &Vec<OperationInfo>) -> Self {
        Self {
            operations: infos.iter().map(OperationEntry::from).collect(),
        }
    }
}

/// `operation_info` and `operation_updated`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationRecord {
    #[serde(flatten)]
    operation: OperationEntry,
    /// Its transactions, in the order of their creation; absent where only the frame was changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transactions: Vec<TransactionEntry>,
}

impl From<&OperationInfo> for OperationRecord {
    fn from(info: &OperationInfo) -> Self {
        Self {
            operation: OperationEntry::from(info),
            transactions: info
                .transactions
                .iter()
                .map(TransactionEntry::from)
                .collect(),
        }
    }
}

/// `operation_data`: what is shown of an operation, and signed of each transaction in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperationShown<'a> {
    #[serde(flatten)]
    operation: OperationEntry,
    /// What it is about; null without a description, or once it was erased. Never signed.
    description: Option<&'a str>,
    /// `raw` or `markdown`; null without a description.
    description_type: Option<&'static str>,
    /// JSON for the application, as the bank gave it.
    #[schema(value_type = Option<Object>)]
    app_extra: Option<&'a RawValue>,
    /// Its transactions, in the order of their creation.
    transactions: Vec<MemberShown<'a>>,
}

/// A transaction of an operation.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberShown<'a> {
    #[serde(flatten)]
    transaction: TransactionEntry,
    /// A few words for a list; null without any. Never signed: show the text before asking for a consent.
    snippet: Option<&'a str>,
    /// `raw` or `markdown`; null without a snippet.
    snippet_type: Option<&'static str>,
    /// What is shown and signed; null where the caller may not see it any more.
    data: Option<TransactionShown<'a>>,
}

impl<'a> OperationShown<'a> {
    /// `None` when a text is not UTF-8, or the application's part no JSON: the door took both as JSON, so that is a bug
    /// behind it.
    pub(crate) fn of(data: &'a OperationData) -> Option<Self> {
        let members = data.members.iter().map(MemberShown::of);
        let app_extra = match &data.app_extra {
            Some(extra) => Some(serde_json::from_slice(extra.expose()).ok()?),
            None => None,
        };
        Some(Self {
            operation: OperationEntry::from(&data.info),
            description: text_of(data.description.as_ref())?,
            description_type: type_of(data.description.as_ref()),
            app_extra,
            transactions: members.collect::<Option<_>>()?,
        })
    }
}

impl<'a> MemberShown<'a> {
    fn of(member: &'a OperationMember) -> Option<Self> {
        let data = match &member.data {
            Some(data) => Some(TransactionShown::of(data)?),
            None => None,
        };
        Some(Self {
            transaction: TransactionEntry::from(&member.info),
            snippet: text_of(member.snippet.as_ref())?,
            snippet_type: type_of(member.snippet.as_ref()),
            data,
        })
    }
}

/// The text, if there is one; the outer `None` means that it is not UTF-8.
#[expect(
    clippy::option_option,
    reason = "whether there is a text, and whether it reads, are two questions"
)]
fn text_of(described: Option<&Described>) -> Option<Option<&str>> {
    match described {
        Some(described) => described.text.expose_text().map(Some),
        None => Some(None),
    }
}

fn type_of(described: Option<&Described>) -> Option<&'static str> {
    described.map(|described| described.text_type.word())
}
