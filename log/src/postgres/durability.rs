//! Refuses a database that acknowledges more than it keeps.

use sqlx::PgConnection;

use crate::open::OpenError;
use crate::port::Failure;

/// Reads the settings that decide whether an acknowledged group survives a power cut.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), OpenError> {
    let (synchronous_commit, fsync, checksums): (String, String, String) = sqlx::query_as(
        "select current_setting('synchronous_commit'), current_setting('fsync'), \
         current_setting('data_checksums')",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| {
        OpenError::Store(Failure::because(
            "cannot read the settings of PostgreSQL",
            error,
        ))
    })?;
    for (setting, value) in [("synchronous_commit", synchronous_commit), ("fsync", fsync)] {
        if value == "off" {
            return Err(OpenError::NotDurable { setting });
        }
    }
    if checksums == "off" {
        tracing::warn!(
            "data_checksums is off in PostgreSQL: a flipped bit on the disk would not be noticed; \
             stop the server and run pg_checksums --enable"
        );
    }
    Ok(())
}
