//! Letters that nobody took, for people: which they are, another round for them, or their end.
//!
//! Beside a running reactor, too: it finds released letters within a minute, and does not hold parked ones in memory. Bodies
//! stay sealed, and of an address only the endpoint is told, since its path may hold a secret of the bank's.

mod health;
mod trial;

use projections::store::{Durability, Store, StoreError, Transaction, Value, WrongShape};

use schemas::commands::users::ReceiptOutcome;
use schemas::{SystemId, Timestamp};

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

    /// Parked letters for a system, the oldest first, so many at most; those that follow a place.
    pub async fn parked_of(
        &self,
        system_id: &SystemId,
        after: Option<(Timestamp, &str)>,
        limit: u32,
    ) -> Result<Vec<ParkedLetter>, StoreError> {
        let sql = "select id, kind, system_id, endpoint, attempt, created_at, last_status, last_error from delivery \
                   where status = 'parked' and system_id = $1 and (created_at > $2 or (created_at = $2 and id > $3)) \
                   order by created_at, id limit $4";
        let (created_at, id) = after.map_or((i64::MIN, ""), |(at, id)| (at.0, id));
        let values = vec![
            system_id.as_str().into(),
            created_at.into(),
            id.into(),
            i64::from(limit).into(),
        ];
        let rows = self.store.fetch(sql, values).await?;
        let letters = rows.into_iter().map(letter);
        Ok(letters.collect::<Result<_, _>>()?)
    }

    /// How many letters for a system are parked; of all of them, or of the one with that id.
    pub async fn count_parked_of(
        &self,
        system_id: &SystemId,
        id: Option<&str>,
    ) -> Result<u64, StoreError> {
        let system = Some(system_id.as_str());
        let (condition, values) = Which { system, id }.condition(1);
        let sql = format!("select count(*) from delivery where {condition}");
        let count = self.store.fetch(sql, values).await?;
        let count = count.into_iter().flatten().next().ok_or(WrongShape)?;
        Ok(i64::try_from(count)? as u64)
    }

    /// Gives parked letters another round of attempts; all of them, or the one with that id. How many there were.
    pub async fn retry(&self, id: Option<&str>, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction).await?;
        let released = release(&mut transaction, Which { system: None, id }, now).await?;
        transaction.commit().await?;
        Ok(released)
    }

    /// Forgets a parked letter for good. `false` when there is none with that id.
    pub async fn forget(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction).await?;
        let forgotten = forget(
            &mut transaction,
            Which {
                system: None,
                id: Some(id),
            },
            now,
        )
        .await?;
        transaction.commit().await?;
        Ok(forgotten)
    }
}

/// Which of the parked letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which<'a> {
    /// Only letters for this system.
    pub system: Option<&'a str>,
    /// Only the one with that id.
    pub id: Option<&'a str>,
}

impl Which<'_> {
    /// As the end of a condition, and its values from that number on.
    fn condition(self, first: usize) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (String::from("status = 'parked'"), Vec::new());
        for (column, wanted) in [("system_id", self.system), ("id", self.id)] {
            if let Some(wanted) = wanted {
                sql = format!("{sql} and {column} = ${}", first + values.len());
                values.push(wanted.into());
            }
        }
        (sql, values)
    }
}

/// Gives parked letters another round of attempts. How many there were. A released letter waits while another with its
/// order key is to be sent.
pub(crate) async fn release(
    transaction: &mut Transaction,
    which: Which<'_>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (condition, values) = which.condition(2);
    let sql = format!(
        "update delivery set status = 'waiting', attempt = 0, next_at = $1, finished_at = null \
         where endpoint <> '' and {condition}"
    );
    let values = [vec![now.0.into()], values].concat();
    let released = transaction.execute(sql, values).await?;
    receivers::welcome_back(transaction).await?;
    release_first(transaction, now).await?;
    Ok(released)
}

/// Forgets parked letters for good; its owner hears of that. `false` when there were none.
pub(crate) async fn forget(
    transaction: &mut Transaction,
    which: Which<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (condition, values) = which.condition(1);
    let parked = format!("select id from delivery where {condition}");
    let parked = transaction.fetch(parked, values.clone()).await?;
    let ids = parked.into_iter().flatten().map(String::try_from);
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let dropped = ids.iter().map(|id| Ended {
        id,
        outcome: ReceiptOutcome::Dropped,
        answer: None,
    });
    receipts::write(transaction, &dropped.collect::<Vec<_>>(), now).await?;
    let sql = format!("delete from delivery where {condition}");
    transaction.execute(sql, values).await?;
    Ok(!ids.is_empty())
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
