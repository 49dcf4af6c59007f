//! The proof that two tables are the same: SHA-256 over their rows in the order of the key, and the first row that differs.

use schemas::Digest;
use sha2::Digest as _;

use crate::rows::Target;
use crate::store::{StoreError, Transaction, Value};

/// Rows that are compared at once.
const PAGE: usize = 2048;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Hash of each table's rows.
    pub hashes: [Digest; 2],
    /// How many rows each has.
    pub rows: [u64; 2],
    /// Key of the first row that differs, by the tables' order.
    pub first_difference: Option<String>,
}

/// Compares two tables of the same columns.
pub(crate) async fn compare(
    tables: [Target<'_>; 2],
    transaction: &mut Transaction,
) -> Result<Comparison, StoreError> {
    let mut sides = tables.map(|table| Side {
        table,
        hash: sha2::Sha256::new(),
        rows: 0,
        last: None,
        ended: false,
    });
    let mut first_difference = None;
    while sides.iter().any(|side| !side.ended) {
        let [left, right] = &mut sides;
        let (left, right) = (
            left.next_page(transaction).await?,
            right.next_page(transaction).await?,
        );
        if first_difference.is_none() {
            let key = tables[0].key;
            first_difference = (0..left.len().max(right.len()))
                .map(|index| (left.get(index), right.get(index)))
                .find(|(left, right)| !same(*left, *right))
                .and_then(|(left, right)| left.or(right))
                .map(|row| shown(&row[..key]));
        }
    }
    let [left, right] = sides;
    Ok(Comparison {
        rows: [left.rows, right.rows],
        hashes: [left, right].map(|side| Digest(side.hash.finalize().into())),
        first_difference,
    })
}

/// One of the tables, while it is read.
struct Side<'a> {
    table: Target<'a>,
    hash: sha2::Sha256,
    rows: u64,
    last: Option<Vec<Value>>,
    ended: bool,
}

impl Side<'_> {
    async fn next_page(
        &mut self,
        transaction: &mut Transaction,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let Target {
            table,
            columns,
            key,
        } = self.table;
        let keys = columns[..key].join(", ");
        let after = self.last.take().unwrap_or_default();
        let condition = if after.is_empty() {
            String::new()
        } else {
            let places: Vec<String> = (1..=key).map(|place| format!("${place}")).collect();
            format!("where ({keys}) > ({})", places.join(", "))
        };
        let sql = format!(
            "select {} from {table} {condition} order by {keys} limit {PAGE}",
            columns.join(", ")
        );
        let rows = transaction.fetch(sql, after).await?;
        for value in rows.iter().flatten() {
            feed(&mut self.hash, value);
        }
        self.rows += rows.len() as u64;
        self.ended = rows.len() < PAGE;
        self.last = rows.last().map(|row| row[..key].to_vec());
        Ok(rows)
    }
}

/// A kind, a length, the bytes: no two rows share their sequence.
fn feed(hash: &mut sha2::Sha256, value: &Value) {
    match value {
        Value::Number(None) | Value::Text(None) => hash.update([0]),
        Value::Number(Some(number)) => {
            hash.update([1]);
            hash.update(number.to_be_bytes());
        }
        Value::Text(Some(text)) => {
            hash.update([2]);
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
}

fn same(left: Option<&Vec<Value>>, right: Option<&Vec<Value>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left
            .iter()
            .zip(right)
            .all(|(left, right)| left.same_as(right)),
        _ => false,
    }
}

fn shown(key: &[Value]) -> String {
    let parts = key.iter().map(|value| match value {
        Value::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Value::Text(text) => text.clone().unwrap_or_default(),
    });
    parts.collect::<Vec<_>>().join("/")
}
