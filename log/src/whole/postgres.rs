//! A whole PostgreSQL database.

use futures::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgRow, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::{Cell, Give, Kind, TABLES, Table, Take, not_empty, whole_store};
use crate::port::Failure;

whole_store!(Postgres, PgRow);

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    let connected = PgConnection::connect_with(options).await;
    connected.map_err(|error| Failure::because("cannot open the log in PostgreSQL", error))
}

pub(super) async fn read(options: &PgConnectOptions, take: &mut Take<'_>) -> Result<(), Failure> {
    let failed = |error| Failure::because("cannot read the log at one moment", error);
    let mut connection = connect(options).await?;
    let one_moment = "begin isolation level repeatable read read only";
    let mut snapshot = connection.begin_with(one_moment).await.map_err(failed)?;
    read_tables(&mut snapshot, "::bigint", take).await?;
    snapshot.rollback().await.map_err(failed)?;
    connection.close().await.map_err(failed)
}

pub(super) async fn write(options: &PgConnectOptions, give: &mut Give<'_>) -> Result<(), Failure> {
    let failed = |error| Failure::because("cannot write the log in one transaction", error);
    let mut connection = connect(options).await?;
    let mut transaction = connection.begin().await.map_err(failed)?;
    write_tables(&mut transaction, give).await?;
    transaction.commit().await.map_err(failed)?;
    connection.close().await.map_err(failed)
}
