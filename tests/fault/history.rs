//! What the callers saw: every operation with its outcome, kept outside the system under test.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemas::{CommandId, Position};
use tokio::sync::watch;

/// What a caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To create a transaction.
    Create,
    /// To confirm one.
    Confirm,
    /// To decline one.
    Decline,
    /// To activate a user's key.
    Activate,
}

/// How an operation ended, for its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, with the place of its last event where the caller was told.
    Done(Option<Position>),
    /// Refused with a code.
    Refused(u16),
    /// No answer to the last try either: it may have happened or not.
    Unknown,
}

/// When an operation ended, seen from the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Before the first fault.
    Before,
    /// While faults were being injected.
    During,
    /// After the last one.
    After,
}

/// One operation. Retries under the same identity are one operation with the outcome of the last try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What was asked.
    pub kind: Kind,
    /// Of which transaction; for an activation, of which user.
    pub about: String,
    /// Under which identity.
    pub command_id: CommandId,
    /// How it ended.
    pub outcome: Outcome,
    /// What the caller heard when it asked once more under the same identity; `None` when it did not.
    pub again: Option<Outcome>,
    /// When it ended.
    pub phase: Phase,
}

/// All operations of a run.
#[derive(Clone, Debug)]
pub struct History(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    operations: Mutex<Vec<Operation>>,
    phase: AtomicU8,
    done: watch::Sender<usize>,
}

impl History {
    /// An empty one, before any fault.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            operations: Mutex::default(),
            phase: AtomicU8::new(Phase::Before as u8),
            done: watch::Sender::new(0),
        }))
    }

    /// Operations that end from now on belong to this phase.
    pub fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// The phase operations end in now.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::SeqCst) {
            0 => Phase::Before,
            1 => Phase::During,
            _ => Phase::After,
        }
    }

    /// Notes an operation that has ended.
    pub fn note(&self, operation: Operation) {
        let is_done = matches!(operation.outcome, Outcome::Done(_));
        let mut operations = self
            .0
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        operations.push(operation);
        if is_done {
            self.0.done.send_modify(|done| *done += 1);
        }
    }

    /// Everything noted so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.0
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until so many more operations are done; `false` when the time is up.
    pub async fn more_done(&self, count: usize, patience: Duration) -> bool {
        let mut done = self.0.done.subscribe();
        let wanted = *done.borrow_and_update() + count;
        let arrived = tokio::time::timeout(patience, done.wait_for(|done| *done >= wanted)).await;
        arrived.is_ok()
    }
}
