//! What became of letters, until the log has heard of it.
//!
//! Receipts are written in the transaction that ends their letters. Every second those that came since are made a batch, and
//! those of one owner in it one command, whose identity follows from them: what is told again after a crash is noted once,
//! and an owner about whom much is told costs one event.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use projections::store::{Given, Store, StoreError, Transaction, Value, WrongShape};
use schemas::commands::users::{NoteReceipts, Receipt, ReceiptOutcome};
use schemas::{Digest, Lane, Owner, Position, Timestamp};

use crate::house_commands::HouseCommands;

/// Most receipts of a batch.
const BATCH_MAX: i64 = 4096;

/// Commands under way at the same time.
const AT_ONCE: usize = 64;

/// How far batches are apart. A batch that nobody heard is told again then.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The end of a letter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    pub id: &'a str,
    pub outcome: ReceiptOutcome,
    pub answer: Option<Digest>,
}

impl<'a> Ended<'a> {
    /// Nobody is asked any more, for now.
    pub fn put_aside(id: &'a str) -> Self {
        Self {
            id,
            outcome: ReceiptOutcome::PutAside,
            answer: None,
        }
    }
}

const ENDED: [&str; 4] = ["ended_id", "outcome", "answer", "ended_at"];

/// Only of letters whose end somebody hears of. The numbers go on behind those of the batch that is being told, however much of
/// it was heard by now: nothing joins it.
const WRITE: &str = "insert into receipt (number, id, at, owner, kind, lane, position, outcome, status, answer, attempts) \
    select row_number() over (order by delivery.lane, delivery.number) + coalesce((select max(number) from \
    (select number from receipt union all select upto from receipt_batch) known), 0), \
    given.ended_id, given.ended_at, delivery.owner, delivery.kind, delivery.lane, delivery.number, \
    given.outcome, delivery.last_status, given.answer, delivery.attempt from {given} \
    join delivery on delivery.id = given.ended_id where delivery.owner is not null";

/// Writes receipts. Their letters are still there, and how often they were tried is already written. The outbox is held: two
/// who write at the same time would take the same numbers.
pub(crate) async fn write(
    transaction: &mut Transaction,
    ended: &[Ended<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = ended.iter().map(|ended| {
        vec![
            ended.id.into(),
            ended.outcome.word().into(),
            ended.answer.map(|answer| answer.to_string()).into(),
            now.0.into(),
        ]
    });
    let given = Given::new(&ENDED, rows.collect());
    transaction.execute_on(given, WRITE).await.map(drop)
}

/// Tells the log.
#[derive(Debug)]
pub(crate) struct Teller {
    store: Store,
    house: HouseCommands,
}

/// How much was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// As much as a batch holds: there may be more.
    Full,
    /// All there was.
    Partial,
}

/// The receipts of one owner.
type ByOwner = BTreeMap<Owner, Vec<Receipt>>;

impl Teller {
    pub fn new(store: Store, house: HouseCommands) -> Self {
        Self { store, house }
    }

    /// Tells for ever.
    pub async fn run(&self) -> std::convert::Infallible {
        loop {
            let told = self.tell().await;
            if let Err(error) = &told {
                report(error);
            }
            if !matches!(told, Ok(Batch::Full)) {
                tokio::time::sleep(TELL_EVERY).await;
            }
        }
    }

    /// Tells a batch: what is left of the one before, or else the oldest receipts.
    pub(crate) async fn tell(&self) -> Result<Batch, StoreError> {
        let Some(upto) = self.batch().await? else {
            return Ok(Batch::Partial);
        };
        let receipts = self.receipts(upto).await?;
        let count: usize = receipts.values().map(Vec::len).sum();
        let commands = receipts.into_iter().map(|(owner, receipts)| async move {
            let identity = identity(&owner, &receipts);
            let command = NoteReceipts { receipts };
            let noted = self.house.note(&owner, &identity, command).await;
            noted.map(|()| owner)
        });
        let told: Vec<_> = stream::iter(commands)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let owners = told.len();
        let heard: Vec<Owner> = told.into_iter().filter_map(Result::ok).collect();
        let by_all = heard.len() == owners;
        self.forget(upto, (!by_all).then_some(heard)).await?;
        Ok(if count as i64 == BATCH_MAX {
            Batch::Full
        } else {
            Batch::Partial
        })
    }

    /// The last number of the batch to be told; `None` when there is nothing to tell.
    async fn batch(&self) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.store.begin().await?;
        let make = "insert into receipt_batch (upto) select max(number) from \
                    (select number from receipt order by number limit $1) oldest \
                    where not exists (select 1 from receipt_batch) having max(number) is not null";
        transaction.execute(make, vec![BATCH_MAX.into()]).await?;
        let made = transaction.fetch("select upto from receipt_batch", Vec::new());
        let upto = made.await?.into_iter().flatten().next();
        transaction.commit().await?;
        Ok(upto.map(i64::try_from).transpose()?)
    }

    async fn receipts(&self, upto: i64) -> Result<ByOwner, StoreError> {
        let sql = "select owner, id, kind, lane, position, outcome, status, answer, attempts, at from receipt \
                   where number <= $1 order by number";
        let mut receipts = ByOwner::new();
        for row in self.store.fetch(sql, vec![upto.into()]).await? {
            let (owner, receipt) = read(row)?;
            receipts.entry(owner).or_default().push(receipt);
        }
        Ok(receipts)
    }

    /// Forgets what was heard, and the batch with the last of it. `only` these have heard, when it was not all: finding the
    /// receipts of each costs the database much more.
    async fn forget(&self, upto: i64, only: Option<Vec<Owner>>) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        if let Some(heard) = only {
            let heard = heard.iter();
            let rows = heard.map(|owner| vec![owner.to_string().into(), upto.into()]);
            let given = Given::new(&["heard_owner", "upto"], rows.collect());
            let sql = "delete from receipt where exists (select 1 from {given} \
                       where receipt.owner = given.heard_owner and receipt.number <= given.upto)";
            transaction.execute_on(given, sql).await?;
        } else {
            let sql = "delete from receipt where number <= $1";
            transaction.execute(sql, vec![upto.into()]).await?;
        }
        let sql = "delete from receipt_batch where not exists (select 1 from receipt where number <= upto)";
        transaction.execute(sql, Vec::new()).await?;
        transaction.commit().await
    }
}

/// What an owner is told in one batch is told under this name, however often.
fn identity(owner: &Owner, receipts: &[Receipt]) -> String {
    let mut members = vec![format!("receipts/{owner}")];
    let names = receipts.iter();
    members.extend(names.map(|receipt| format!("{} {}", receipt.letter_id, receipt.at.0)));
    hex::encode(&Digest::sha256(members.join("\n").as_bytes()).0[..16])
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "receipts cannot be told; trying again");
}

fn read(row: Vec<Value>) -> Result<(Owner, Receipt), WrongShape> {
    let row = <[Value; 10]>::try_from(row).map_err(|_| WrongShape)?;
    let [
        owner,
        letter_id,
        kind,
        lane,
        number,
        outcome,
        status,
        answer,
        attempts,
        at,
    ] = row;
    let lane = u8::try_from(i64::try_from(lane)?).map_err(|_| WrongShape)?;
    let status: Option<i64> = status.try_into()?;
    let answer: Option<String> = answer.try_into()?;
    let answer = answer.map(|text| text.parse().map_err(|_| WrongShape));
    let receipt = Receipt {
        letter_id: letter_id.try_into()?,
        kind: kind.try_into()?,
        position: Position {
            lane: Lane::new(lane).ok_or(WrongShape)?,
            number: i64::try_from(number)? as u64,
        },
        outcome: ReceiptOutcome::from_word(&String::try_from(outcome)?).ok_or(WrongShape)?,
        status: status.map(|status| status as u16),
        answer: answer.transpose()?,
        attempts: i64::try_from(attempts)? as u32,
        at: Timestamp(at.try_into()?),
    };
    let owner = String::try_from(owner)?.parse().map_err(|_| WrongShape)?;
    Ok((owner, receipt))
}

#[cfg(test)]
mod tests;
