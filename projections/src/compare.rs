//! The proof that two tables are the same: SHA-256 over their rows in the order of the key, and the first row that differs.
//!
//! The database writes each row as one text: that is carried faster than twenty values.

use schemas::Digest;
use sha2::Digest as _;
use tokio::task::JoinHandle;

use crate::rows::Target;
use crate::store::{StoreError, Transaction, Value};

/// Rows that are compared at once.
const PAGE: usize = 4096;

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
        last: None,
        ended: false,
    });
    let mut found = Some(Found::default());
    let mut judging: Option<JoinHandle<Found>> = None;
    while sides.iter().any(|side| !side.ended) {
        let [left, right] = &mut sides;
        let pages = [
            left.next_page(transaction).await?,
            right.next_page(transaction).await?,
        ];
        // Pages are judged while the next ones are read.
        if let Some(judged) = judging.take() {
            found = Some(judged.await.expect("judging does not panic"));
        }
        let (mut so_far, key) = (found.take().unwrap_or_default(), tables[0].key);
        judging = Some(tokio::task::spawn_blocking(move || {
            so_far.judge(&pages, key);
            so_far
        }));
    }
    let found = match judging {
        Some(judged) => judged.await.expect("judging does not panic"),
        None => Found::default(),
    };
    Ok(Comparison {
        rows: found.rows,
        hashes: found.hashes.map(|hash| Digest(hash.finalize().into())),
        first_difference: found.first_difference,
    })
}

type Page = Vec<Vec<Value>>;

/// What was found so far.
#[derive(Default)]
struct Found {
    hashes: [sha2::Sha256; 2],
    rows: [u64; 2],
    first_difference: Option<String>,
}

impl Found {
    /// Takes up the next page of each table.
    fn judge(&mut self, pages: &[Page; 2], key: usize) {
        for (side, page) in pages.iter().enumerate() {
            self.rows[side] += page.len() as u64;
            for row in page {
                feed(&mut self.hashes[side], row);
            }
        }
        let [left, right] = pages;
        if self.first_difference.is_none() {
            self.first_difference = (0..left.len().max(right.len()))
                .map(|index| (left.get(index), right.get(index)))
                .find(|(left, right)| !same(*left, *right))
                .and_then(|(left, right)| left.or(right))
                .map(|row| shown(&row[..key]));
        }
    }
}

/// One of the tables, while it is read.
struct Side<'a> {
    table: Target<'a>,
    last: Option<Vec<Value>>,
    ended: bool,
}

impl Side<'_> {
    /// The next rows: the key's columns, and the row as one text.
    async fn next_page(&mut self, transaction: &mut Transaction) -> Result<Page, StoreError> {
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
        let text = transaction.row_as_text(columns);
        let sql =
            format!("select {keys}, {text} from {table} {condition} order by {keys} limit {PAGE}");
        let rows = transaction.fetch(sql, after).await?;
        self.ended = rows.len() < PAGE;
        self.last = rows.last().map(|row| row[..key].to_vec());
        Ok(rows)
    }
}

fn feed(hash: &mut sha2::Sha256, row: &[Value]) {
    if let Some(Value::Text(Some(text))) = row.last() {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
}

fn same(left: Option<&Vec<Value>>, right: Option<&Vec<Value>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.last() == right.last(),
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
