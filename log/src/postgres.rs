//! The log in PostgreSQL: for production. One statement per group, positions without a gap.

mod address;
mod append;
mod batch;
mod bind;
mod durability;
mod parts;
mod read;
mod restore;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner, SystemId, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::{Mutex, mpsc};

pub use self::address::{AddressError, connect_options};
use crate::commit::Commit;
use crate::migrations;
use crate::open::{Credentials, OpenError};
use crate::port::{
    AppendError, Appended, CommandRecord, DueTimer, Epoch, EventLog, Failure, Frame, LogEvent,
    OpenLane, Piece,
};

/// How long the server may take for an answer: then an append counts as unknown, and a question as failed.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of one process. Appends are grouped, so few are enough.
const CONNECTIONS_MAX: u32 = 16;
/// How long a caller waits for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that lay idle this long is asked whether it is still there before it is used.
const IDLE_BEFORE_PING: Duration = Duration::from_secs(1);

/// Every statement of this package walks an index. A plan made while a table was empty would not, and would be kept:
/// so the plans are made once per connection, and without the scans that only pay off on small tables.
const SESSION: &str = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; \
                       set enable_hashjoin = off; set enable_mergejoin = off; set jit = off";

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "log",
        include_str!("../../migrations/log/postgres/0001_log.sql"),
    ),
    (
        2,
        "counts",
        include_str!("../../migrations/log/postgres/0002_counts.sql"),
    ),
];

/// A log in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLog {
    pool: PgPool,
    answer_timeout: Duration,
    /// One append per lane is under way; the others wait here and not with a connection in their hands.
    lanes: Vec<Arc<Mutex<()>>>,
    /// Where groups wait for the next batch.
    batches: mpsc::UnboundedSender<batch::Waiting>,
}

impl PostgresLog {
    /// Opens the database `postgres://…` or `jdbc:postgresql://…`, and brings its tables to the newest form.
    ///
    /// Refuses a database that would acknowledge what a power cut can take back.
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        Self::connect_with(connect_options(url, None)?, ANSWER_TIMEOUT).await
    }

    /// The same, for a user whose name and password are given beside the address.
    pub async fn connect_as(url: &str, credentials: &Credentials) -> Result<Self, OpenError> {
        Self::connect_with(connect_options(url, Some(credentials))?, ANSWER_TIMEOUT).await
    }

    /// The same, with every setting in the caller's hands.
    pub async fn connect_with(
        options: PgConnectOptions,
        answer_timeout: Duration,
    ) -> Result<Self, OpenError> {
        let failed =
            |error| OpenError::Store(Failure::because("cannot open the log in PostgreSQL", error));
        let mut first = PgConnection::connect_with(&options).await.map_err(failed)?;
        durability::check(&mut first).await?;
        migrations::run(&mut first, MIGRATIONS)
            .await
            .map_err(|error| failed(error.into()))?;
        // Whoever cannot say goodbye has been heard all the same.
        first.close().await.ok();
        // The server gives up when we do: what we call unknown is settled a moment later.
        let session = format!(
            "{SESSION}; set statement_timeout = {}",
            answer_timeout.as_millis()
        );
        let session = Arc::<str>::from(session);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                async move {
                    let idle = about.idle_for >= IDLE_BEFORE_PING;
                    Ok(!idle || connection.ping().await.is_ok())
                }
                .boxed()
            })
            .after_connect(move |connection, _| {
                let session = sqlx::AssertSqlSafe(session.clone());
                async move { connection.execute(sqlx::raw_sql(session)).await.map(drop) }.boxed()
            })
            .connect_lazy_with(options);
        Ok(Self {
            batches: batch::start(&pool, answer_timeout),
            pool,
            answer_timeout,
            lanes: Lane::all().map(|_| Arc::default()).collect(),
        })
    }

    /// The answer, or the failure to get one in time: a server that vanished from the network never says so.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let answer = tokio::time::timeout(self.answer_timeout, answer).await;
        answer.unwrap_or_else(|elapsed| {
            Err(Failure::because(
                "cannot wait longer for PostgreSQL",
                elapsed,
            ))
        })
    }

    /// Ends all connections after what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl EventLog for PostgresLog {
    fn open_lane(&self, lane: Lane) -> BoxFuture<'_, Result<OpenLane, Failure>> {
        self.in_time(self.raise_epoch(lane)).boxed()
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
        self.in_time(self.read_history(owner, after)).boxed()
    }

    fn read(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LogEvent>, Failure>> {
        self.in_time(self.read_lane(lane, from, limit)).boxed()
    }

    fn read_pieces<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        self.in_time(self.read_many(pieces)).boxed()
    }

    fn read_frames<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<Frame>, Failure>> {
        self.in_time(self.read_frames_of(pieces)).boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        self.in_time(self.read_heads()).boxed()
    }

    fn find_command<'a>(
        &'a self,
        id: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>> {
        self.in_time(self.read_command(id)).boxed()
    }

    fn vault<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>> {
        self.in_time(self.read_vault(owner, names)).boxed()
    }

    fn kept_of<'a>(
        &'a self,
        system_id: &'a SystemId,
        after: Option<&'a Owner>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Owner>, Failure>> {
        self.in_time(self.read_kept_of(system_id, after, limit))
            .boxed()
    }

    fn count<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<i64, Failure>> {
        self.read_count(name).boxed()
    }

    fn erase<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<(), Failure>> {
        self.in_time(self.erase_rows(owner, names)).boxed()
    }

    fn restore<'a>(&'a self, event: &'a LogEvent) -> BoxFuture<'a, Result<(), Failure>> {
        self.in_time(self.put_back(event)).boxed()
    }

    fn due_timers(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DueTimer>, Failure>> {
        self.in_time(self.read_due_timers(lane, now, limit)).boxed()
    }
}
