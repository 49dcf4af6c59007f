//! Tables on SQLite or PostgreSQL: one SQL text, two databases. Columns are 64-bit numbers and texts, nothing else.
//!
//! Statements are written in lower case with `$1` placeholders, which both databases read.

pub mod address;
mod copying;
mod given;
pub mod value;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, Postgres, Row as _, Sqlite, TypeInfo as _,
    ValueRef as _,
};

pub use address::{Address, InvalidAddress};
pub use given::Given;
pub use value::{Value, WrongShape};

use given::Column;

/// Connections that only read. SQLite has one writer besides.
const READERS_MAX: u32 = 4;

/// Statements walk an index and are planned once for each connection. A plan made while a table was small would not walk
/// one, and would be kept.
const PLANNING: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// What is different for statements that go through whole tables, until the transaction ends.
const WHOLE_TABLES: &str = "set local enable_seqscan = on; set local enable_hashjoin = on; \
                            set local enable_mergejoin = on; set local work_mem = '64MB'; \
                            set local maintenance_work_mem = '128MB'";

/// Pages a connection to SQLite keeps in memory, KiB; SQLite counts KiB as negative numbers.
const CACHE_KIB: &str = "-16384";

/// How long a writer waits for another writer.
const BUSY_WAIT: Duration = Duration::from_secs(30);

/// An open database.
#[derive(Clone, Debug)]
pub struct Store {
    reads: Pool,
    writes: Pool,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process. After a power cut the last commits may be missing, which is harmless for what can be
    /// rebuilt.
    Disposable,
    /// A power cut.
    Lasting,
}

/// The database misbehaved.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is not one of a database.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The database refused, or could not be reached.
    #[error("cannot {attempt}")]
    Database {
        /// What was tried, as in "commit a batch".
        attempt: &'static str,
        /// What went wrong underneath.
        #[source]
        source: sqlx::Error,
    },
    /// A row is not what the program expects.
    #[error(transparent)]
    Shape(#[from] WrongShape),
}

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A transaction of either database; dropping it takes everything back.
pub struct Transaction(Open);

enum Open {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// One text for both: the body is compiled once for each database.
macro_rules! on_either {
    ($either:expr, $kind:ident::$inner:ident => $body:expr) => {
        match $either {
            $kind::Sqlite($inner) => $body,
            $kind::Postgres($inner) => $body,
        }
    };
}

/// A statement with its values.
macro_rules! statement {
    ($sql:expr, $values:expr) => {{
        let mut statement = sqlx::query(AssertSqlSafe($sql));
        for value in $values {
            statement = match value {
                Value::Number(number) => statement.bind(number),
                Value::Text(text) => statement.bind(text),
            };
        }
        statement
    }};
}

/// A statement of PostgreSQL with its lists.
macro_rules! statement_of_columns {
    ($sql:expr, $columns:expr) => {{
        let mut statement = sqlx::query(AssertSqlSafe($sql));
        for column in $columns {
            statement = match column {
                Column::Numbers(numbers) => statement.bind(numbers),
                Column::Texts(texts) => statement.bind(texts),
            };
        }
        statement
    }};
}

/// The rows of an answer, as values.
macro_rules! cells {
    ($rows:expr) => {
        $rows
            .iter()
            .map(|row| {
                (0..row.len())
                    .map(|index| {
                        let is_number = {
                            let cell = row.try_get_raw(index)?;
                            matches!(cell.type_info().name(), "INTEGER" | "INT8" | "INT4")
                        };
                        Ok(if is_number {
                            Value::Number(row.try_get(index)?)
                        } else {
                            Value::Text(row.try_get(index)?)
                        })
                    })
                    .collect::<Result<Vec<Value>, sqlx::Error>>()
            })
            .collect::<Result<Vec<Vec<Value>>, sqlx::Error>>()
    };
}

impl Store {
    /// Opens `sqlite:<path>` (the file and its folder are made when missing), `postgres://...` or
    /// `jdbc:postgresql://...`.
    pub async fn open(address: &str, durability: Durability) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Database {
            attempt: "open the database",
            source,
        };
        match Address::parse(address)? {
            Address::Sqlite(path) => open_sqlite(&path, durability).await.map_err(failed),
            Address::Postgres(options) => {
                let commit = match durability {
                    Durability::Disposable => "off",
                    Durability::Lasting => "on",
                };
                let pool = PgPoolOptions::new()
                    .max_connections(READERS_MAX + 1)
                    .connect_with(
                        options
                            .options([("synchronous_commit", commit)])
                            .options(PLANNING),
                    )
                    .await
                    .map(Pool::Postgres)
                    .map_err(failed)?;
                Ok(Self {
                    reads: pool.clone(),
                    writes: pool,
                })
            }
        }
    }

    /// A database of its own in memory: gone with the last handle to it.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(SqliteConnectOptions::new().in_memory(true))
            .await
            .map_err(failed_to("open a database in memory"))?;
        Ok(Self {
            reads: Pool::Sqlite(pool.clone()),
            writes: Pool::Sqlite(pool),
        })
    }

    /// Begins to write. On SQLite there is one writer at a time.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let begun = match &self.writes {
            Pool::Sqlite(pool) => pool.begin_with("begin immediate").await.map(Open::Sqlite),
            Pool::Postgres(pool) => pool.begin().await.map(Open::Postgres),
        };
        begun
            .map(Transaction)
            .map_err(|source| StoreError::Database {
                attempt: "begin to write",
                source,
            })
    }

    /// Rows of a question.
    pub async fn fetch(
        &self,
        sql: impl Into<String>,
        values: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let (sql, failed) = (sql.into(), failed_to("read"));
        on_either!(&self.reads, Pool::pool => {
            let rows = statement!(sql, values).fetch_all(pool).await.map_err(failed)?;
            cells!(rows).map_err(failed)
        })
    }
}

impl Transaction {
    /// Carries out a statement; the number of rows it touched.
    pub async fn execute(
        &mut self,
        sql: impl Into<String>,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let (sql, failed) = (sql.into(), failed_to("write"));
        on_either!(&mut self.0, Open::transaction => {
            let done = statement!(sql, values).execute(&mut **transaction).await;
            done.map(|done| done.rows_affected()).map_err(failed)
        })
    }

    /// Carries out a statement on these rows, which it calls `{given}`; the number of rows it touched.
    pub async fn execute_on(&mut self, given: Given<'_>, sql: &str) -> Result<u64, StoreError> {
        if given.is_empty() {
            return Ok(0);
        }
        let failed = failed_to("write");
        match &mut self.0 {
            Open::Sqlite(transaction) => {
                let mut touched = 0;
                for (sql, values) in given.in_rows(sql) {
                    let done = statement!(sql, values).execute(&mut **transaction).await;
                    touched += done.map_err(failed)?.rows_affected();
                }
                Ok(touched)
            }
            Open::Postgres(transaction) => {
                let (sql, columns) = given.in_columns(sql);
                let statement = statement_of_columns!(sql, columns);
                let done = statement.execute(&mut **transaction).await;
                Ok(done.map_err(failed)?.rows_affected())
            }
        }
    }

    /// Adds new rows to a table as fast as the database can; `false`, and no row is added, when it knows no faster way than
    /// a statement, or when a row is not new.
    pub async fn load(&mut self, table: &str, given: &Given<'_>) -> Result<bool, StoreError> {
        if given.is_empty() {
            return Ok(true);
        }
        let Open::Postgres(transaction) = &mut self.0 else {
            return Ok(false);
        };
        let failed = failed_to("add rows");
        let (columns, rows) = given.parts();
        let statement = copying::statement(table, columns);
        // A savepoint: when a row is not new, the transaction goes on from before.
        let mut inner = transaction.begin().await.map_err(failed)?;
        let mut copy = inner.copy_in_raw(&statement).await.map_err(failed)?;
        copy.send(copying::encode(rows)).await.map_err(failed)?;
        match copy.finish().await {
            Ok(_) => inner.commit().await.map_err(failed)?,
            Err(error) if is_not_new(&error) => {
                inner.rollback().await.map_err(failed)?;
                return Ok(false);
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(true)
    }

    /// Carries out a statement on these rows, which it calls `{given}`; the rows it answers.
    pub async fn fetch_on(
        &mut self,
        given: Given<'_>,
        sql: &str,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let failed = failed_to("write");
        match &mut self.0 {
            Open::Sqlite(transaction) => {
                let mut answer = Vec::new();
                for (sql, values) in given.in_rows(sql) {
                    let rows = statement!(sql, values).fetch_all(&mut **transaction).await;
                    answer.extend(cells!(rows.map_err(failed)?).map_err(failed)?);
                }
                Ok(answer)
            }
            Open::Postgres(transaction) => {
                let (sql, columns) = given.in_columns(sql);
                let statement = statement_of_columns!(sql, columns);
                let rows = statement.fetch_all(&mut **transaction).await;
                cells!(rows.map_err(failed)?).map_err(failed)
            }
        }
    }

    /// Carries out several statements without values: the text of a migration.
    pub async fn run_script(&mut self, sql: impl Into<String>) -> Result<(), StoreError> {
        let (sql, failed) = (sql.into(), failed_to("change the tables"));
        on_either!(&mut self.0, Open::transaction => {
            let script = sqlx::raw_sql(AssertSqlSafe(sql));
            transaction.execute(script).await.map(drop).map_err(failed)
        })
    }

    /// Rows of a question, as this transaction sees them.
    pub async fn fetch(
        &mut self,
        sql: impl Into<String>,
        values: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let (sql, failed) = (sql.into(), failed_to("read"));
        on_either!(&mut self.0, Open::transaction => {
            let rows = statement!(sql, values).fetch_all(&mut **transaction).await.map_err(failed)?;
            cells!(rows).map_err(failed)
        })
    }

    /// SQL that tells whether two rows are the same in all of these columns, nothing being the same as nothing.
    pub fn same_rows(&self, left: &str, right: &str, columns: &[&str]) -> String {
        match &self.0 {
            Open::Sqlite(_) => {
                let same = |column| format!("{left}.{column} is {right}.{column}");
                columns.iter().map(same).collect::<Vec<_>>().join(" and ")
            }
            // It compares the bytes of both rows.
            Open::Postgres(_) => format!("{left} *= {right}"),
        }
    }

    /// From here on statements go through whole tables: what helps them to walk an index is in their way.
    pub async fn plan_for_whole_tables(&mut self) -> Result<(), StoreError> {
        match &self.0 {
            Open::Sqlite(_) => Ok(()),
            Open::Postgres(_) => self.run_script(WHOLE_TABLES).await,
        }
    }

    /// Makes it all so.
    pub async fn commit(self) -> Result<(), StoreError> {
        let failed = failed_to("commit");
        on_either!(self.0, Open::transaction => transaction.commit().await.map_err(failed))
    }
}

fn is_not_new(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(DatabaseError::is_unique_violation)
}

fn failed_to(attempt: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |source| StoreError::Database { attempt, source }
}

async fn open_sqlite(path: &Path, durability: Durability) -> Result<Store, sqlx::Error> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    let (secure_delete, checkpoint_pages) = match durability {
        Durability::Disposable => ("off", "8192"),
        // Letters with texts in them lie here: a row that is gone is overwritten, and that is carried over soon.
        Durability::Lasting => ("on", "1000"),
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(BUSY_WAIT)
        .statement_cache_capacity(256)
        .pragma("cache_size", CACHE_KIB)
        .pragma("secure_delete", secure_delete)
        .pragma("wal_autocheckpoint", checkpoint_pages)
        .synchronous(match durability {
            Durability::Disposable => SqliteSynchronous::Normal,
            Durability::Lasting => SqliteSynchronous::Full,
        });
    let writes = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(BUSY_WAIT)
        .connect_with(options.clone())
        .await?;
    let reads = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .connect_with(options.pragma("query_only", "on"))
        .await?;
    Ok(Store {
        reads: Pool::Sqlite(reads),
        writes: Pool::Sqlite(writes),
    })
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        })
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transaction")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite calls NORMAL and FULL, and whether it overwrites what is deleted.
    const LEVELS: [(Durability, i64, i64); 2] =
        [(Durability::Disposable, 1, 0), (Durability::Lasting, 2, 1)];

    /// No test can cut the power, so this one asks the writer whether it flushes before a commit is done.
    #[tokio::test]
    async fn what_must_last_is_flushed_and_what_is_deleted_overwritten()
    -> Result<(), Box<dyn std::error::Error>> {
        for (durability, level, overwrites) in LEVELS {
            let folder = tempfile::tempdir()?;
            let address = format!("sqlite:{}", folder.path().join("store.sqlite").display());
            let store = Store::open(&address, durability).await?;
            let mut transaction = store.begin().await?;
            let said = transaction.fetch("pragma synchronous", Vec::new()).await?;
            assert_eq!(said, [[Value::from(level)]]);
            let said = transaction
                .fetch("pragma secure_delete", Vec::new())
                .await?;
            assert_eq!(said, [[Value::from(overwrites)]]);
        }
        Ok(())
    }

    #[tokio::test]
    async fn numbers_texts_and_nothing_read_back_as_written()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let address = format!(
            "sqlite:{}",
            folder.path().join("new/store.sqlite").display()
        );
        let store = Store::open(&address, Durability::Lasting).await?;
        let mut transaction = store.begin().await?;
        transaction
            .run_script("create table t (a bigint, b text, c bigint, d text)")
            .await?;
        let row = vec![
            Value::from(i64::MAX),
            Value::from("текст"),
            Value::Number(None),
            Value::Text(None),
        ];
        let insert = "insert into t (a, b, c, d) values ($1, $2, $3, $4)";
        assert_eq!(transaction.execute(insert, row.clone()).await?, 1);
        transaction.commit().await?;
        let read = store.fetch("select a, b, c, d from t", Vec::new()).await?;
        assert_eq!(read, [row]);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_not_committed_never_was() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let address = format!("sqlite:{}", folder.path().join("store.sqlite").display());
        let store = Store::open(&address, Durability::Disposable).await?;
        let mut transaction = store.begin().await?;
        transaction.run_script("create table t (a bigint)").await?;
        transaction.commit().await?;
        let mut transaction = store.begin().await?;
        transaction
            .execute("insert into t (a) values ($1)", vec![Value::from(1)])
            .await?;
        drop(transaction);
        let count = store.fetch("select count(*) from t", Vec::new()).await?;
        assert_eq!(count, [[Value::from(0)]]);
        Ok(())
    }
}
