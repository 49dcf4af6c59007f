//! What is erased leaves the write-ahead log, too. SQLite copies it into the file and goes on writing over it from its
//! beginning; until then it still has the rows as they were. So after an erasure it is cut to nothing.

use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long readers may hold it up, and writers wait for that: then it is tried again.
const BUSY_MAX: Duration = Duration::from_millis(50);
/// Wait before the first attempt, and before another.
const PAUSE: Duration = Duration::from_secs(1);
/// How far apart it is done while much is erased.
const PACE: Duration = Duration::from_secs(10);

/// Waits for erasures.
#[derive(Debug)]
pub(super) struct Shredding {
    erased: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Shredding {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shredding {
    /// Begins with what an earlier process may have left.
    pub(super) fn start(options: &SqliteConnectOptions) -> Self {
        let own = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().busy_timeout(BUSY_MAX));
        let erased = Arc::new(Notify::new());
        erased.notify_one();
        Self {
            task: tokio::spawn(shred(own, Arc::clone(&erased))),
            erased,
        }
    }

    /// Rows of the vault were erased.
    pub(super) fn after_an_erasure(&self) {
        self.erased.notify_one();
    }

    /// Ends, so that the file can be closed.
    pub(super) fn end(&self) {
        self.task.abort();
    }
}

async fn shred(own: SqlitePool, erased: Arc<Notify>) {
    loop {
        erased.notified().await;
        loop {
            tokio::time::sleep(PAUSE).await;
            match cut(&own).await {
                Ok(true) => break,
                // Somebody reads, or writes.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "the write-ahead log cannot be cut; trying again");
                }
            }
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Copies the write-ahead log into the file and cuts it; `false` when it could not be had for itself.
async fn cut(own: &SqlitePool) -> Result<bool, sqlx::Error> {
    let (busy, _, _): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)")
        .fetch_one(own)
        .await?;
    Ok(busy == 0)
}
