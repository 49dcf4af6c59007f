//! Writing: one statement per group, in one transaction of its own.

use std::time::Duration;

use schemas::vault::VaultName;
use schemas::{Lane, Owner};
use sqlx::FromRow;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

use super::PostgresLog;
use crate::commit::{Claim, Commit};
use crate::group::{self, Histories, Rows};
use crate::port::{AppendError, Appended, Epoch, Failure, OpenLane};

const APPEND: &str = include_str!("append.sql");

/// How often a group is sent again because the lane moved while it was looked at. Only a writer that was just fenced
/// can meet that, and the next look tells it so.
const ATTEMPTS_MAX: u32 = 8;

/// What the statement answers: the lane's position before, or null when nothing moved; the lane's epoch and whether a
/// history was elsewhere, both as the statement saw them when it began.
type Answer = (Option<i64>, i64, bool);

type Statement = Query<'static, Postgres, PgArguments>;

/// Why a statement that was sent did not answer.
enum Trouble {
    /// The server refused it and rolled it back: a command or a name is there already.
    Occupied,
    /// The server refused it and rolled it back.
    Refused(sqlx::Error),
    /// It may have been committed.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

impl PostgresLog {
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
        let turn = &self.lanes[usize::from(lane.number())];
        for _ in 0..ATTEMPTS_MAX {
            // A caller who leaves while waiting here leaves nothing behind.
            let turn = turn.clone().lock_owned().await;
            let connection = self.pool.acquire().await;
            let connection = connection
                .map_err(|error| AppendError::Failed(Failure::because(attempt(), error)))?;
            let statement = bind(lane, epoch, &rows);
            let timeout = self.answer_timeout;
            // In a task of its own, so that a caller who stops waiting does not leave a connection in mid-sentence.
            let sent = tokio::spawn(async move {
                let answer = send(connection, statement, timeout).await;
                drop(turn);
                answer
            });
            let answer = sent
                .await
                .unwrap_or_else(|error| Err(Trouble::Unknown(error.into())));
            let histories = match answer {
                Ok((Some(before), ..)) => {
                    return Ok(Appended {
                        first: before as u64 + 1,
                        last: before as u64 + rows.events.len() as u64,
                    });
                }
                Ok((None, newest, _)) if newest as u64 != epoch.0 => {
                    return Err(AppendError::Fenced { lane });
                }
                Ok((None, _, false)) => continue,
                Ok((None, _, true)) => Histories::Elsewhere,
                Err(Trouble::Occupied) => Histories::AsExpected,
                Err(Trouble::Refused(error)) => {
                    return Err(AppendError::Failed(Failure::because(attempt(), error)));
                }
                Err(Trouble::Unknown(source)) => {
                    return Err(AppendError::Unknown(Failure::because(attempt(), source)));
                }
            };
            let taken = self.first_taken(&rows.claims);
            return Err(group::obstacle(self, group, histories, taken).await);
        }
        Err(AppendError::Failed(Failure {
            attempt: format!("lane {lane} moved at every attempt to append to it"),
            source: None,
        }))
    }

    pub(super) async fn raise_epoch(&self, lane: Lane) -> Result<OpenLane, Failure> {
        let sql = "update lanes set epoch = epoch + 1 where lane = $1 returning epoch, pos";
        let (epoch, last): (i64, i64) = sqlx::query_as(sql)
            .bind(i16::from(lane.number()))
            .fetch_one(&self.pool)
            .await
            .map_err(|error| Failure::because(format!("cannot open lane {lane}"), error))?;
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
        let names: Vec<_> = names.iter().map(VaultName::as_str).collect();
        sqlx::query("delete from vault where owner = $1 and name = any($2)")
            .bind(owner.to_string())
            .bind(names)
            .execute(&self.pool)
            .await
            .map_err(|error| Failure::because("cannot erase rows of the vault", error))?;
        Ok(())
    }

    async fn check_fence(&self, lane: Lane, epoch: Epoch) -> Result<u64, AppendError> {
        let row = sqlx::query_as("select epoch, pos from lanes where lane = $1")
            .bind(i16::from(lane.number()))
            .fetch_one(&self.pool)
            .await;
        let (newest, last): (i64, i64) = row.map_err(|error| {
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
        let scopes: Vec<_> = claims
            .iter()
            .map(|(claim, _)| claim.scope.as_str())
            .collect();
        let names: Vec<_> = claims
            .iter()
            .map(|(claim, _)| claim.name.as_str())
            .collect();
        let taken: Option<(String, String)> = sqlx::query_as(
            "select claims.scope, claims.name from unnest($1::text[], $2::text[]) as wanted (scope, name) \
             join claims on claims.scope = wanted.scope and claims.name = wanted.name \
             order by claims.scope, claims.name limit 1",
        )
        .bind(scopes)
        .bind(names)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| Failure::because("cannot look for taken names", error))?;
        Ok(taken.map(|(scope, name)| Claim { scope, name }))
    }
}

/// Sends the statement and waits until its transaction has ended, or until it has taken too long.
async fn send(
    mut connection: PoolConnection<Postgres>,
    statement: Statement,
    timeout: Duration,
) -> Result<Answer, Trouble> {
    // `fetch_all` and not `fetch_one`: a row alone says nothing yet, the end of the answer says committed.
    let rows = match tokio::time::timeout(timeout, statement.fetch_all(&mut *connection)).await {
        Ok(rows) => rows.map_err(judge)?,
        Err(elapsed) => {
            // Nobody may read the late answer as the answer to another question.
            drop(connection.detach());
            return Err(Trouble::Unknown(elapsed.into()));
        }
    };
    let row = rows
        .first()
        .ok_or_else(|| Trouble::Unknown(sqlx::Error::RowNotFound.into()))?;
    Answer::from_row(row).map_err(|error| Trouble::Unknown(error.into()))
}

/// Decides whether an error proves that the transaction was rolled back. Doubt means that nobody knows.
fn judge(error: sqlx::Error) -> Trouble {
    // Classes of SQLSTATE that the server reports before a commit: unsupported, data, constraint, transaction state,
    // authorization, rollback, syntax, out of resources, limits, object state.
    const ROLLED_BACK: [&str; 10] = ["0A", "22", "23", "25", "26", "40", "42", "53", "54", "55"];
    const COMPLETION_UNKNOWN: &str = "40003";
    match error {
        sqlx::Error::Database(error) if error.is_unique_violation() => Trouble::Occupied,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default().into_owned();
            let class = code.get(..2).unwrap_or_default();
            if ROLLED_BACK.contains(&class) && code != COMPLETION_UNKNOWN {
                Trouble::Refused(sqlx::Error::Database(error))
            } else {
                Trouble::Unknown(sqlx::Error::Database(error).into())
            }
        }
        error @ (sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_)) => {
            Trouble::Refused(error)
        }
        error => Trouble::Unknown(error.into()),
    }
}

/// The statement with its thirty columns; their numbers stand in `append.sql`.
fn bind(lane: Lane, epoch: Epoch, rows: &Rows<'_>) -> Statement {
    sqlx::query(APPEND)
        .bind(i16::from(lane.number()))
        .bind(epoch.0 as i64)
        .bind(rows.events.len() as i64)
        .bind(column(&rows.histories, |(owner, _)| *owner))
        .bind(column(&rows.histories, |(_, version)| *version as i64))
        .bind(column(&rows.events, |row| row.owner))
        .bind(column(&rows.events, |row| row.version as i64))
        .bind(column(&rows.events, |row| row.event.word.as_str()))
        .bind(column(&rows.events, |row| row.event.aggregate.as_str()))
        .bind(column(&rows.events, |row| row.event.at.0))
        .bind(column(&rows.events, |row| row.event.payload.as_slice()))
        .bind(column(&rows.commands, |(row, _)| {
            row.command_id.0.as_slice()
        }))
        .bind(column(&rows.commands, |(_, number)| *number as i64))
        .bind(column(&rows.commands, |(row, _)| {
            row.fingerprint.0.as_slice()
        }))
        .bind(column(&rows.commands, |(row, _)| {
            i32::from(row.code.number())
        }))
        .bind(column(&rows.commands, |(row, _)| row.answer.as_slice()))
        .bind(column(&rows.erased_owners, |owner| *owner))
        .bind(column(&rows.erased, |(owner, _)| *owner))
        .bind(column(&rows.erased, |(_, name)| *name))
        .bind(column(&rows.written, |(owner, ..)| *owner))
        .bind(column(&rows.written, |(_, name, _)| *name))
        .bind(column(&rows.written, |(.., sealed)| *sealed))
        .bind(column(&rows.timers, |(owner, ..)| *owner))
        .bind(column(&rows.timers, |(_, name, _)| *name))
        .bind(column(&rows.timers, |(.., due_at)| due_at.0))
        .bind(column(&rows.cancelled, |(owner, _)| *owner))
        .bind(column(&rows.cancelled, |(_, name)| *name))
        .bind(column(&rows.claims, |(claim, _)| claim.scope.as_str()))
        .bind(column(&rows.claims, |(claim, _)| claim.name.as_str()))
        .bind(column(&rows.claims, |(_, owner)| *owner))
}

fn column<'a, Row, Value>(rows: &'a [Row], value: impl Fn(&'a Row) -> Value) -> Vec<Value> {
    rows.iter().map(value).collect()
}
