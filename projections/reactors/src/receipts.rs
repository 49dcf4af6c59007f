//! What became of letters, until the log has heard of it.
//!
//! Receipts are written in the transaction that ends their letters. Every second those that came since are made a batch, and
//! those of one owner in it one command: its identity follows from both, so a batch that is told again after a crash is
//! noted once, and an owner about whom much is told costs one event.

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

/// Only of letters whose end somebody hears of.
const WRITE: &str = "insert into receipt (id, at, batch, owner, kind, lane, number, outcome, status, answer, attempts) \
    select given.ended_id, given.ended_at, '', letter_owner.owner, delivery.kind, delivery.lane, delivery.number, \
    given.outcome, delivery.last_status, given.answer, delivery.attempt from {given} \
    join letter_owner on letter_owner.id = given.ended_id join delivery on delivery.id = given.ended_id \
    where true on conflict do nothing";

/// Notes whose history hears what becomes of letters.
pub(crate) async fn note_owners<'a>(
    transaction: &mut Transaction,
    letters: impl Iterator<Item = (&'a str, &'a Owner)>,
) -> Result<(), StoreError> {
    let rows = letters.map(|(id, owner)| vec![id.into(), owner.to_string().into()]);
    let given = Given::new(&["letter", "its_owner"], rows.collect());
    let sql = "insert into letter_owner (id, owner) select letter, its_owner from {given} where true on conflict do nothing";
    transaction.execute_on(given, sql).await.map(drop)
}

/// Writes receipts. Their letters are still there, and how often they were tried is already written.
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

/// Forgets whose letters those were that are forgotten.
pub(crate) async fn forget_owners(transaction: &mut Transaction) -> Result<(), StoreError> {
    let sql = "delete from letter_owner where not exists (select 1 from delivery where delivery.id = letter_owner.id)";
    transaction.execute(sql, Vec::new()).await.map(drop)
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

    /// Tells a batch: the one that was not heard yet, or else the oldest receipts.
    pub(crate) async fn tell(&self) -> Result<Batch, StoreError> {
        let (batch, size) = match self.unheard().await? {
            Some(batch) => (batch, Batch::Partial),
            None => match self.make_a_batch().await? {
                Some(made) => made,
                None => return Ok(Batch::Partial),
            },
        };
        let commands = self.of(&batch).await?.into_iter().map(|(owner, receipts)| {
            let identity = format!("{batch}/{owner}");
            async move {
                let command = NoteReceipts { receipts };
                let noted = self.house.note(&owner, &identity, command).await;
                noted.map(|()| owner)
            }
        });
        let told: Vec<_> = stream::iter(commands)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let heard = told.into_iter().filter_map(Result::ok);
        self.forget(&batch, heard).await?;
        Ok(size)
    }

    /// A batch that was told and not heard, all of it or a part.
    async fn unheard(&self) -> Result<Option<String>, StoreError> {
        let sql = "select batch from receipt where batch <> '' order by at limit 1";
        let found = self.store.fetch(sql, Vec::new()).await?;
        let found = found.into_iter().flatten().next();
        Ok(found.map(String::try_from).transpose()?)
    }

    /// Makes the oldest receipts a batch; `None` without any. Its name follows from them.
    async fn make_a_batch(&self) -> Result<Option<(String, Batch)>, StoreError> {
        let sql = "select id, at from receipt where batch = '' order by at, id limit $1";
        let oldest = self.store.fetch(sql, vec![BATCH_MAX.into()]).await?;
        if oldest.is_empty() {
            return Ok(None);
        }
        let size = match oldest.len() as i64 {
            BATCH_MAX => Batch::Full,
            _ => Batch::Partial,
        };
        let mut members = vec![String::from("receipts")];
        for row in oldest.clone() {
            let [id, at] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
            let (id, at) = (String::try_from(id)?, i64::try_from(at)?);
            members.push(format!("{id} {at}"));
        }
        let name = members.join("\n");
        let batch = hex::encode(&Digest::sha256(name.as_bytes()).0[..16]);
        let rows = oldest.into_iter().map(|mut row| {
            row.push(batch.as_str().into());
            row
        });
        let given = Given::new(&["member_id", "member_at", "its_batch"], rows.collect());
        let sql = "update receipt set batch = given.its_batch from {given} \
                   where id = given.member_id and at = given.member_at";
        let mut transaction = self.store.begin().await?;
        transaction.execute_on(given, sql).await?;
        transaction.commit().await?;
        Ok(Some((batch, size)))
    }

    async fn of(&self, batch: &str) -> Result<ByOwner, StoreError> {
        let sql = "select owner, id, kind, lane, number, outcome, status, answer, attempts, at from receipt \
                   where batch = $1 order by at, number, id";
        let mut receipts = ByOwner::new();
        for row in self.store.fetch(sql, vec![batch.into()]).await? {
            let (owner, receipt) = read(row)?;
            receipts.entry(owner).or_default().push(receipt);
        }
        Ok(receipts)
    }

    async fn forget(
        &self,
        batch: &str,
        heard: impl Iterator<Item = Owner>,
    ) -> Result<(), StoreError> {
        let rows = heard.map(|owner| vec![batch.into(), owner.to_string().into()]);
        let given = Given::new(&["heard_batch", "heard_owner"], rows.collect());
        let sql = "delete from receipt where exists (select 1 from {given} \
                   where receipt.batch = given.heard_batch and receipt.owner = given.heard_owner)";
        let mut transaction = self.store.begin().await?;
        transaction.execute_on(given, sql).await?;
        transaction.commit().await
    }
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
