//! Read models: one file, one table, one exhaustive match over what can happen.

pub mod keys;
pub mod operations;
pub mod systems;
pub mod transactions;
pub mod users;

use std::time::Duration;

use schemas::Position;

use crate::cursors::Cursors;
use crate::rows::Row;
use crate::store::{Durability, Store, StoreError, Value};

/// Most rows of one page.
pub const PAGE_MAX: u32 = 1000;

/// How often a waiting reader looks whether its event has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Questions to the read models. It never writes.
#[derive(Clone, Debug)]
pub struct ReadModels {
    store: Store,
}

/// Which part of a long list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many rows to skip.
    pub offset: u64,
    /// How many rows at most; never more than [`PAGE_MAX`].
    pub limit: u32,
}

impl ReadModels {
    /// Opens the database that the projector writes; the address is the same as the projector's.
    pub async fn open(database_address: &str) -> Result<Self, StoreError> {
        let store = Store::open(database_address, Durability::Disposable).await?;
        Ok(Self { store })
    }

    /// The same database, as its owner sees it.
    pub fn of(store: Store) -> Self {
        Self { store }
    }

    /// Waits until every projection has read this event, at most so long; whether it came to that. It looks at least once.
    pub async fn wait_for(
        &self,
        position: Position,
        at_most: Duration,
    ) -> Result<bool, StoreError> {
        if self.has_read(position).await? {
            return Ok(true);
        }
        let arrived = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                if self.has_read(position).await? {
                    return Ok(true);
                }
            }
        };
        tokio::time::timeout(at_most, arrived)
            .await
            .unwrap_or(Ok(false))
    }

    async fn has_read(&self, position: Position) -> Result<bool, StoreError> {
        let cursors = Cursors::load(&self.store).await?;
        Ok(cursors.read_by_all(position.lane) >= position.number)
    }

    /// Rows of a table: the condition names its values `$1`, `$2` and so on.
    async fn rows<R: Row>(
        &self,
        table: &str,
        condition_and_order: &str,
        mut values: Vec<Value>,
        page: Page,
    ) -> Result<Vec<R>, StoreError> {
        let (limit, offset) = (values.len() + 1, values.len() + 2);
        values.push(i64::from(page.limit.min(PAGE_MAX)).into());
        values.push((page.offset as i64).into());
        let columns = R::COLUMNS.join(", ");
        let sql = format!(
            "select {columns} from {table} {condition_and_order} limit ${limit} offset ${offset}"
        );
        let rows = self.store.fetch(sql, values).await?;
        let rows = rows.into_iter().map(R::from_values);
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
