//! What every store of the event log promises: one suite, run on memory, on SQLite, on PostgreSQL, and on SQLite with the newest
//! in memory.
//!
//! A new store gets a variant of [`Engine`] and of [`Store`], and a line in `on_every_store`.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure of the store is a failure of the test"
)]

mod append;
mod cancelled;
mod counts;
mod model;
mod obstacles;
mod postgres;
mod races;
mod restoring;
mod sqlite;
mod vault;

use std::sync::Arc;

use event_log::{
    Appended, Claim, CommandRow, Commit, EventLog, MemoryLog, NewEvent, OpenLane, PostgresLog,
    Recent, SqliteLog,
};
use schemas::{CommandId, Digest, ErrorCode, Lane, Owner, Timestamp};
use tests::postgres::TestPostgres;

/// A place where a log lives, and can be opened again.
enum Store {
    Memory(Arc<MemoryLog>),
    Sqlite(tempfile::TempDir),
    Recent(tempfile::TempDir),
    Postgres(String),
}

/// Where a log can be kept.
#[derive(Clone, Copy, Debug)]
enum Engine {
    Memory,
    Sqlite,
    Recent,
    Postgres,
}

impl Store {
    /// An empty one; `None` where the engine is not installed.
    fn on(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Memory => Some(Self::Memory(Arc::new(MemoryLog::new()))),
            Engine::Sqlite => Some(Self::Sqlite(tempfile::tempdir().unwrap())),
            Engine::Recent => Some(Self::Recent(tempfile::tempdir().unwrap())),
            Engine::Postgres => {
                TestPostgres::start().map(|server| Self::Postgres(server.database()))
            }
        }
    }

    /// Opens the log as a process does when it starts.
    async fn open(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Memory(log) => log.clone(),
            Self::Sqlite(folder) => {
                Arc::new(SqliteLog::open(folder.path().join("log.db")).await.unwrap())
            }
            Self::Recent(folder) => {
                let log = SqliteLog::open(folder.path().join("log.db")).await.unwrap();
                Recent::over(Arc::new(log))
            }
            Self::Postgres(url) => Arc::new(PostgresLog::connect(url).await.unwrap()),
        }
    }
}

/// Makes a test of every promise on every store.
macro_rules! on_every_store {
    ($($promise:ident,)*) => {
        on_every_store! { @memory Memory $($promise,)* }
        on_every_store! { @sqlite Sqlite $($promise,)* }
        on_every_store! { @recent Recent $($promise,)* }
        on_every_store! { @postgres Postgres $($promise,)* }
    };
    (@$store:ident $engine:ident $($promise:ident,)*) => {
        mod $store {
            use crate::event_log::{Engine, Store};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    if let Some(store) = Store::on(Engine::$engine) {
                        super::$promise(&store).await;
                    }
                }
            )*
        }
    };
}
use on_every_store;

/// A lane to play in.
fn lane(number: u8) -> Lane {
    Lane::new(number).unwrap()
}

/// People who live in that lane, without end.
fn owners(lane: Lane) -> impl Iterator<Item = Owner> {
    (0..)
        .map(|number| {
            let user = format!("user-{number}").parse().unwrap();
            Owner::User("bank".parse().unwrap(), user)
        })
        .filter(move |owner| Lane::of(owner) == lane)
}

/// The first person of that lane.
fn owner(lane: Lane) -> Owner {
    owners(lane).next().unwrap()
}

/// A decision on that version with so many events, and nothing else.
fn commit(owner: &Owner, expected_version: u64, events: usize) -> Commit {
    let event = |number| NewEvent {
        word: "transaction_confirmed".into(),
        aggregate: "transactions".into(),
        at: Timestamp(1_700_000_000_000 + number as i64),
        payload: format!("{owner} {expected_version} {number}")
            .into_bytes()
            .into(),
    };
    Commit::of(
        owner.clone(),
        expected_version,
        (0..events).map(event).collect(),
    )
}

fn command_id(name: &str) -> CommandId {
    CommandId::from_key("bank", "test", name)
}

fn command(name: &str) -> CommandRow {
    CommandRow {
        command_id: command_id(name),
        fingerprint: Digest::sha256(name.as_bytes()),
        code: ErrorCode::TransactionExpired,
        answer: name.as_bytes().to_vec(),
    }
}

fn claim(name: &str) -> Claim {
    Claim {
        scope: "transaction/bank".to_owned(),
        name: name.to_owned(),
    }
}

/// Opens the lane and appends the group, which must succeed.
async fn append(log: &dyn EventLog, lane: Lane, group: &[Commit]) -> Appended {
    let OpenLane { epoch, .. } = log.open_lane(lane).await.unwrap();
    log.append(lane, epoch, group).await.unwrap()
}
