//! What is asked of the audit journal, and what it counts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ids::{SystemId, TransactionId, UserId};
use crate::time::Timestamp;

/// Which records are asked for. What is `None` does not narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFilter {
    /// Only this system's: a bank sees no other's.
    pub system_id: SystemId,
    /// Only about this user.
    pub user_id: Option<UserId>,
    /// Only about this transaction.
    pub transaction_id: Option<TransactionId>,
    /// Only with this event word.
    pub request_type: Option<String>,
    /// Only with this result.
    pub request_result: Option<u16>,
    /// Only what comes after the record of that number.
    pub after: Option<i64>,
    /// Recorded at this moment or later.
    pub from: Option<Timestamp>,
    /// Recorded before this moment.
    pub to: Option<Timestamp>,
    /// So many records are skipped first.
    pub offset: u64,
    /// At most so many records. Whoever reads for others has a limit of its own, too.
    pub limit: u32,
}

impl JournalFilter {
    /// Everything of a system, from the oldest record on.
    pub fn of(system_id: SystemId) -> Self {
        Self {
            system_id,
            user_id: None,
            transaction_id: None,
            request_type: None,
            request_result: None,
            after: None,
            from: None,
            to: None,
            offset: 0,
            limit: u32::MAX,
        }
    }
}

/// What happened in a system from one moment until before another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Users that were there at some moment of it: what is billed.
    pub users: i64,
    /// Users that came.
    pub users_created: i64,
    /// Users that went.
    pub users_deleted: i64,
    /// Transactions that were created.
    pub transactions_created: i64,
    /// Transactions that were confirmed.
    pub transactions_confirmed: i64,
    /// Transactions that were declined.
    pub transactions_declined: i64,
    /// Transactions whose time ran out.
    pub transactions_expired: i64,
    /// Records of the journal, by the event's word.
    pub events: BTreeMap<String, i64>,
}
