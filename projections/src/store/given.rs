//! Rows that are handed to a statement as a table: one statement does what one for every row would do.
//!
//! In the statement's text `{given}` stands for the table, which is called `given`. PostgreSQL gets a list for every
//! column, so that the text never changes. SQLite gets a value for every cell: it reads them faster than it takes lists
//! apart. There a long table goes in pieces, so what a statement says of one row must not depend on the others.

use super::value::Value;

/// Rows, as a table with these columns. All values of a statement lie in its rows.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    columns: &'a [&'a str],
    rows: Vec<Vec<Value>>,
}

/// One column of all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

/// Rows of one statement on SQLite: few lengths, so that it keeps each of them prepared.
const LENGTHS: [usize; 5] = [256, 64, 16, 4, 1];

impl<'a> Given<'a> {
    /// These rows; each has a value for every column.
    pub fn new(columns: &'a [&'a str], rows: Vec<Vec<Value>>) -> Self {
        Self { columns, rows }
    }

    /// Is there no row?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its columns and its rows.
    pub(super) fn parts(&self) -> (&[&str], &[Vec<Value>]) {
        (self.columns, &self.rows)
    }

    /// The statement and its lists, for PostgreSQL.
    pub(super) fn in_columns(self, sql: &str) -> (String, Vec<Column>) {
        let mut columns: Vec<Column> = match self.rows.first() {
            Some(row) => row.iter().map(Column::like).collect(),
            None => Vec::new(),
        };
        for row in self.rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let lists: Vec<String> = columns
            .iter()
            .zip(1..)
            .map(|(column, place)| format!("${place}::{}", column.list_type()))
            .collect();
        let table = format!(
            "unnest({}) as given ({})",
            lists.join(", "),
            self.columns.join(", ")
        );
        (sql.replacen("{given}", &table, 1), columns)
    }

    /// The statements and their values, for SQLite.
    ///
    /// It looks a numbered placeholder up in a list, at a cost that grows with the square of their number; these have none.
    pub(super) fn in_rows(self, sql: &str) -> Vec<(String, Vec<Value>)> {
        let names = self
            .columns
            .iter()
            .zip(1..)
            .map(|(name, place)| format!("column{place} as {name}"));
        let names = names.collect::<Vec<_>>().join(", ");
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let mut left = self.rows.into_iter();
        let mut statements = Vec::new();
        for length in LENGTHS {
            while left.len() >= length {
                let rows = vec![row.as_str(); length].join(", ");
                let table = format!("(select {names} from (values {rows})) as given");
                let values = left.by_ref().take(length).flatten().collect();
                statements.push((sql.replacen("{given}", &table, 1), values));
            }
        }
        statements
    }
}

impl Column {
    fn like(value: &Value) -> Self {
        match value {
            Value::Number(_) => Self::Numbers(Vec::new()),
            Value::Text(_) => Self::Texts(Vec::new()),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Numbers(numbers), Value::Number(number)) => numbers.push(number),
            (Self::Texts(texts), Value::Text(text)) => texts.push(text),
            (column, value) => panic!("a column holds one kind of values: {column:?}, {value:?}"),
        }
    }

    fn list_type(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "bigint[]",
            Self::Texts(_) => "text[]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "insert into t (a, b) select a, b from {given} where true";

    fn given(rows: i64) -> Given<'static> {
        let rows = (0..rows).map(|number| vec![number.into(), Value::Text(None)]);
        Given::new(&["a", "b"], rows.collect())
    }

    #[test]
    fn postgresql_reads_a_list_for_every_column() {
        let (sql, columns) = given(2).in_columns(SQL);
        assert_eq!(
            sql,
            "insert into t (a, b) select a, b from unnest($1::bigint[], $2::text[]) as given (a, b) where true"
        );
        let expected = [
            Column::Numbers(vec![Some(0), Some(1)]),
            Column::Texts(vec![None, None]),
        ];
        assert_eq!(columns, expected);
    }

    #[test]
    fn sqlite_reads_rows_in_pieces_of_few_lengths() {
        let statements = given(6).in_rows(SQL);
        let lengths: Vec<usize> = statements
            .iter()
            .map(|(_, values)| values.len() / 2)
            .collect();
        assert_eq!(lengths, [4, 1, 1]);
        assert_eq!(
            statements[2].0,
            "insert into t (a, b) select a, b from (select column1 as a, column2 as b from (values (?, ?))) as given \
             where true"
        );
        assert!(given(0).in_rows(SQL).is_empty());
    }
}
