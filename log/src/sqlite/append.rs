//! Writing: a group becomes a script of a few statements with many rows each, and waits for the next batch; see
//! `batch.rs`.

use schemas::vault::VaultName;
use schemas::{Lane, Owner};
use sqlx::AssertSqlSafe;
use tokio::sync::oneshot;

use super::SqliteLog;
use super::batch::{LANE, Outcome, Script, Statement, Waiting};
use crate::commit::{Claim, Commit};
use crate::group::{self, Histories, Rows};
use crate::port::{AppendError, Appended, Epoch, Failure, OpenLane};

/// Rows of one statement. SQLite takes 32,766 values, and an event has 6.
const ROWS_MAX: usize = 500;

impl SqliteLog {
    pub(super) async fn append_group(
        &self,
        lane: Lane,
        epoch: Epoch,
        group: &[Commit],
    ) -> Result<Appended, AppendError> {
        let owners = group::owners(lane, group);
        let attempt = || format!("cannot append to lane {lane}");
        let rows = match Rows::of(group, &owners) {
            Some(rows) if !group.is_empty() => rows,
            contradiction_or_nothing => {
                let last = self.check_fence(lane, epoch).await?;
                let first = last + 1;
                return contradiction_or_nothing
                    .map(|_| Appended { first, last })
                    .ok_or(AppendError::Group);
            }
        };
        let script = Script::of(lane, &rows);
        let events = script.events;
        let (answer, answered) = oneshot::channel();
        if self
            .batches
            .send(Waiting {
                lane,
                epoch,
                script,
                answer,
            })
            .is_err()
        {
            let attempt = format!("{}: the log is closed", attempt());
            return Err(AppendError::Failed(Failure {
                attempt,
                source: None,
            }));
        }
        // A batch that died without a word may have been committed.
        let outcome = answered
            .await
            .map_err(|error| AppendError::Unknown(Failure::because(attempt(), error)))?;
        let histories = match outcome {
            Outcome::Committed { last } => {
                let first = last - events + 1;
                return Ok(Appended { first, last });
            }
            Outcome::Fenced => return Err(AppendError::Fenced { lane }),
            Outcome::Failed(error) => {
                return Err(AppendError::Failed(Failure::because(attempt(), error)));
            }
            Outcome::Unknown(error) => {
                return Err(AppendError::Unknown(Failure::because(attempt(), error)));
            }
            Outcome::Stale => Histories::Elsewhere,
            Outcome::Occupied => Histories::AsExpected,
        };
        Err(group::obstacle(self, group, histories, self.first_taken(&rows.claims)).await)
    }

    pub(super) async fn raise_epoch(&self, lane: Lane) -> Result<OpenLane, Failure> {
        let attempt = || format!("cannot open lane {lane}");
        let sql = "update lanes set epoch = epoch + 1 where lane = $1 returning epoch, pos";
        // `fetch_all` and not `fetch_one`: that one hands out the row before the statement has committed.
        let rows: Vec<(i64, i64)> = sqlx::query_as(sql)
            .bind(i64::from(lane.number()))
            .fetch_all(&self.writer)
            .await
            .map_err(|error| Failure::because(attempt(), error))?;
        let [(epoch, last)] = rows[..] else {
            return Err(Failure::because(attempt(), sqlx::Error::RowNotFound));
        };
        Ok(OpenLane {
            epoch: Epoch(epoch as u64),
            last: last as u64,
        })
    }

    pub(super) async fn erase_rows(
        &self,
        owner: &Owner,
        names: &[VaultName],
    ) -> Result<(), Failure> {
        let owner = owner.to_string();
        let rows: Vec<_> = names
            .iter()
            .map(|name| (owner.as_str(), name.as_str()))
            .collect();
        for chunk in rows.chunks(ROWS_MAX) {
            let erased = delete_pairs(DELETE_VAULT, chunk)
                .execute(&self.writer)
                .await;
            erased.map_err(|error| Failure::because("cannot erase rows of the vault", error))?;
        }
        Ok(())
    }

    async fn check_fence(&self, lane: Lane, epoch: Epoch) -> Result<u64, AppendError> {
        let (newest, last): (i64, i64) = sqlx::query_as(LANE)
            .bind(i64::from(lane.number()))
            .fetch_one(&self.readers)
            .await
            .map_err(|error| {
                AppendError::Failed(Failure::because(format!("cannot read lane {lane}"), error))
            })?;
        if newest as u64 == epoch.0 {
            Ok(last as u64)
        } else {
            Err(AppendError::Fenced { lane })
        }
    }

    /// The first of the claimed names that is taken.
    async fn first_taken(&self, claims: &[(&Claim, &str)]) -> Result<Option<Claim>, Failure> {
        for (claim, _) in claims {
            let taken = sqlx::query("select 1 from claims where scope = $1 and name = $2")
                .bind(&claim.scope)
                .bind(&claim.name)
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| Failure::because("cannot look for taken names", error))?;
            if taken.is_some() {
                return Ok(Some((*claim).clone()));
            }
        }
        Ok(None)
    }
}

const DELETE_VAULT: &str = "delete from vault where (owner, name) in (";
const DELETE_TIMERS: &str = "delete from timers where (owner, name) in (";

impl Script {
    /// The script of a group.
    fn of(lane: Lane, rows: &Rows<'_>) -> Self {
        let lane = i64::from(lane.number());
        let mut writes = Vec::new();
        for (chunk, first) in rows.events.chunks(ROWS_MAX).zip((0..).step_by(ROWS_MAX)) {
            writes.push(insert_events(lane, chunk, first));
        }
        for chunk in rows.commands.chunks(ROWS_MAX) {
            let mut statement = statement(
                "insert into commands (command_id, lane, pos, fingerprint, code, answer) \
                 select column1, lanes.lane, lanes.pos + column2, column3, column4, column5 from (",
                (5, chunk.len()),
                ") cross join lanes where lanes.lane = ?",
            );
            for (command, offset) in chunk {
                statement = statement
                    .bind(command.command_id.0.to_vec())
                    .bind(*offset as i64)
                    .bind(command.fingerprint.0.to_vec())
                    .bind(i64::from(command.code.number()))
                    .bind(command.answer.as_slice());
            }
            writes.push(statement.bind(lane));
        }
        for owner in &rows.erased_owners {
            writes.push(sqlx::query("delete from vault where owner = ?").bind(*owner));
        }
        for chunk in rows.erased.chunks(ROWS_MAX) {
            writes.push(delete_pairs(DELETE_VAULT, chunk));
        }
        for chunk in rows.written.chunks(ROWS_MAX) {
            let mut statement = statement(
                "insert into vault (owner, name, sealed) ",
                (3, chunk.len()),
                " on conflict (owner, name) do update set sealed = excluded.sealed",
            );
            for (owner, name, sealed) in chunk {
                statement = statement.bind(*owner).bind(*name).bind(*sealed);
            }
            writes.push(statement);
        }
        for chunk in rows.timers.chunks(ROWS_MAX) {
            let mut statement = statement(
                "insert into timers (owner, name, lane, due_at) ",
                (4, chunk.len()),
                " on conflict (owner, name) do update set due_at = excluded.due_at",
            );
            for (owner, name, due_at) in chunk {
                statement = statement.bind(*owner).bind(*name).bind(lane).bind(due_at.0);
            }
            writes.push(statement);
        }
        for chunk in rows.cancelled.chunks(ROWS_MAX) {
            writes.push(delete_pairs(DELETE_TIMERS, chunk));
        }
        for chunk in rows.claims.chunks(ROWS_MAX) {
            let mut statement = statement(
                "insert into claims (scope, name, owner) ",
                (3, chunk.len()),
                "",
            );
            for (claim, owner) in chunk {
                statement = statement
                    .bind(claim.scope.as_str())
                    .bind(claim.name.as_str())
                    .bind(*owner);
            }
            writes.push(statement);
        }
        let events = rows.events.len() as u64;
        // Last, because the statements above count from the old position.
        writes.push(
            sqlx::query("update lanes set pos = pos + ? where lane = ?")
                .bind(events as i64)
                .bind(lane),
        );
        Self {
            stale: rows.histories.chunks(ROWS_MAX).map(ask_stale).collect(),
            writes,
            events,
        }
    }
}

fn ask_stale(histories: &[(&str, u64)]) -> Statement {
    let mut statement = statement(
        "select 1 from (",
        (2, histories.len()),
        ") as expected where expected.column2 <> \
         coalesce((select max(version) from events where owner = expected.column1), 0) limit 1",
    );
    for (owner, version) in histories {
        statement = statement.bind(*owner).bind(*version as i64);
    }
    statement
}

fn insert_events(lane: i64, events: &[group::EventRow<'_>], before: i64) -> Statement {
    let mut statement = statement(
        "insert into events (lane, pos, owner, version, word, aggregate, at, payload) \
         select lanes.lane, lanes.pos + column1, column2, column3, column4, column5, column6, column7 from (",
        (7, events.len()),
        ") cross join lanes where lanes.lane = ?",
    );
    for (number, row) in (before + 1..).zip(events) {
        statement = statement
            .bind(number)
            .bind(row.owner)
            .bind(row.version as i64)
            .bind(row.event.word.as_str())
            .bind(row.event.aggregate.as_str())
            .bind(row.event.at.0)
            .bind(row.event.payload.as_slice());
    }
    statement.bind(lane)
}

/// Deletes rows by owner and name.
fn delete_pairs(head: &'static str, pairs: &[(&str, &str)]) -> Statement {
    let mut statement = statement(head, (2, pairs.len()), ")");
    for (owner, name) in pairs {
        statement = statement.bind(*owner).bind(*name);
    }
    statement
}

/// A statement around `values (?, …), …` with so many columns and rows.
fn statement(head: &'static str, (columns, rows): (usize, usize), tail: &'static str) -> Statement {
    let row = format!("({})", vec!["?"; columns].join(", "));
    let sql = format!("{head}values {}{tail}", vec![row.as_str(); rows].join(", "));
    // Only literals and question marks went into it.
    sqlx::query(AssertSqlSafe(sql))
}
