//! Rows of a projection's table, and how a batch of them is written.
//!
//! A row that a projection puts says only what changed: `None` leaves a column as it is. So one statement writes a whole
//! batch, whatever happened in it, and writing it twice is the same as writing it once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::store::{Given, StoreError, Transaction, Value, WrongShape};

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
pub struct Rows(BTreeMap<Vec<Value>, Said>);

/// What was said of a row.
#[derive(Debug)]
struct Said {
    columns: Vec<Value>,
    /// By the event that makes the row, too?
    made: bool,
}

impl Rows {
    /// Adds what a row says over what the batch said about the same key before.
    pub fn put(&mut self, row: impl Row) {
        self.say(row, false);
    }

    /// The same, of an event that makes a row: before it there is none, unless an event of another lane was read first.
    pub fn make(&mut self, row: impl Row) {
        self.say(row, true);
    }

    fn say<R: Row>(&mut self, row: R, made: bool) {
        fn merge(rows: &mut Rows, key_length: usize, mut key: Vec<Value>, made: bool) {
            let columns = key.split_off(key_length);
            match rows.0.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Said { columns, made });
                }
                Entry::Occupied(mut entry) => {
                    let said = entry.get_mut();
                    said.made |= made;
                    said.add(columns);
                }
            }
        }
        merge(self, R::KEY, row.into_values(), made);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes up what newer rows say, and tells of each of them the key, what the row was, and what it is.
    pub fn absorb(
        &mut self,
        newer: Self,
        mut changed: impl FnMut(&[Value], Option<&[Value]>, &[Value]),
    ) {
        for (key, newer) in newer.0 {
            match self.0.entry(key) {
                Entry::Vacant(entry) => {
                    changed(entry.key(), None, &newer.columns);
                    entry.insert(newer);
                }
                Entry::Occupied(mut entry) => {
                    let before = entry.get().columns.clone();
                    entry.get_mut().add(newer.columns);
                    changed(entry.key(), Some(&before), &entry.get().columns);
                }
            }
        }
    }
}

impl Said {
    /// What is said newly counts; nothing says nothing.
    fn add(&mut self, columns: Vec<Value>) {
        for (known, newer) in self.columns.iter_mut().zip(columns) {
            if !newer.is_null() {
                *known = newer;
            }
        }
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

impl Target<'_> {
    /// Writes a batch: new rows are made, columns that were named are overwritten.
    pub async fn write(&self, rows: Rows, transaction: &mut Transaction) -> Result<(), StoreError> {
        let rows = rows.0.into_iter().map(whole).collect();
        let given = Given::new(self.columns, rows);
        transaction.execute_on(given, &self.upsert()).await?;
        Ok(())
    }

    /// The same for a table that is being filled, where most rows are new.
    pub async fn fill(&self, rows: Rows, transaction: &mut Transaction) -> Result<(), StoreError> {
        let (made, changed): (Vec<_>, Vec<_>) = rows.0.into_iter().partition(|(_, said)| said.made);
        let [made, changed] = [made, changed]
            .map(|rows| Given::new(self.columns, rows.into_iter().map(whole).collect()));
        if !transaction.load(self.table, &made).await? {
            transaction.execute_on(made, &self.upsert()).await?;
        }
        transaction.execute_on(changed, &self.upsert()).await?;
        Ok(())
    }

    fn upsert(&self) -> String {
        let Self {
            table,
            columns,
            key,
        } = self;
        let updates: Vec<String> = columns[*key..]
            .iter()
            .map(|column| format!("{column} = coalesce(excluded.{column}, {table}.{column})"))
            .collect();
        let (key, columns) = (columns[..*key].join(", "), columns.join(", "));
        // Without a condition SQLite would take "on conflict" for the condition of a join.
        format!(
            "insert into {table} ({columns}) select {columns} from {{given}} where true on conflict ({key}) do update \
             set {}",
            updates.join(", ")
        )
    }
}

/// The key and the other columns of a row.
fn whole((mut key, mut said): (Vec<Value>, Said)) -> Vec<Value> {
    key.append(&mut said.columns);
    key
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
        let expected = vec![Value::from("a"), Value::from(1), Value::from("new")];
        assert_eq!(
            rows.0.into_iter().map(whole).collect::<Vec<_>>(),
            [expected]
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
            target.upsert(),
            "insert into trial (name, first, second) select name, first, second from {given} where true \
             on conflict (name) do update set first = coalesce(excluded.first, trial.first), second = coalesce(excluded.second, trial.second)"
        );
    }
}
