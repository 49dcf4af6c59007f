//! Batches: whatever lanes have waiting goes out in one statement, in one transaction, with one flush of the disk.
//!
//! One batch is under way at a time: what comes meanwhile goes into the next, and the statement costs the server more than
//! a group in it. When a batch is refused, its groups go out one by one: only then it is known which of them stood in the
//! way.

use std::sync::Arc;
use std::time::Duration;

use schemas::Lane;
use sqlx::FromRow;
use sqlx::PgPool;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use super::bind::bind;
use crate::commit::Commit;
use crate::group::Rows;
use crate::port::{Appended, Epoch};

/// Groups of one batch at most; there are as many lanes.
const GROUPS_MAX: usize = 64;

pub(super) type Statement = Query<'static, Postgres, PgArguments>;

/// A group that waits for a batch.
pub(super) struct Waiting {
    pub lane: Lane,
    pub epoch: Epoch,
    pub group: Vec<Commit>,
    /// The text of every commit's owner.
    pub owners: Vec<String>,
    pub answer: oneshot::Sender<Ended>,
    /// The lane's turn: held until the outcome is known, even when the caller has left.
    pub turn: OwnedMutexGuard<()>,
}

/// How an append ended.
pub(super) enum Ended {
    Appended(Appended),
    Fenced,
    /// The lane moved between the look and the lock.
    Moved,
    /// A history is not where the group expects it.
    Stale,
    /// The server refused and rolled back: a command or a name is there already.
    Occupied,
    /// The server refused and rolled back: a counter would have passed its limit.
    Full,
    /// The server refused and rolled back.
    Refused(sqlx::Error),
    /// It may have been committed.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

/// Why a statement that was sent did not answer.
enum Trouble {
    /// The server refused it and rolled it back: a command or a name is there already.
    Occupied,
    /// The server refused it and rolled it back: a counter would have passed its limit.
    Full,
    /// The server refused it and rolled it back.
    Refused(sqlx::Error),
    /// It may have been committed.
    Unknown(Arc<dyn std::error::Error + Send + Sync>),
}

/// What the statement answers for each lane: its position before, or null when nothing moved; its epoch and whether a
/// history was elsewhere, both as the statement saw them when it began; and the guard.
type Row = (i16, Option<i64>, i64, bool, i32);

/// Starts the batches; they end when the queue's last sender is gone.
pub(super) fn start(pool: &PgPool, answer_timeout: Duration) -> mpsc::UnboundedSender<Waiting> {
    // Unbounded, and yet never longer than the number of lanes: each has one group under way.
    let (sender, queue) = mpsc::unbounded_channel();
    tokio::spawn(work(queue, pool.clone(), answer_timeout));
    sender
}

async fn work(mut queue: mpsc::UnboundedReceiver<Waiting>, pool: PgPool, answer_timeout: Duration) {
    loop {
        let mut batch = Vec::new();
        if queue.recv_many(&mut batch, GROUPS_MAX).await == 0 {
            return;
        }
        let ended = send(&pool, &batch, answer_timeout).await;
        let alone = batch.len() == 1;
        for (waiting, ended) in batch.into_iter().zip(ended) {
            let undecided = matches!(
                ended,
                Ended::Occupied
                    | Ended::Full
                    | Ended::Stale
                    | Ended::Moved
                    | Ended::Fenced
                    | Ended::Refused(_)
            );
            let ended = if undecided && !alone {
                let mut one = send(&pool, std::slice::from_ref(&waiting), answer_timeout).await;
                one.pop().expect("one group, one outcome")
            } else {
                ended
            };
            let Waiting { answer, turn, .. } = waiting;
            drop(turn);
            // A caller who left asks again by command id.
            drop(answer.send(ended));
        }
    }
}

/// Sends a batch; the outcomes are in the order of its groups.
async fn send(pool: &PgPool, batch: &[Waiting], answer_timeout: Duration) -> Vec<Ended> {
    let groups: Vec<(Lane, Epoch, Rows<'_>)> = batch
        .iter()
        .map(|waiting| {
            let rows = Rows::of(&waiting.group, &waiting.owners);
            (
                waiting.lane,
                waiting.epoch,
                rows.expect("the group was looked through before it was queued"),
            )
        })
        .collect();
    match answer(pool, bind(&groups), answer_timeout).await {
        Ok(rows) => groups
            .iter()
            .map(|(lane, epoch, written)| {
                let row = rows.iter().find(|row| row.0 == i16::from(lane.number()));
                let Some((_, before, newest, stale, _)) = row else {
                    return Ended::Refused(sqlx::Error::RowNotFound);
                };
                match before {
                    Some(before) => Ended::Appended(Appended {
                        first: *before as u64 + 1,
                        last: *before as u64 + written.events.len() as u64,
                    }),
                    None if *newest as u64 != epoch.0 => Ended::Fenced,
                    None if *stale => Ended::Stale,
                    None => Ended::Moved,
                }
            })
            .collect(),
        Err(Trouble::Occupied) => groups.iter().map(|_| Ended::Occupied).collect(),
        Err(Trouble::Full) => groups.iter().map(|_| Ended::Full).collect(),
        Err(Trouble::Refused(error)) => {
            let mut ended: Vec<Ended> = groups.iter().skip(1).map(|_| Ended::Moved).collect();
            ended.insert(0, Ended::Refused(error));
            ended
        }
        Err(Trouble::Unknown(source)) => groups
            .iter()
            .map(|_| Ended::Unknown(Box::new(Shared(Arc::clone(&source)))))
            .collect(),
    }
}

/// Waits until the statement's transaction has ended, or until it has taken too long.
async fn answer(
    pool: &PgPool,
    statement: Statement,
    timeout: Duration,
) -> Result<Vec<Row>, Trouble> {
    let mut connection = pool.acquire().await.map_err(Trouble::Refused)?;
    // `fetch_all` and not `fetch_one`: a row alone says nothing yet, the end of the answer says committed.
    let rows = match tokio::time::timeout(timeout, statement.fetch_all(&mut *connection)).await {
        Ok(rows) => rows.map_err(judge)?,
        Err(elapsed) => {
            // Nobody may read the late answer as the answer to another question.
            drop(connection.detach());
            return Err(Trouble::Unknown(Arc::new(elapsed)));
        }
    };
    rows.iter()
        .map(|row| Row::from_row(row).map_err(|error| Trouble::Unknown(Arc::new(error))))
        .collect()
}

/// One error that several groups met.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Shared(Arc<dyn std::error::Error + Send + Sync>);

/// Decides whether an error proves that the transaction was rolled back. Doubt means that nobody knows.
fn judge(error: sqlx::Error) -> Trouble {
    // Classes of SQLSTATE that the server reports before a commit: unsupported, data, constraint, transaction state,
    // authorization, rollback, syntax, out of resources, limits, object state.
    const ROLLED_BACK: [&str; 10] = ["0A", "22", "23", "25", "26", "40", "42", "53", "54", "55"];
    const COMPLETION_UNKNOWN: &str = "40003";
    match error {
        sqlx::Error::Database(error) if error.is_unique_violation() => Trouble::Occupied,
        sqlx::Error::Database(error) if error.is_check_violation() => Trouble::Full,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            let class = code.get(..2).unwrap_or_default();
            if ROLLED_BACK.contains(&class) && code != COMPLETION_UNKNOWN {
                Trouble::Refused(sqlx::Error::Database(error))
            } else {
                Trouble::Unknown(Arc::new(sqlx::Error::Database(error)))
            }
        }
        error @ (sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_)) => {
            Trouble::Refused(error)
        }
        error => Trouble::Unknown(Arc::new(error)),
    }
}
