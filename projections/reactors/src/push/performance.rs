//! The manual's report on performance: what was done since the last one, in one line of the log.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use schemas::Timestamp;

use super::statuses::PushState;

/// What was done since the last report.
#[derive(Debug)]
pub(crate) struct Performance {
    sent: AtomicU64,
    again: AtomicU64,
    failed: AtomicU64,
    spent_ms: AtomicI64,
    told_at: AtomicI64,
}

impl Performance {
    /// Nothing done yet.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            sent: AtomicU64::new(0),
            again: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            spent_ms: AtomicI64::new(0),
            told_at: AtomicI64::new(now.0),
        }
    }

    /// Notes one attempt.
    pub(crate) fn note(&self, state: PushState, spent_ms: i64) {
        let counter = match state {
            PushState::Sent => &self.sent,
            PushState::Queued | PushState::Again => &self.again,
            PushState::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.spent_ms.fetch_add(spent_ms, Ordering::Relaxed);
    }

    /// Writes the report when its time has come. `true` when it did.
    pub(crate) fn tell(&self, now: Timestamp, period_ms: i64, load: (usize, usize)) -> bool {
        let since_ms = now.0 - self.told_at.load(Ordering::Relaxed);
        if since_ms < period_ms {
            return false;
        }
        self.told_at.store(now.0, Ordering::Relaxed);
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let (sent, again, failed) = (take(&self.sent), take(&self.again), take(&self.failed));
        let spent_ms = self.spent_ms.swap(0, Ordering::Relaxed);
        let attempts = (sent + again + failed).max(1);
        tracing::info!(
            since_ms,
            sent,
            again,
            failed,
            mean_ms = spent_ms as u64 / attempts,
            workers = load.0,
            waiting = load.1,
            "performance of pushes"
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_comes_once_in_its_period() {
        let performance = Performance::new(Timestamp(0));
        performance.note(PushState::Sent, 40);
        assert!(!performance.tell(Timestamp(999), 1000, (0, 0)));
        assert!(performance.tell(Timestamp(1000), 1000, (0, 0)));
        assert!(!performance.tell(Timestamp(1001), 1000, (0, 0)));
        assert_eq!(performance.sent.load(Ordering::Relaxed), 0);
    }
}
