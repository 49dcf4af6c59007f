//! The statuses of the last pushes, by the push's identity. As many as `notification_status_buffer_size` says.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use schemas::Timestamp;

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushStatus {
    /// Where it stands.
    pub state: PushState,
    /// The first of its messages that was not tried to an end.
    pub next: u32,
    /// Messages that were taken.
    pub taken: u32,
    /// Why it does not stand better, in words; `None` when there is nothing to say.
    pub reason: Option<&'static str>,
    /// The word of the failure; `None` unless it failed.
    pub failure: Option<&'static str>,
    /// How long the push service asks to wait, ms; `None` when it does not.
    pub asked_ms: Option<i64>,
    /// Addresses whose service knows the token no more, by their place, and since when, if it says so.
    pub gone: Vec<(usize, Option<Timestamp>)>,
    /// Since when.
    pub at: Timestamp,
}

/// Where a push stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushState {
    /// It waits for a worker.
    Queued,
    /// It is tried again.
    Again,
    /// The push service took it.
    Sent,
    /// It is not tried again.
    Failed,
}

impl PushState {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Again => "again",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// The buffer.
#[derive(Debug)]
pub(crate) struct Statuses(Mutex<LruCache<String, PushStatus>>);

impl Statuses {
    /// A buffer for so many.
    pub(crate) fn new(size: usize) -> Self {
        Self(Mutex::new(LruCache::new(at_least_one(size))))
    }

    /// Another size from now on.
    pub(crate) fn resize(&self, size: usize) {
        self.lock().resize(at_least_one(size));
    }

    /// Notes where a push stands.
    pub(crate) fn note(&self, push_id: &str, status: PushStatus) {
        self.lock().put(push_id.to_owned(), status);
    }

    /// Where a push stands; `None` when it never was, or was long ago.
    pub(crate) fn of(&self, push_id: &str) -> Option<PushStatus> {
        self.lock().peek(push_id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<String, PushStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_least_one(size: usize) -> NonZeroUsize {
    NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: PushState) -> PushStatus {
        PushStatus {
            state,
            next: 0,
            taken: 0,
            reason: None,
            failure: None,
            asked_ms: None,
            gone: Vec::new(),
            at: Timestamp(0),
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let statuses = Statuses::new(2);
        for id in ["1", "2", "1", "3"] {
            statuses.note(id, status(PushState::Queued));
        }
        assert_eq!(statuses.of("2"), None);
        statuses.note("1", status(PushState::Sent));
        assert_eq!(
            statuses.of("1").map(|status| status.state),
            Some(PushState::Sent)
        );
        statuses.resize(1);
        assert_eq!(statuses.of("3"), None);
    }
}
