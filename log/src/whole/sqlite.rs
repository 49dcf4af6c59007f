//! A whole SQLite file.

use futures::TryStreamExt as _;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::{Cell, Give, Kind, TABLES, Table, Take, not_empty, whole_store};
use crate::port::Failure;

whole_store!(Sqlite, SqliteRow);

async fn connect(path: &str) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal);
    let connected = options.connect().await;
    connected.map_err(|error| Failure::because(format!("cannot open the log {path}"), error))
}

pub(super) async fn read(path: &str, take: &mut Take<'_>) -> Result<(), Failure> {
    let failed = |error| Failure::because("cannot read the log at one moment", error);
    let mut connection = connect(path).await?;
    // The first question fixes the moment; writers go on beside it.
    let mut snapshot = connection.begin().await.map_err(failed)?;
    read_tables(&mut snapshot, "", take).await?;
    snapshot.rollback().await.map_err(failed)?;
    connection.close().await.map_err(failed)
}

pub(super) async fn write(path: &str, give: &mut Give<'_>) -> Result<(), Failure> {
    let failed = |error| Failure::because("cannot write the log in one transaction", error);
    let mut connection = connect(path).await?;
    let mut transaction = connection
        .begin_with("begin immediate")
        .await
        .map_err(failed)?;
    write_tables(&mut transaction, give).await?;
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)
}
