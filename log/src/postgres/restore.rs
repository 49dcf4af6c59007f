//! Putting an event back where it lay.

use crate::port::{Failure, LogEvent};
use crate::postgres::PostgresLog;
use crate::restoring::{DELETE, INSERT, behind_the_end};

/// Nobody changes events, so whoever mends one takes the guard away and puts it back in the same transaction.
const UNGUARDED: &str = "alter table events disable trigger events_are_final";
const GUARDED: &str = "alter table events enable trigger events_are_final";

impl PostgresLog {
    pub(super) async fn put_back(&self, event: &LogEvent) -> Result<(), Failure> {
        let position = event.position;
        let failed = |error| Failure::because(format!("cannot put {position} back"), error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let unguarded = sqlx::query(UNGUARDED).execute(&mut *transaction).await;
        unguarded.map_err(failed)?;
        sqlx::query(DELETE)
            .bind(i16::from(position.lane.number()))
            .bind(position.number as i64)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let inserted = sqlx::query(INSERT)
            .bind(i16::from(position.lane.number()))
            .bind(position.number as i64)
            .bind(event.owner.to_string())
            .bind(event.version as i64)
            .bind(&*event.word)
            .bind(&*event.aggregate)
            .bind(event.at.0)
            .bind(event.payload.as_ref())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        if inserted.rows_affected() != 1 {
            return Err(behind_the_end(position));
        }
        let guarded = sqlx::query(GUARDED).execute(&mut *transaction).await;
        guarded.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}
