//! What the callers saw: every operation with its outcome, kept outside the system under test.

use std::sync::{Arc, Mutex, PoisonError};

use schemas::{Position, TransactionId};

/// What a caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To create a transaction.
    Create,
    /// To confirm one.
    Confirm,
    /// To decline one.
    Decline,
}

/// How an operation ended, for its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, with the place of its event.
    Done(Option<Position>),
    /// Refused with a code.
    Refused(u64),
    /// No answer: it may have happened or not.
    Unknown,
}

/// One operation. Retries under the same identity are one operation with the outcome of the last try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What was asked.
    pub kind: Kind,
    /// Of which transaction.
    pub transaction_id: TransactionId,
    /// How it ended.
    pub outcome: Outcome,
}

/// All operations of a run.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Vec<Operation>>>);

impl History {
    /// Notes an operation that has ended.
    pub fn note(&self, kind: Kind, transaction_id: TransactionId, outcome: Outcome) {
        let operation = Operation { kind, transaction_id, outcome };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }

    /// Everything noted so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
