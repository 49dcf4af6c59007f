//! The proof that two tables are the same: the database itself compares every row with the one of the same key, all columns
//! of it, and no row may be without the other.

use crate::rows::Target;
use crate::store::{StoreError, Transaction, Value, WrongShape};

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// How many rows each table has.
    pub rows: [u64; 2],
    /// Key of the first row that differs, or that only one of them has.
    pub first_difference: Option<String>,
}

/// Compares two tables of the same columns.
pub(crate) async fn compare(
    tables: [Target<'_>; 2],
    transaction: &mut Transaction,
) -> Result<Comparison, StoreError> {
    let [left, right] = tables;
    let keys = left.columns[..left.key].join(", ");
    let same = transaction.same_rows("l", "r", left.columns);
    let (left, right) = (left.table, right.table);
    transaction.plan_for_whole_tables().await?;
    let counts = format!(
        "select (select count(*) from {left}), (select count(*) from {right}), \
         (select count(*) from {left} l join {right} r using ({keys}) where {same})"
    );
    let found = transaction.fetch(counts, Vec::new()).await?;
    let [rows_left, rows_right, rows_same] = numbers(found)?;
    let mut first_difference = None;
    if rows_left != rows_same || rows_right != rows_same {
        let first = format!(
            "select {keys} from {left} l full join {right} r using ({keys}) where ({same}) is not true \
             order by {keys} limit 1"
        );
        let found = transaction.fetch(first, Vec::new()).await?;
        first_difference = Some(shown(found.first().ok_or(WrongShape)?));
    }
    Ok(Comparison {
        rows: [rows_left, rows_right],
        first_difference,
    })
}

fn numbers(rows: Vec<Vec<Value>>) -> Result<[u64; 3], WrongShape> {
    let row = rows.into_iter().next().ok_or(WrongShape)?;
    let numbers = row.into_iter().map(|value| {
        let number = i64::try_from(value)?;
        u64::try_from(number).map_err(|_| WrongShape)
    });
    let numbers = numbers.collect::<Result<Vec<u64>, _>>()?;
    numbers.try_into().map_err(|_| WrongShape)
}

fn shown(key: &[Value]) -> String {
    let parts = key.iter().map(|value| match value {
        Value::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Value::Text(text) => text.clone().unwrap_or_default(),
    });
    parts.collect::<Vec<_>>().join("/")
}
