//! Batches: whatever lanes have waiting is written in one immediate transaction, with one flush of the disk.
//!
//! Each group has a savepoint of its own, so that one which is refused takes nobody with it.

use schemas::Lane;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool};
use sqlx::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::port::Epoch;

/// Groups of one batch at most.
const GROUPS_MAX: usize = 64;

pub(super) const LANE: &str = "select epoch, pos from lanes where lane = $1";

pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// The statements of a group, complete with their values: they outlive the caller.
pub(super) struct Script {
    /// Asks whether an owner's history is not where the group expects it.
    pub stale: Vec<Statement>,
    pub writes: Vec<Statement>,
    pub events: u64,
}

/// A group that waits for a batch.
pub(super) struct Waiting {
    pub lane: Lane,
    pub epoch: Epoch,
    pub script: Script,
    pub answer: oneshot::Sender<Outcome>,
}

/// How a group ended.
pub(super) enum Outcome {
    Committed {
        last: u64,
    },
    Fenced,
    Stale,
    /// A command or a name is there already.
    Occupied,
    /// Rolled back, or never begun.
    Failed(sqlx::Error),
    /// The commit itself failed.
    Unknown(sqlx::Error),
}

/// Starts the batches; they end when the queue's last sender is gone.
pub(super) fn start(writer: &SqlitePool) -> mpsc::UnboundedSender<Waiting> {
    // Unbounded, and yet never longer than the groups under way: whoever appends waits for the answer.
    let (sender, mut queue) = mpsc::unbounded_channel();
    let writer = writer.clone();
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while queue.recv_many(&mut batch, GROUPS_MAX).await > 0 {
            write(&writer, std::mem::take(&mut batch)).await;
        }
    });
    sender
}

/// Writes a batch and answers everybody in it.
async fn write(writer: &SqlitePool, batch: Vec<Waiting>) {
    let mut transaction = match writer.begin_with("begin immediate").await {
        Ok(transaction) => transaction,
        Err(error) => {
            for waiting in batch {
                tell(waiting.answer, Outcome::Failed(again(&error)));
            }
            return;
        }
    };
    let mut undecided = Vec::new();
    for Waiting {
        lane,
        epoch,
        script,
        answer,
    } in batch
    {
        match write_group(&mut transaction, lane, epoch, script).await {
            Ok(outcome @ Outcome::Committed { .. }) => undecided.push((answer, outcome)),
            Ok(outcome) => tell(answer, outcome),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                tell(answer, Outcome::Occupied);
            }
            Err(error) => tell(answer, Outcome::Failed(error)),
        }
    }
    let committed = transaction.commit().await;
    for (answer, outcome) in undecided {
        tell(
            answer,
            match &committed {
                Ok(()) => outcome,
                Err(error) => Outcome::Unknown(again(error)),
            },
        );
    }
}

/// One group between its savepoint and the release of it; every other way out takes back what it wrote.
async fn write_group(
    transaction: &mut Transaction<'_, Sqlite>,
    lane: Lane,
    epoch: Epoch,
    script: Script,
) -> Result<Outcome, sqlx::Error> {
    let mut savepoint = transaction.begin().await?;
    let (newest, before): (i64, i64) = sqlx::query_as(LANE)
        .bind(i64::from(lane.number()))
        .fetch_one(&mut *savepoint)
        .await?;
    if newest as u64 != epoch.0 {
        return Ok(Outcome::Fenced);
    }
    for question in script.stale {
        if question.fetch_optional(&mut *savepoint).await?.is_some() {
            return Ok(Outcome::Stale);
        }
    }
    for statement in script.writes {
        statement.execute(&mut *savepoint).await?;
    }
    savepoint.commit().await?;
    Ok(Outcome::Committed {
        last: before as u64 + script.events,
    })
}

/// A caller who left asks again by command id.
fn tell(answer: oneshot::Sender<Outcome>, outcome: Outcome) {
    drop(answer.send(outcome));
}

/// The same error for another group of the batch.
fn again(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(error.to_string()))
}
