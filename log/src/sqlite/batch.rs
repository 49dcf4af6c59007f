//! Batches: whatever lanes have waiting is written in one immediate transaction, with one flush of the disk.
//!
//! The groups of a batch are written together. When one of them is in the way, they are taken back to the savepoint and
//! written one by one, each with a savepoint of its own, so that one which is refused takes nobody with it.

use std::collections::HashMap;

use schemas::Lane;
use sqlx::sqlite::{Sqlite, SqlitePool};
use sqlx::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::script::{self, Placed};
use crate::commit::Commit;
use crate::group::Rows;
use crate::port::{Appended, Epoch};

/// Groups of one batch at most.
const GROUPS_MAX: usize = 64;

/// A group that waits for a batch. It outlives its caller.
pub(super) struct Waiting {
    pub lane: Lane,
    pub epoch: Epoch,
    pub group: Vec<Commit>,
    /// The text of every commit's owner.
    pub owners: Vec<String>,
    pub answer: oneshot::Sender<Outcome>,
}

/// How a group ended.
pub(super) enum Outcome {
    Committed(Appended),
    Fenced,
    Stale,
    /// A command or a name is there already.
    Occupied,
    /// A counter would have passed its limit.
    Full,
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
            let outcomes = write(&writer, &batch).await;
            for (waiting, outcome) in batch.drain(..).zip(outcomes) {
                // A caller who left asks again by command id.
                drop(waiting.answer.send(outcome));
            }
        }
    });
    sender
}

/// Writes a batch; the outcomes are in the order of its groups.
async fn write(writer: &SqlitePool, batch: &[Waiting]) -> Vec<Outcome> {
    let mut transaction = match writer.begin_with("begin immediate").await {
        Ok(transaction) => transaction,
        Err(error) => {
            let failed = batch.iter().map(|_| Outcome::Failed(again(&error)));
            return failed.collect();
        }
    };
    let mut outcomes = Vec::new();
    if distinct_lanes(batch)
        && let Ok(Ok(appended)) = write_together(&mut transaction, batch).await
    {
        outcomes.extend(appended.into_iter().map(Outcome::Committed));
    } else {
        for waiting in batch {
            let alone = std::slice::from_ref(waiting);
            outcomes.push(match write_together(&mut transaction, alone).await {
                Ok(Ok(appended)) => Outcome::Committed(appended[0]),
                Ok(Err(outcome)) => outcome,
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    Outcome::Occupied
                }
                Err(sqlx::Error::Database(error)) if error.is_check_violation() => Outcome::Full,
                Err(error) => Outcome::Failed(error),
            });
        }
    }
    if let Err(error) = transaction.commit().await {
        for outcome in &mut outcomes {
            if matches!(outcome, Outcome::Committed(_)) {
                *outcome = Outcome::Unknown(again(&error));
            }
        }
    }
    outcomes
}

/// Writes groups of different lanes between a savepoint and its release; every other way out takes back what it wrote.
async fn write_together(
    transaction: &mut Transaction<'_, Sqlite>,
    batch: &[Waiting],
) -> Result<Result<Vec<Appended>, Outcome>, sqlx::Error> {
    let mut savepoint = transaction.begin().await?;
    // Numbers only: this is JSON as it stands.
    let lanes: Vec<u8> = batch.iter().map(|waiting| waiting.lane.number()).collect();
    let sql = "select lane, epoch, pos from lanes where lane in (select value from json_each($1))";
    let lanes: Vec<(i64, i64, i64)> = sqlx::query_as(sql)
        .bind(format!("{lanes:?}"))
        .fetch_all(&mut *savepoint)
        .await?;
    let lanes: HashMap<i64, (i64, i64)> = lanes
        .into_iter()
        .map(|(lane, epoch, last)| (lane, (epoch, last)))
        .collect();
    let mut groups: Vec<Placed<'_>> = Vec::new();
    for waiting in batch {
        let lane = lanes.get(&waiting.lane.number().into());
        let (newest, before) = *lane.ok_or(sqlx::Error::RowNotFound)?;
        if newest as u64 != waiting.epoch.0 {
            return Ok(Err(Outcome::Fenced));
        }
        let rows = Rows::of(&waiting.group, &waiting.owners);
        let rows = rows.expect("the group was looked through before it was queued");
        groups.push((waiting.lane, before as u64, rows));
    }
    for question in script::ask_stale(&groups) {
        if question.fetch_optional(&mut *savepoint).await?.is_some() {
            return Ok(Err(Outcome::Stale));
        }
    }
    for statement in script::write(&groups) {
        statement.execute(&mut *savepoint).await?;
    }
    savepoint.commit().await?;
    let appended = groups.iter().map(|(_, before, rows)| Appended {
        first: before + 1,
        last: before + rows.events.len() as u64,
    });
    Ok(Ok(appended.collect()))
}

/// A lane's own writer has one group under way. A caller who left may have another one here, and so may a second writer.
fn distinct_lanes(batch: &[Waiting]) -> bool {
    let mut lanes: Vec<Lane> = batch.iter().map(|waiting| waiting.lane).collect();
    lanes.sort_unstable();
    lanes.windows(2).all(|pair| pair[0] != pair[1])
}

/// The same error for another group of the batch.
fn again(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(error.to_string()))
}
