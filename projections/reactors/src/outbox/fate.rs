//! How attempts end, and how that is written down.

use projections::store::Value;
use schemas::commands::users::ReceiptOutcome;
use schemas::{Digest, Timestamp};

use crate::delivery::Delivery;
use crate::receipts::Ended;

/// Ended attempts, as they are given to [`SETTLE`].
pub(super) const SETTLED: [&str; 7] = [
    "settled_id",
    "fate",
    "attempts",
    "later",
    "answer",
    "error",
    "ended_at",
];

/// A body is forgotten when it was delivered.
pub(super) const SETTLE: &str = "update delivery set status = fate, attempt = attempts, next_at = later, last_status = answer, \
    last_error = error, finished_at = ended_at, body = case when fate = 'delivered' then null else body end \
    from {given} where id = settled_id";

/// How an attempt ended, as it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    /// The delivery, its attempt counted.
    pub delivery: Delivery,
    /// What becomes of it.
    pub fate: Fate,
    /// The status the receiver answered with; `None` when it did not answer.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<&'static str>,
    /// SHA-256 of the answer's body, when there was one that was read to its end.
    pub answer: Option<Digest>,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrived.
    Delivered,
    /// It is tried again.
    Again(Timestamp),
    /// A person must look at it.
    Parked,
    /// A person must look at it: it goes to an address that is never called.
    Forbidden,
    /// A person must look at it, and its receiver is gone: so is whatever else is owed to that.
    Gone,
}

impl Settled {
    /// Its end, when it has come.
    pub(super) fn ended(&self) -> Option<Ended<'_>> {
        let outcome = match self.fate {
            Fate::Again(_) => return None,
            Fate::Delivered => ReceiptOutcome::Taken,
            Fate::Parked | Fate::Forbidden | Fate::Gone => ReceiptOutcome::PutAside,
        };
        Some(Ended {
            id: &self.delivery.id,
            outcome,
            answer: self.answer,
        })
    }

    /// Whether the attempt shows that the endpoint lives; `None` when it was not called. A letter that is refused for what
    /// it says shows life.
    pub fn shows_life(&self) -> Option<bool> {
        match self.fate {
            Fate::Forbidden => None,
            Fate::Delivered | Fate::Gone => Some(true),
            Fate::Again(_) | Fate::Parked => {
                let status = self.status.unwrap_or(u16::MAX);
                Some(status < 500 && status != 429)
            }
        }
    }

    /// In the order of [`SETTLED`].
    pub(super) fn row(&self, now: Timestamp) -> Vec<Value> {
        let (status, next_at, finished_at) = match self.fate {
            Fate::Delivered => ("delivered", now, Some(now.0)),
            Fate::Again(at) => ("pending", at, None),
            Fate::Parked | Fate::Forbidden | Fate::Gone => ("parked", now, Some(now.0)),
        };
        vec![
            self.delivery.id.as_str().into(),
            status.into(),
            i64::from(self.delivery.attempt).into(),
            next_at.0.into(),
            self.status.map(i64::from).into(),
            self.error.map(ToOwned::to_owned).into(),
            finished_at.into(),
        ]
    }
}
