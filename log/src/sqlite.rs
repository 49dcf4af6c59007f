//! The log in one SQLite file: the embedded default. One writer, several readers, one `fsync` per group.

mod append;
mod batch;
mod read;
mod restore;
mod script;
mod shredding;

use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner, SystemId, Timestamp};
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::mpsc;

use crate::commit::Commit;
use crate::migrations;
use crate::port::{
    AppendError, Appended, CommandRecord, DueTimer, Epoch, EventLog, Failure, Frame, LogEvent,
    OpenLane, Piece,
};

/// How long a statement waits for another process that writes the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause before a file that is being made by another process is opened again.
const LOCKED_PAUSE: Duration = Duration::from_millis(10);

/// How many threads may read at once.
const READERS_MAX: u32 = 4;
/// Pages a connection keeps in memory, KiB; SQLite counts KiB as negative numbers.
const CACHE_KIB: &str = "-16384";
/// How much of the write-ahead log stays on disk once it was copied into the database, bytes.
const JOURNAL_SIZE_LIMIT_BYTES: &str = "67108864";

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "log",
        include_str!("../../migrations/log/sqlite/0001_log.sql"),
    ),
    (
        2,
        "counts",
        include_str!("../../migrations/log/sqlite/0002_counts.sql"),
    ),
];

/// A log in a SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    /// The one connection that writes: a queue, not a pool.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Where groups wait for the next batch.
    batches: mpsc::UnboundedSender<batch::Waiting>,
    shredding: shredding::Shredding,
}

/// Connects. Of two processes that make the same file, one is told at once that it is locked, without the wait that
/// [`BUSY_TIMEOUT`] promises: SQLite does not wait while it turns a file to write-ahead logging.
async fn connect(
    pool: &SqlitePoolOptions,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let give_up_at = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        let connected = pool.clone().connect_with(options.clone()).await;
        let is_locked = connected.as_ref().is_err_and(is_locked);
        if !is_locked || tokio::time::Instant::now() >= give_up_at {
            return connected;
        }
        tokio::time::sleep(LOCKED_PAUSE).await;
    }
}

/// SQLITE_BUSY, whatever its further reason.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

impl SqliteLog {
    /// Opens the file, or makes it, and brings its tables to the newest form.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Failure> {
        let path = path.as_ref();
        let failed = |error: sqlx::Error| {
            Failure::because(format!("cannot open the log {}", path.display()), error)
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged group survives a power cut; NORMAL would only survive a crash of the process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            // What is erased from the vault is overwritten, not only unlinked.
            .pragma("secure_delete", "on")
            // On macOS only this reaches the disk; elsewhere it changes nothing.
            .pragma("fullfsync", "on")
            .pragma("cache_size", CACHE_KIB)
            .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            // A file does not go away like a server does: no question before every use.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None);
        let writer = connect(&writer, &options.clone().create_if_missing(true)).await;
        let writer = writer.map_err(failed)?;
        let mut connection = writer.acquire().await.map_err(failed)?;
        // Two processes that make the same file at once: the second waits, and finds everything done.
        let mut migration = connection
            .begin_with("begin immediate")
            .await
            .map_err(failed)?;
        migrations::run(&mut *migration, MIGRATIONS)
            .await
            .map_err(|error| failed(error.into()))?;
        migration.commit().await.map_err(failed)?;
        drop(connection);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .test_before_acquire(false)
            .connect_with(options.clone().read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self {
            shredding: shredding::Shredding::start(&options),
            batches: batch::start(&writer),
            writer,
            readers,
        })
    }

    /// Closes the file after the last group. A log that is only dropped is as safe, but leaves its write-ahead log to
    /// be read at the next start.
    pub async fn close(&self) {
        self.shredding.end();
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl EventLog for SqliteLog {
    fn open_lane(&self, lane: Lane) -> BoxFuture<'_, Result<OpenLane, Failure>> {
        self.raise_epoch(lane).boxed()
    }

    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        self.append_group(lane, epoch, group).boxed()
    }

    fn load<'a>(
        &'a self,
        owner: &'a Owner,
        after: u64,
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        self.read_history(owner, after).boxed()
    }

    fn read(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LogEvent>, Failure>> {
        self.read_lane(lane, from, limit).boxed()
    }

    fn read_pieces<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        self.read_many(pieces).boxed()
    }

    fn read_frames<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<Frame>, Failure>> {
        self.read_frames_of(pieces).boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        self.read_heads().boxed()
    }

    fn find_command<'a>(
        &'a self,
        id: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>> {
        self.read_command(id).boxed()
    }

    fn vault<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>> {
        self.read_vault(owner, names).boxed()
    }

    fn kept_of<'a>(
        &'a self,
        system_id: &'a SystemId,
        after: Option<&'a Owner>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Owner>, Failure>> {
        self.read_kept_of(system_id, after, limit).boxed()
    }

    fn count<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<i64, Failure>> {
        self.read_count(name).boxed()
    }

    fn erase<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.erase_rows(owner, names).boxed()
    }

    fn restore<'a>(&'a self, event: &'a LogEvent) -> BoxFuture<'a, Result<(), Failure>> {
        self.put_back(event).boxed()
    }

    fn due_timers(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DueTimer>, Failure>> {
        self.read_due_timers(lane, now, limit).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite calls FULL.
    const FULL: i64 = 2;

    /// No test can cut the power, so this one asks the writer whether it flushes before it acknowledges.
    #[tokio::test]
    async fn what_is_acknowledged_was_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteLog::open(folder.path().join("log.sqlite"))
            .await
            .unwrap();
        let level: i64 = sqlx::query_scalar("pragma synchronous")
            .fetch_one(&log.writer)
            .await
            .unwrap();
        assert_eq!(level, FULL);
        log.close().await;
    }
}
