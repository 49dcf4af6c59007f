//! A transaction: what is written together.

use std::fmt;

use sqlx::error::DatabaseError;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, Postgres, Row as _, Sqlite, TypeInfo as _,
    ValueRef as _,
};

use super::given::{Column, Given};
use super::statements::{cells, on_either, statement, statement_of_columns};
use super::value::Value;
use super::{StoreError, copying, failed_to};

/// What is different for statements that go through whole tables, until the transaction ends.
const WHOLE_TABLES: &str = "set local enable_seqscan = on; set local enable_hashjoin = on; \
                            set local enable_mergejoin = on; set local work_mem = '64MB'; \
                            set local maintenance_work_mem = '128MB'";

/// A transaction of either database; dropping it takes everything back.
pub struct Transaction(pub(super) Open);

pub(super) enum Open {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
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

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transaction")
    }
}
