//! A whole store, row by row, as one moment saw it; and such rows into an empty store. The rows are the same whatever the
//! store, in the same order, so that one can be restored into the other.

mod postgres;
mod sqlite;

use crate::open::{OpenError, Store};
use crate::port::Failure;
use crate::postgres::connect_options;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A number, or nothing.
    MaybeNumber,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
}

/// A table of the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, the key's first.
    pub columns: &'static [(&'static str, Kind)],
    /// How many columns the key has.
    pub key: usize,
}

/// What a row holds in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Nothing,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Every table that is the truth, in the order in which they are read and written.
pub const TABLES: [Table; 7] = [
    Table {
        name: "lanes",
        columns: &[
            ("lane", Kind::Number),
            ("epoch", Kind::Number),
            ("pos", Kind::Number),
        ],
        key: 1,
    },
    Table {
        name: "events",
        columns: &[
            ("lane", Kind::Number),
            ("pos", Kind::Number),
            ("owner", Kind::Text),
            ("version", Kind::Number),
            ("word", Kind::Text),
            ("aggregate", Kind::Text),
            ("at", Kind::Number),
            ("payload", Kind::Bytes),
        ],
        key: 2,
    },
    Table {
        name: "commands",
        columns: &[
            ("command_id", Kind::Bytes),
            ("lane", Kind::Number),
            ("pos", Kind::Number),
            ("fingerprint", Kind::Bytes),
            ("code", Kind::Number),
            ("answer", Kind::Bytes),
        ],
        key: 1,
    },
    Table {
        name: "vault",
        columns: &[
            ("owner", Kind::Text),
            ("name", Kind::Text),
            ("sealed", Kind::Bytes),
        ],
        key: 2,
    },
    Table {
        name: "timers",
        columns: &[
            ("owner", Kind::Text),
            ("name", Kind::Text),
            ("lane", Kind::Number),
            ("due_at", Kind::Number),
        ],
        key: 2,
    },
    Table {
        name: "claims",
        columns: &[
            ("scope", Kind::Text),
            ("name", Kind::Text),
            ("owner", Kind::Text),
        ],
        key: 2,
    },
    Table {
        name: "counts",
        columns: &[
            ("name", Kind::Text),
            ("shown", Kind::Number),
            ("most", Kind::MaybeNumber),
        ],
        key: 1,
    },
];

/// Takes a row; what it cannot take ends the reading.
pub type Take<'a> = dyn FnMut(&'static Table, Vec<Cell>) -> Result<(), Failure> + Send + 'a;

/// Gives the next rows; none at the end.
pub type Give<'a> = dyn FnMut() -> Result<Vec<(&'static Table, Vec<Cell>)>, Failure> + Send + 'a;

impl Table {
    /// The table of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The question for all rows; `number` is how the store reads a number.
    fn select(&self, number: &str) -> String {
        let columns = self.columns.iter().map(|(name, kind)| match kind {
            Kind::Number | Kind::MaybeNumber => format!("{name}{number}"),
            Kind::Text | Kind::Bytes => (*name).to_owned(),
        });
        let columns: Vec<String> = columns.collect();
        let key: Vec<&str> = self.columns[..self.key]
            .iter()
            .map(|(name, _)| *name)
            .collect();
        let (columns, key) = (columns.join(", "), key.join(", "));
        format!("select {columns} from {} order by {key}", self.name)
    }
}

/// Reads every row of a store as one moment saw it, while others write.
pub async fn read(address: &str, take: &mut Take<'_>) -> Result<(), OpenError> {
    match Store::of(address)? {
        Store::Memory => Err(no_memory()),
        Store::Sqlite(path) => Ok(sqlite::read(path, take).await?),
        Store::Postgres => Ok(postgres::read(&connect_options(address, None)?, take).await?),
    }
}

/// Writes these rows into a store that has none, all of them or nothing. The lanes are fenced against whoever wrote them
/// before.
pub async fn write(address: &str, give: &mut Give<'_>) -> Result<(), OpenError> {
    // Its tables are made.
    let opened = crate::open(address).await?;
    drop(opened);
    match Store::of(address)? {
        Store::Memory => Err(no_memory()),
        Store::Sqlite(path) => Ok(sqlite::write(path, give).await?),
        Store::Postgres => Ok(postgres::write(&connect_options(address, None)?, give).await?),
    }
}

fn no_memory() -> OpenError {
    OpenError::Store(Failure {
        attempt: "a log in memory cannot be copied".to_owned(),
        source: None,
    })
}

/// The words for a store that is not empty.
fn not_empty(table: &str) -> Failure {
    Failure {
        attempt: format!("the target is not empty: there are rows in {table}"),
        source: None,
    }
}

/// The rows of a store, for either kind: they differ in types alone.
macro_rules! whole_store {
    ($database:ty, $row:ty) => {
        /// Reads a row by the kinds of its columns.
        fn cells(table: &Table, row: &$row) -> Result<Vec<Cell>, sqlx::Error> {
            let cells = table.columns.iter().enumerate().map(|(index, (_, kind))| {
                Ok(match kind {
                    Kind::Number => Cell::Number(row.try_get(index)?),
                    Kind::MaybeNumber => {
                        let number: Option<i64> = row.try_get(index)?;
                        number.map_or(Cell::Nothing, Cell::Number)
                    }
                    Kind::Text => Cell::Text(row.try_get(index)?),
                    Kind::Bytes => Cell::Bytes(row.try_get(index)?),
                })
            });
            cells.collect()
        }

        async fn read_tables(
            connection: &mut <$database as sqlx::Database>::Connection,
            number: &str,
            take: &mut Take<'_>,
        ) -> Result<(), Failure> {
            for table in &TABLES {
                let failed = |error| Failure::because(format!("cannot read {}", table.name), error);
                let question = sqlx::query(AssertSqlSafe(table.select(number)));
                let mut rows = question.fetch(&mut *connection);
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    take(table, cells(table, &row).map_err(failed)?)?;
                }
            }
            Ok(())
        }

        async fn write_tables(
            connection: &mut <$database as sqlx::Database>::Connection,
            give: &mut Give<'_>,
        ) -> Result<(), Failure> {
            for table in TABLES.iter().filter(|table| table.name != "lanes") {
                let failed =
                    |error| Failure::because(format!("cannot look into {}", table.name), error);
                let sql = format!("select 1 from {} limit 1", table.name);
                let found = sqlx::query(AssertSqlSafe(sql)).fetch_optional(&mut *connection);
                if found.await.map_err(failed)?.is_some() {
                    return Err(not_empty(table.name));
                }
            }
            loop {
                let rows = give()?;
                let Some((table, _)) = rows.first() else {
                    return Ok(());
                };
                let failed =
                    |error| Failure::because(format!("cannot write {}", table.name), error);
                if table.name == "lanes" {
                    for (_, row) in &rows {
                        if let [Cell::Number(lane), Cell::Number(epoch), Cell::Number(pos)] =
                            row[..]
                        {
                            let sql = "update lanes set epoch = $1, pos = $2 where lane = $3";
                            let moved = sqlx::query(sql).bind(epoch + 1).bind(pos).bind(lane);
                            moved.execute(&mut *connection).await.map_err(failed)?;
                        }
                    }
                    continue;
                }
                let sql = format!("insert into {} ({}) ", table.name, table.names());
                let mut insert = sqlx::QueryBuilder::<$database>::new(sql);
                insert.push_values(&rows, |mut values, (_, row)| {
                    for cell in row {
                        match cell {
                            Cell::Nothing => values.push_bind(None::<i64>),
                            Cell::Number(number) => values.push_bind(*number),
                            Cell::Text(text) => values.push_bind(text.clone()),
                            Cell::Bytes(bytes) => values.push_bind(bytes.clone()),
                        };
                    }
                });
                insert
                    .build()
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
            }
        }
    };
}
use whole_store;
