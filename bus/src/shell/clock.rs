//! The clock, as a thing one is given.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

use schemas::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + Debug {
    /// Now, ms since the Unix epoch, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock. The only place in the house that asks it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the shell: the one place that may ask"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock set before 1970 is a broken machine; refusing every deadline is the safe answer.
        Timestamp(since_epoch.map_or(0, |duration| duration.as_millis() as i64))
    }
}

/// A clock that is turned by hand, for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this moment until it is turned.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Turns it forward.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
