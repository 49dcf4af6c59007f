//! Load: closed loops (so many callers, each asking again when answered) and an open loop (a fixed rate, however slow the
//! answers; latency counts from the moment a request was due).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

/// What was measured of one kind of work at one load.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Measured {
    /// How it was driven: `closed 64`, `open 1500/s`.
    pub load: String,
    /// Successful operations.
    pub operations: usize,
    /// Operations that failed.
    pub failures: usize,
    /// Successful operations per second.
    pub per_second: f64,
    /// Half of them were faster, ms.
    pub p50_ms: f64,
    /// 99 of 100 were faster, ms.
    pub p99_ms: f64,
}

/// One operation: `true` when it succeeded.
pub type Operation = Arc<dyn Fn(usize) -> BoxFuture<'static, bool> + Send + Sync>;

/// How long a closed loop runs at most.
const CLOSED_MAX: Duration = Duration::from_secs(6);

/// `callers` callers work off operations `0..count`, each taking the next when answered, until the time is up.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures time; that is its work"
)]
pub async fn closed(callers: usize, count: usize, operation: Operation) -> Measured {
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let callers_running = (0..callers).map(|_| {
        let (next, operation) = (Arc::clone(&next), Arc::clone(&operation));
        tokio::spawn(async move {
            let mut took = Vec::new();
            let mut failures = 0;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count || begin.elapsed() >= CLOSED_MAX {
                    return (took, failures);
                }
                let begin = Instant::now();
                if operation(index).await {
                    took.push(begin.elapsed());
                } else {
                    failures += 1;
                }
            }
        })
    });
    let mut took = Vec::new();
    let mut failures = 0;
    for caller in callers_running.collect::<Vec<_>>() {
        let (some, failed) = caller.await.expect("a caller does not panic");
        took.extend(some);
        failures += failed;
    }
    summary(format!("closed {callers}"), took, failures, begin.elapsed())
}

/// `count` operations at `per_second`, each at its moment.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures time; that is its work"
)]
pub async fn open(per_second: f64, count: usize, operation: Operation) -> Measured {
    let begin = Instant::now();
    let mut running = Vec::with_capacity(count);
    for index in 0..count {
        let due = begin + Duration::from_secs_f64(index as f64 / per_second);
        tokio::time::sleep_until(due.into()).await;
        let operation = Arc::clone(&operation);
        running.push(tokio::spawn(async move {
            operation(index).await.then(|| due.elapsed())
        }));
    }
    let mut took = Vec::new();
    let mut failures = 0;
    for operation in running {
        match operation.await.expect("an operation does not panic") {
            Some(elapsed) => took.push(elapsed),
            None => failures += 1,
        }
    }
    summary(
        format!("open {per_second:.0}/s"),
        took,
        failures,
        begin.elapsed(),
    )
}

fn summary(load: String, mut took: Vec<Duration>, failures: usize, elapsed: Duration) -> Measured {
    took.sort_unstable();
    let at = |share: f64| {
        let index = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
        took.get(index)
            .map_or(f64::NAN, |duration| duration.as_secs_f64() * 1000.0)
    };
    Measured {
        load,
        operations: took.len(),
        failures,
        per_second: took.len() as f64 / elapsed.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
    }
}
