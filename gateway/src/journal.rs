//! The port to the audit journal: who serves it is none of the doors' business.

use std::time::Duration;

use futures::future::BoxFuture;
use schemas::commands::journal::RecordToClean;
use schemas::journal::{Figures, JournalFilter};
use schemas::{AsOf, Owner, Position, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Map, Value};

/// Records of the audit journal, oldest first.
pub type JournalRecords = Vec<Map<String, Value>>;

/// Reads the audit journal. A record is a JSON object with the fields of [`schemas::words::JOURNAL_FIELDS`].
pub trait JournalQuery: Send + Sync + std::fmt::Debug {
    /// Records of one system that match, oldest first.
    fn page<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>>;

    /// Records of one user as they were at a moment of the past; `None` when there is no such moment.
    fn page_as_of<'a>(
        &'a self,
        user_id: &'a UserId,
        as_of: AsOf,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Option<JournalRecords>, JournalFailure>>;

    /// One record of a system; `None` when it has no record with that number.
    fn one<'a>(
        &'a self,
        system_id: &'a SystemId,
        event_id: i64,
    ) -> BoxFuture<'a, Result<Option<Map<String, Value>>, JournalFailure>>;

    /// When the event at that place was recorded; `None` when the system has none there.
    fn recorded_at<'a>(
        &'a self,
        system_id: &'a SystemId,
        position: Position,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, JournalFailure>>;

    /// Records of one system that match and were not cleaned yet, oldest first: whose each is, and the command whose
    /// erasable part it shows.
    fn uncleaned<'a>(
        &'a self,
        filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<(Owner, RecordToClean)>, JournalFailure>>;

    /// Whose transaction it is; `None` when the system has none of that id, or the read models do not show it yet.
    fn owner_of<'a>(
        &'a self,
        system_id: &'a SystemId,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<UserId>, JournalFailure>>;

    /// What happened in a system from one moment until before another.
    fn figures<'a>(
        &'a self,
        system_id: &'a SystemId,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, JournalFailure>>;

    /// Waits until the journal shows the event at `position`, at most for `timeout`; whether it does.
    fn wait_for(&self, position: Position, timeout: Duration) -> BoxFuture<'_, bool>;
}

/// The journal cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct JournalFailure {
    /// What was tried, as in "cannot read the journal".
    pub attempt: String,
    /// What went wrong underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
