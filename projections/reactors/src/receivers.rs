//! Receivers that are gone: one answer 410, and nothing more is sent there before a person says so.
//!
//! A receiver is the address without what follows its path, for one system: banks tell transactions apart behind the `?`.

use std::collections::HashSet;

use projections::store::{Given, StoreError, Transaction, Value, WrongShape};
use schemas::Timestamp;

use crate::delivery::Delivery;

/// What an operator reads of the letters a receiver leaves behind.
pub(crate) const GONE: &str = "the receiver is gone";

/// Is the delivery for that receiver?
const ITS: &str = "receiver_gone.system_id = delivery.system_id and (delivery.url = receiver_gone.receiver \
    or substr(delivery.url, 1, length(receiver_gone.receiver) + 1) = receiver_gone.receiver || '?' \
    or substr(delivery.url, 1, length(receiver_gone.receiver) + 1) = receiver_gone.receiver || '#')";

/// System and address of receivers.
#[derive(Debug)]
pub(crate) struct Receivers(HashSet<(String, String)>);

impl Receivers {
    /// Those that are gone.
    pub async fn gone(transaction: &mut Transaction) -> Result<Self, StoreError> {
        let sql = "select system_id, receiver from receiver_gone";
        let rows = transaction.fetch(sql, Vec::new()).await?;
        let gone = rows.into_iter().map(|row| {
            let [system_id, receiver] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
            Ok((system_id.try_into()?, receiver.try_into()?))
        });
        Ok(Self(gone.collect::<Result<_, WrongShape>>()?))
    }

    /// Does this one go to one of them?
    pub fn take(&self, delivery: &Delivery) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let receiver = receiver_of(&delivery.url).to_owned();
        self.0.contains(&(delivery.system_id.clone(), receiver))
    }
}

/// From now on the receivers of these letters are gone.
pub(crate) async fn note_gone<'a>(
    transaction: &mut Transaction,
    letters: impl Iterator<Item = &'a Delivery>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = letters.map(|delivery| {
        let receiver = receiver_of(&delivery.url);
        vec![
            delivery.system_id.as_str().into(),
            receiver.into(),
            now.0.into(),
        ]
    });
    let columns = ["gone_system", "gone_receiver", "gone_since"];
    let given = Given::new(&columns, rows.collect());
    let sql = "insert into receiver_gone (system_id, receiver, since) \
               select gone_system, gone_receiver, gone_since from {given} where true on conflict do nothing";
    transaction.execute_on(given, sql).await.map(drop)
}

/// Puts aside what is owed to receivers that are gone. Ids and order keys come back.
pub(crate) async fn put_aside(
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = format!(
        "update delivery set status = 'parked', last_error = $1, finished_at = $2 \
         where (status = 'pending' or status = 'waiting') \
         and exists (select 1 from receiver_gone where {ITS}) returning id, order_key"
    );
    let rows = transaction
        .fetch(&sql, vec![GONE.into(), now.0.into()])
        .await?;
    let aside = rows.into_iter().map(|row| {
        let [id, order_key] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
        Ok((id.try_into()?, order_key.try_into()?))
    });
    Ok(aside.collect::<Result<_, WrongShape>>()?)
}

/// A person gives letters another round: their receivers are there again.
pub(crate) async fn welcome_back(transaction: &mut Transaction) -> Result<(), StoreError> {
    let sql = format!(
        "delete from receiver_gone where exists (select 1 from delivery \
         where (delivery.status = 'pending' or delivery.status = 'waiting') and {ITS})"
    );
    transaction.execute(&sql, Vec::new()).await.map(drop)
}

/// The address up to its path's end, as the bank wrote it.
fn receiver_of(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}
