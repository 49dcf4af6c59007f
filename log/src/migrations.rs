//! Brings the log's tables to the newest form. Only additions, ever.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

/// Where the store remembers which migrations it has seen; read models in the same database keep their own list.
const TABLE: &str = "log_migrations";

/// Runs what the store has not seen yet; several processes may do so at once.
pub(crate) async fn run<C: Migrate>(
    connection: &mut C,
    scripts: &[(i64, &'static str, &'static str)],
) -> Result<(), MigrateError> {
    let migrations = scripts
        .iter()
        .map(|&(version, name, sql)| {
            Migration::new(
                version,
                name.into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.dangerous_set_table_name(TABLE);
    migrator.run_direct(None, connection, false).await
}
