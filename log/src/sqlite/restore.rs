//! Putting an event back where it lay.

use crate::port::{Failure, LogEvent};
use crate::restoring::{DELETE, INSERT, behind_the_end};
use crate::sqlite::SqliteLog;

/// Nobody changes events, so whoever mends one takes the guards away and puts them back in the same transaction.
const UNGUARDED: &str = "drop trigger if exists events_are_never_changed; drop trigger if exists events_are_never_removed;";
const GUARDED: &str = "create trigger events_are_never_changed before update on events begin \
    select raise(abort, 'rows of events are never changed or removed'); end; \
    create trigger events_are_never_removed before delete on events begin \
    select raise(abort, 'rows of events are never changed or removed'); end;";

impl SqliteLog {
    pub(super) async fn put_back(&self, event: &LogEvent) -> Result<(), Failure> {
        let position = event.position;
        let failed = |error| Failure::because(format!("cannot put {position} back"), error);
        let mut transaction = self.writer.begin().await.map_err(failed)?;
        let unguarded = sqlx::raw_sql(UNGUARDED).execute(&mut *transaction).await;
        unguarded.map_err(failed)?;
        sqlx::query(DELETE)
            .bind(i64::from(position.lane.number()))
            .bind(position.number as i64)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let inserted = sqlx::query(INSERT)
            .bind(i64::from(position.lane.number()))
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
        let guarded = sqlx::raw_sql(GUARDED).execute(&mut *transaction).await;
        guarded.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}
