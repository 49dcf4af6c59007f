//! Rows of a projection's table, and how a batch of them is written.
//!
//! A row that a projection puts says only what changed: `None` leaves a column as it is. So one statement writes a whole
//! batch, whatever happened in it, and writing it twice is the same as writing it once.

use std::collections::BTreeMap;

use crate::store::{StoreError, Transaction, Value, WrongShape};

/// A row of one table, as values and back.
pub trait Row: Sized {
    /// The columns, the key's first.
    const COLUMNS: &'static [&'static str];
    /// How many columns the key has.
    const KEY: usize;

    /// The row as values, in the order of the columns.
    fn into_values(self) -> Vec<Value>;

    /// The row of these values.
    fn from_values(values: Vec<Value>) -> Result<Self, WrongShape>;
}

/// Declares a table's row: the key's columns, then the others, each with the type it is read as.
macro_rules! row {
    (
        $(#[$doc:meta])* $name:ident
        key { $($(#[$key_doc:meta])* $key:ident: $key_type:ty,)* }
        $($(#[$column_doc:meta])* $column:ident: $column_type:ty,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $name {
            $($(#[$key_doc])* pub $key: $key_type,)*
            $($(#[$column_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $column: Option<$column_type>,)*
        }

        impl $crate::rows::Row for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($key),)* $(stringify!($column),)*];
            const KEY: usize = [$(stringify!($key)),*].len();

            fn into_values(self) -> Vec<$crate::store::Value> {
                vec![$(self.$key.into(),)* $(self.$column.into(),)*]
            }

            fn from_values(values: Vec<$crate::store::Value>) -> Result<Self, $crate::store::WrongShape> {
                let mut values = values.into_iter();
                Ok(Self {
                    $($key: values.next().ok_or($crate::store::WrongShape)?.try_into()?,)*
                    $($column: values.next().ok_or($crate::store::WrongShape)?.try_into()?,)*
                })
            }
        }
    };
}
pub(crate) use row;

/// What a batch changes in one table: by key, the newest word on every column.
#[derive(Debug, Default)]
pub struct Rows(BTreeMap<Vec<Value>, Vec<Value>>);

impl Rows {
    /// Adds what a row says over what the batch said about the same key before.
    pub fn put(&mut self, row: impl Row) {
        fn merge(rows: &mut Rows, key_length: usize, mut key: Vec<Value>) {
            let columns = key.split_off(key_length);
            match rows.0.entry(key) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(columns);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    for (known, newer) in entry.get_mut().iter_mut().zip(columns) {
                        if !newer.is_null() {
                            *known = newer;
                        }
                    }
                }
            }
        }
        fn key_length<R: Row>(_: &R) -> usize {
            R::KEY
        }
        let length = key_length(&row);
        merge(self, length, row.into_values());
    }
}

/// A table to write rows into.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its name.
    pub table: &'a str,
    /// Its columns, the key's first.
    pub columns: &'a [&'a str],
    /// How many columns the key has.
    pub key: usize,
}

/// Rows per statement: few texts, so that the database keeps each of them prepared. SQLite looks a numbered placeholder up
/// in a list, so that a statement's cost grows with the square of their number: 256 rows took four times as long as these.
const CHUNKS: [usize; 3] = [16, 4, 1];

impl Target<'_> {
    /// Writes a batch: new rows are made, columns that were named are overwritten.
    pub async fn write(&self, rows: Rows, transaction: &mut Transaction) -> Result<(), StoreError> {
        let mut left = rows.0.into_iter();
        for size in CHUNKS {
            let sql = self.upsert(size);
            while left.len() >= size {
                let chunk = left.by_ref().take(size);
                let values = chunk.flat_map(|(key, columns)| key.into_iter().chain(columns));
                transaction.execute(sql.as_str(), values.collect()).await?;
            }
        }
        Ok(())
    }

    fn upsert(&self, rows: usize) -> String {
        let Self {
            table,
            columns,
            key,
        } = self;
        let width = columns.len();
        let groups: Vec<String> = (0..rows)
            .map(|row| {
                let places = (1..=width).map(|column| format!("${}", row * width + column));
                format!("({})", places.collect::<Vec<_>>().join(", "))
            })
            .collect();
        let updates: Vec<String> = columns[*key..]
            .iter()
            .map(|column| format!("{column} = coalesce(excluded.{column}, {table}.{column})"))
            .collect();
        format!(
            "insert into {table} ({}) values {} on conflict ({}) do update set {}",
            columns.join(", "),
            groups.join(", "),
            columns[..*key].join(", "),
            updates.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    row! {
        /// A row to try things on.
        Trial
        key {
            /// Its name.
            name: String,
        }
        /// A number.
        first: i64,
        /// A text.
        second: String,
    }

    #[test]
    fn a_later_row_of_a_batch_adds_to_the_earlier_one() {
        let mut rows = Rows::default();
        rows.put(Trial {
            name: "a".to_owned(),
            first: Some(1),
            second: Some("old".to_owned()),
        });
        rows.put(Trial {
            name: "a".to_owned(),
            first: None,
            second: Some("new".to_owned()),
        });
        let expected = vec![Value::from(1), Value::from("new")];
        assert_eq!(
            rows.0.into_iter().collect::<Vec<_>>(),
            [(vec![Value::from("a")], expected)]
        );
    }

    #[test]
    fn one_statement_writes_many_rows() {
        let target = Target {
            table: "trial",
            columns: Trial::COLUMNS,
            key: Trial::KEY,
        };
        assert_eq!(
            target.upsert(2),
            "insert into trial (name, first, second) values ($1, $2, $3), ($4, $5, $6) on conflict (name) do update \
             set first = coalesce(excluded.first, trial.first), second = coalesce(excluded.second, trial.second)"
        );
    }
}
