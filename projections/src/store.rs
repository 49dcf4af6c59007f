//! Tables on SQLite or PostgreSQL: one SQL text, two databases. Columns are 64-bit numbers and texts, nothing else.
//!
//! Statements are written in lower case with `$1` placeholders, which both databases read.

pub mod address;
mod copying;
mod given;
mod statements;
mod transaction;
pub mod value;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Row as _, TypeInfo as _, ValueRef as _};

pub use address::{Address, InvalidAddress};
pub use given::Given;
pub use transaction::Transaction;
pub use value::{Value, WrongShape};

use statements::{cells, on_either, statement};
use transaction::Open;

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
