//! The messages that are owed, durable: what the log orders and the place in the log are written together, an attempt is
//! written before it is made, and how it ended before the house is told.

use projections::store::{Given, Store, StoreError, Value, WrongShape};
use schemas::commands::code_orders::{Channel, SendingOutcome};
use schemas::{CodeOrderId, Owner, Timestamp};

use crate::following::Bookmark;

/// How far the reader of orders has come.
pub(super) const CODES: Bookmark = Bookmark("codes");

const NEW: [&str; 4] = ["order_id", "channel", "owner", "created_at"];

const INSERT: &str = "insert into code_message (order_id, channel, owner, status, attempt, next_at) \
    select order_id, channel, owner, 'owed', 0, created_at from {given} where true \
    on conflict (order_id, channel) do nothing";

/// The tables.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) store: Store,
}

/// A message as it is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwedMessage {
    pub order_id: CodeOrderId,
    pub channel: Channel,
    pub owner: Owner,
    /// Attempts that began.
    pub attempt: u32,
    pub status: Status,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// An attempt is due.
    Owed,
    /// An attempt began in a process that is gone.
    Begun,
    /// The house is to be told.
    Ended(SendingOutcome, Option<String>),
}

impl OwedMessage {
    /// Its name for the world.
    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.order_id, self.channel.word())
    }
}

impl Owed {
    /// Makes the tables that are missing.
    pub(super) async fn open(store: Store) -> Result<Self, StoreError> {
        let mut transaction = store.begin().await?;
        Bookmark::prepare(&mut transaction).await?;
        let script = include_str!("../../../../migrations/reactors/codes.sql");
        transaction.run_script(script).await?;
        transaction.commit().await?;
        Ok(Self { store })
    }

    /// Writes messages and moves the bookmark, all of it or nothing; `None` when another reactor has moved it.
    pub(super) async fn add(
        &self,
        before: &[u64],
        after: &[u64],
        new: &[(CodeOrderId, Channel, Owner)],
        now: Timestamp,
    ) -> Result<Option<()>, StoreError> {
        let mut transaction = self.store.begin().await?;
        if !CODES.move_on(&mut transaction, before, after).await? {
            return Ok(None);
        }
        let rows = new.iter().map(|(order_id, channel, owner)| {
            vec![
                order_id.as_str().into(),
                channel.word().into(),
                owner.to_string().into(),
                now.0.into(),
            ]
        });
        let given = Given::new(&NEW, rows.collect());
        transaction.execute_on(given, INSERT).await?;
        transaction.commit().await?;
        Ok(Some(()))
    }

    /// Messages to do something about: due attempts, outcomes nobody was told, and attempts that began before `lost_before`.
    pub(super) async fn due(
        &self,
        now: Timestamp,
        lost_before: Timestamp,
        limit: usize,
    ) -> Result<Vec<OwedMessage>, StoreError> {
        let sql = "select order_id, channel, owner, attempt, status, outcome, reason from code_message \
                   where (status <> 'begun' and next_at <= $1) or (status = 'begun' and next_at <= $2) \
                   order by next_at limit $3";
        let values = vec![now.0.into(), lost_before.0.into(), (limit as i64).into()];
        let rows = self.store.fetch(sql, values).await?;
        rows.into_iter().map(|row| Ok(read(row)?)).collect()
    }

    /// Writes that an attempt begins; `false` when somebody else has begun it.
    pub(super) async fn begin(
        &self,
        message: &OwedMessage,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "update code_message set status = 'begun', attempt = attempt + 1, next_at = $1 \
                   where order_id = $2 and channel = $3 and status = 'owed' and attempt = $4";
        let values = vec![
            now.0.into(),
            message.order_id.as_str().into(),
            message.channel.word().into(),
            i64::from(message.attempt).into(),
        ];
        Ok(self.write(sql, values).await? == 1)
    }

    /// Writes that the attempt that began was not made, or that nobody took the message: there is another one later.
    pub(super) async fn again(
        &self,
        message: &OwedMessage,
        attempts: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "update code_message set status = 'owed', attempt = $1, next_at = $2 \
                   where order_id = $3 and channel = $4";
        let values = vec![
            i64::from(attempts).into(),
            at.0.into(),
            message.order_id.as_str().into(),
            message.channel.word().into(),
        ];
        self.write(sql, values).await.map(drop)
    }

    /// Writes how the message ended; the house is to be told at that moment.
    pub(super) async fn ended(
        &self,
        message: &OwedMessage,
        (outcome, reason): (SendingOutcome, Option<&str>),
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "update code_message set status = 'ended', outcome = $1, reason = $2, next_at = $3 \
                   where order_id = $4 and channel = $5";
        let values = vec![
            outcome.word().into(),
            reason.map(ToOwned::to_owned).into(),
            at.0.into(),
            message.order_id.as_str().into(),
            message.channel.word().into(),
        ];
        self.write(sql, values).await.map(drop)
    }

    /// The house knows: the message is forgotten here.
    pub(super) async fn forget(&self, message: &OwedMessage) -> Result<(), StoreError> {
        let sql = "delete from code_message where order_id = $1 and channel = $2";
        let values = vec![
            message.order_id.as_str().into(),
            message.channel.word().into(),
        ];
        self.write(sql, values).await.map(drop)
    }

    pub(super) async fn write(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let mut transaction = self.store.begin().await?;
        let touched = transaction.execute(sql, values).await?;
        transaction.commit().await?;
        Ok(touched)
    }
}

fn read(row: Vec<Value>) -> Result<OwedMessage, WrongShape> {
    let row = <[Value; 7]>::try_from(row).map_err(|_| WrongShape)?;
    let [order_id, channel, owner, attempt, status, outcome, reason] = row;
    let text = |value: Value| String::try_from(value);
    let status = match text(status)?.as_str() {
        "owed" => Status::Owed,
        "begun" => Status::Begun,
        "ended" => {
            let outcome = outcome_of(&text(outcome)?).ok_or(WrongShape)?;
            Status::Ended(outcome, reason.try_into()?)
        }
        _ => return Err(WrongShape),
    };
    Ok(OwedMessage {
        order_id: text(order_id)?.parse().map_err(|_| WrongShape)?,
        channel: Channel::from_word(&text(channel)?).ok_or(WrongShape)?,
        owner: text(owner)?.parse().map_err(|_| WrongShape)?,
        attempt: u32::try_from(i64::try_from(attempt)?).map_err(|_| WrongShape)?,
        status,
    })
}

fn outcome_of(word: &str) -> Option<SendingOutcome> {
    let all = [
        SendingOutcome::Sent,
        SendingOutcome::Failed,
        SendingOutcome::Unknown,
        SendingOutcome::Withdrawn,
    ];
    all.into_iter().find(|outcome| outcome.word() == word)
}
