//! Letters that nobody took, for people: which they are, another round for them, or their end.
//!
//! Beside a running reactor, too: it finds released letters within a minute, and does not hold parked ones in memory. Bodies
//! stay sealed, and of an address only the endpoint is told, since its path may hold a secret of the bank's.

mod health;
mod trial;

use projections::store::{Durability, Store, StoreError, Transaction, Value, WrongShape};
use schemas::Timestamp;
use schemas::commands::users::ReceiptOutcome;

use crate::outbox::{hold, prepare};
use crate::receipts::{self, Ended};
use crate::receivers;

pub use health::EndpointHealth;
pub use trial::{Trial, TrialError};

/// The outbox, as a person looks at it.
#[derive(Debug)]
pub struct Letters {
    store: Store,
}

/// A letter that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedLetter {
    /// What the receiver would have deduplicated by.
    pub id: String,
    /// What it tells of.
    pub kind: String,
    /// The system it is for.
    pub system_id: String,
    /// Scheme, host and port; empty when the address could not be read.
    pub endpoint: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// The status of the last answer; `None` without one.
    pub status: Option<u16>,
    /// Why it was put aside.
    pub reason: String,
}

impl Letters {
    /// Opens an outbox.
    pub async fn open(database_address: &str) -> Result<Self, StoreError> {
        let store = Store::open(database_address, Durability::Lasting).await?;
        prepare(&store).await?;
        Ok(Self { store })
    }

    /// The oldest parked letters, so many at most.
    pub async fn parked(&self, limit: u32) -> Result<Vec<ParkedLetter>, StoreError> {
        let sql = "select id, kind, system_id, endpoint, attempt, created_at, last_status, last_error from delivery \
                   where status = 'parked' order by created_at, id limit $1";
        let rows = self.store.fetch(sql, vec![i64::from(limit).into()]).await?;
        let letters = rows.into_iter().map(letter);
        Ok(letters.collect::<Result<_, _>>()?)
    }

    /// Gives parked letters another round of attempts; all of them, or the one with that id. How many there were.
    pub async fn retry(&self, id: Option<&str>, now: Timestamp) -> Result<u64, StoreError> {
        release(&self.store, id, now).await
    }

    /// Forgets a parked letter for good. `false` when there is none with that id.
    pub async fn forget(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.store.begin().await?;
        let is_parked = "select id from delivery where status = 'parked' and id = $1";
        let parked = transaction.fetch(is_parked, vec![id.into()]).await?;
        if parked.is_empty() {
            return Ok(false);
        }
        let dropped = Ended {
            id,
            outcome: ReceiptOutcome::Dropped,
            answer: None,
        };
        receipts::write(&mut transaction, &[dropped], now).await?;
        let sql = "delete from delivery where status = 'parked' and id = $1";
        let forgotten = transaction.execute(sql, vec![id.into()]).await?;
        transaction.commit().await?;
        Ok(forgotten == 1)
    }
}

/// A released letter waits while another with its order key is to be sent.
pub(crate) async fn release(
    store: &Store,
    id: Option<&str>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut transaction = store.begin().await?;
    hold(&mut transaction).await?;
    let sql = "update delivery set status = 'waiting', attempt = 0, next_at = $1, finished_at = null \
               where status = 'parked' and endpoint <> ''";
    let released = match id {
        None => transaction.execute(sql, vec![now.0.into()]).await?,
        Some(id) => {
            let one = format!("{sql} and id = $2");
            transaction
                .execute(one, vec![now.0.into(), id.into()])
                .await?
        }
    };
    receivers::welcome_back(&mut transaction).await?;
    release_first(&mut transaction, now).await?;
    transaction.commit().await?;
    Ok(released)
}

/// Of the letters that wait, the first of every order key can be sent, unless another with that key is to be.
pub(crate) async fn release_first(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<(), StoreError> {
    let first = "update delivery set status = 'pending', next_at = $1 where status = 'waiting' \
                 and not exists (select 1 from delivery held where held.order_key = delivery.order_key \
                 and held.status = 'pending') \
                 and number = (select min(other.number) from delivery other \
                 where other.order_key = delivery.order_key and other.status = 'waiting')";
    transaction
        .execute(first, vec![now.0.into()])
        .await
        .map(drop)
}

fn letter(row: Vec<Value>) -> Result<ParkedLetter, WrongShape> {
    let row = <[Value; 8]>::try_from(row).map_err(|_| WrongShape)?;
    let [
        id,
        kind,
        system_id,
        endpoint,
        attempts,
        created_at,
        status,
        reason,
    ] = row;
    let status: Option<i64> = status.try_into()?;
    let reason: Option<String> = reason.try_into()?;
    Ok(ParkedLetter {
        id: id.try_into()?,
        kind: kind.try_into()?,
        system_id: system_id.try_into()?,
        endpoint: endpoint.try_into()?,
        attempts: i64::try_from(attempts)? as u32,
        created_at: Timestamp(created_at.try_into()?),
        status: status.map(|status| status as u16),
        reason: reason.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
