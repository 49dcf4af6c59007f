//! How a statement is written once for both databases.

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

pub(super) use {cells, on_either, statement, statement_of_columns};
