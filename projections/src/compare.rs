//! The proof that two tables are the same: SHA-256 over their rows in the order of the key, and the first row that differs.
//!
//! The database writes each row as one text: that is carried faster than twenty values.

use schemas::Digest;
use sha2::Digest as _;
use tokio::task::spawn_blocking;

use crate::rows::Target;
use crate::store::{StoreError, Transaction, Value, WrongShape};

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
    // Pages are judged while the next ones are read.
    let mut judging = spawn_blocking(Found::default);
    while sides.iter().any(|side| !side.ended) {
        let [left, right] = &mut sides;
        let pages = [
            left.next_page(transaction).await?,
            right.next_page(transaction).await?,
        ];
        let mut found = judging.await.expect("judging does not panic");
        judging = spawn_blocking(move || {
            found.judge(&pages);
            found
        });
    }
    let found = judging.await.expect("judging does not panic");
    Ok(Comparison {
        rows: found.rows,
        hashes: found.hashes.map(|hash| Digest(hash.finalize().into())),
        first_difference: found.first_difference,
    })
}

/// A row: the columns of its key, and all of it as one text.
#[derive(PartialEq, Eq)]
struct Line {
    key: Vec<Value>,
    text: String,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    hashes: [sha2::Sha256; 2],
    rows: [u64; 2],
    first_difference: Option<String>,
}

impl Found {
    /// Takes up the next page of each table.
    fn judge(&mut self, pages: &[Vec<Line>; 2]) {
        for (side, page) in pages.iter().enumerate() {
            self.rows[side] += page.len() as u64;
            for line in page {
                self.hashes[side].update((line.text.len() as u64).to_be_bytes());
                self.hashes[side].update(line.text.as_bytes());
            }
        }
        let [left, right] = pages;
        if self.first_difference.is_none() {
            self.first_difference = (0..left.len().max(right.len()))
                .map(|index| (left.get(index), right.get(index)))
                .find(|(left, right)| left != right)
                .and_then(|(left, right)| left.or(right))
                .map(|line| shown(&line.key));
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
    async fn next_page(&mut self, transaction: &mut Transaction) -> Result<Vec<Line>, StoreError> {
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
            format!("select {text}, {keys} from {table} {condition} order by {keys} limit {PAGE}");
        let rows = transaction.fetch(sql, after).await?.into_iter();
        let page = rows.map(line).collect::<Result<Vec<_>, _>>()?;
        self.ended = page.len() < PAGE;
        self.last = page.last().map(|line| line.key.clone());
        Ok(page)
    }
}

fn line(row: Vec<Value>) -> Result<Line, WrongShape> {
    let mut row = row.into_iter();
    let text = row.next().ok_or(WrongShape)?.try_into()?;
    Ok(Line {
        key: row.collect(),
        text,
    })
}

fn shown(key: &[Value]) -> String {
    let parts = key.iter().map(|value| match value {
        Value::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        Value::Text(text) => text.clone().unwrap_or_default(),
    });
    parts.collect::<Vec<_>>().join("/")
}
