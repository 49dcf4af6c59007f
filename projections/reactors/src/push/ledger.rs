//! What is owed, on disk. New pushes and the reader's cursor commit together; results are written in groups.

use projections::store::{Given, Store, StoreError, Transaction, Value, WrongShape};
use schemas::commands::transactions::PushFailure;
use schemas::{Digest, OperationId, Owner, Timestamp, TransactionId};

use super::configuration::Purpose;
use super::station::Progress;
use crate::following::Bookmark;

/// How far the pushes' reader has come.
pub(crate) const PUSHES: Bookmark = Bookmark("pushes");

/// How long a push is of use whose transaction has no deadline, ms.
const LIFE_MS: i64 = 24 * 3_600_000;

/// How long a withdrawal is of use, and how long a push is remembered past its own deadline to be withdrawn, ms.
const AFTERLIFE_MS: i64 = 3_600_000;

const COLUMNS: &str = "id, owner, about, transaction_id, operation_id, purpose, state, is_over, attempt, next_at, \
    next_message, taken, outcome, deadline, expires_at, forget_at, created_at";

const NEW: [&str; 17] = [
    "id",
    "owner",
    "about",
    "transaction_id",
    "operation_id",
    "purpose",
    "state",
    "is_over",
    "attempt",
    "next_at",
    "next_message",
    "taken",
    "outcome",
    "deadline",
    "expires_at",
    "forget_at",
    "created_at",
];

/// What was not sent yet is sent no more.
const OVER: &str = "update push set is_over = 1, state = case when state = 'due' then 'ended' else state end \
    from {given} where push.about = given.over_about and push.purpose = 'transaction'";

/// A push that was sent, and whose transaction has its outcome, is withdrawn once.
const WITHDRAW: &str = "select 'un' || push.id, push.owner, push.about, push.transaction_id, push.operation_id, \
    'withdrawal', 'due', 0, 0, given.since, 0, 0, cast(null as text), cast(null as bigint), given.until, given.until, \
    given.since from push, {given} where push.purpose = 'transaction' and push.is_over = 1 and push.taken > 0 \
    and push.forget_at > given.since";

/// A push that is over does not become due again.
const SETTLE: &str = "update push set \
    state = case when is_over = 1 and given.to_state = 'due' then 'ended' else given.to_state end, \
    attempt = given.attempts, next_at = given.later, next_message = given.went_on, taken = given.were_taken, \
    outcome = given.result from {given} where push.id = given.settled_id";

const SETTLED: [&str; 7] = [
    "settled_id",
    "to_state",
    "attempts",
    "later",
    "went_on",
    "were_taken",
    "result",
];

/// The ledger.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) store: Store,
}

/// A push that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) id: String,
    pub(crate) owner: Owner,
    /// What it is about, for whatever ends it.
    pub(crate) about: String,
    pub(crate) transaction_id: TransactionId,
    /// The operation that it announces as a whole.
    pub(crate) operation_id: Option<OperationId>,
    pub(crate) purpose: Purpose,
    pub(crate) state: State,
    pub(crate) attempt: u32,
    pub(crate) next_at: Timestamp,
    pub(crate) progress: Progress,
    /// The transaction's own deadline.
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

/// Where a push stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// To be sent.
    Due,
    /// It has its outcome, and the log has to hear of it.
    Told(Result<(), PushFailure>),
    /// There is nothing left to do.
    Ended,
}

/// How work on a push ended.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) attempt: u32,
    pub(crate) next_at: Timestamp,
    pub(crate) progress: Progress,
}

/// What is to be worked on.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) pushes: Vec<Owed>,
    /// When the next one's time comes.
    pub(crate) next_at: Option<Timestamp>,
}

/// Whether pushes are taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawals {
    Sent,
    NotSent,
}

impl Owed {
    /// A push about something new.
    pub(crate) fn about_new(
        owner: &Owner,
        transaction_id: &TransactionId,
        operation_id: Option<&OperationId>,
        deadline: Option<Timestamp>,
        created_at: Timestamp,
    ) -> Self {
        let about = about(owner, transaction_id, operation_id);
        let identity = Digest::of(&[b"push", about.as_bytes()]);
        Self {
            id: format!("push_{}", hex::encode(&identity.0[..16])),
            owner: owner.clone(),
            about,
            transaction_id: transaction_id.clone(),
            operation_id: operation_id.cloned(),
            purpose: Purpose::Transaction,
            state: State::Due,
            attempt: 0,
            next_at: created_at,
            progress: Progress::default(),
            deadline,
            expires_at: deadline.unwrap_or_else(|| created_at.plus_ms(LIFE_MS)),
            created_at,
        }
    }

    fn row(&self) -> Vec<Value> {
        let (state, outcome) = self.state.words();
        vec![
            self.id.as_str().into(),
            self.owner.to_string().into(),
            self.about.as_str().into(),
            self.transaction_id.to_string().into(),
            self.operation_id.as_ref().map(ToString::to_string).into(),
            self.purpose.word().into(),
            state.into(),
            0.into(),
            i64::from(self.attempt).into(),
            self.next_at.0.into(),
            i64::from(self.progress.next).into(),
            i64::from(self.progress.taken).into(),
            outcome.map(ToOwned::to_owned).into(),
            self.deadline.map(|deadline| deadline.0).into(),
            self.expires_at.0.into(),
            self.expires_at.plus_ms(AFTERLIFE_MS).0.into(),
            self.created_at.0.into(),
        ]
    }
}

/// What a push is about. Identifiers of transactions and operations are each a system's own.
pub(crate) fn about(
    owner: &Owner,
    transaction_id: &TransactionId,
    operation_id: Option<&OperationId>,
) -> String {
    match operation_id {
        Some(operation_id) => format!("operation/{}/{operation_id}", owner.system_id()),
        None => format!("transaction/{}/{transaction_id}", owner.system_id()),
    }
}

impl State {
    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Due => ("due", None),
            Self::Ended => ("ended", None),
            Self::Told(Ok(())) => ("told", Some("sent")),
            Self::Told(Err(failure)) => ("told", Some(failure.word())),
        }
    }

    fn from_words(state: &str, outcome: Option<&str>) -> Option<Self> {
        match (state, outcome) {
            ("due", _) => Some(Self::Due),
            ("ended", _) => Some(Self::Ended),
            ("told", Some("sent")) => Some(Self::Told(Ok(()))),
            ("told", Some(word)) => {
                PushFailure::from_word(word).map(|failure| Self::Told(Err(failure)))
            }
            _ => None,
        }
    }
}

impl Ledger {
    /// Makes the tables that are missing.
    pub(crate) async fn open(store: Store) -> Result<Self, StoreError> {
        let mut transaction = store.begin().await?;
        Bookmark::prepare(&mut transaction).await?;
        let script = include_str!("../../../../migrations/reactors/pushes.sql");
        transaction.run_script(script).await?;
        transaction.commit().await?;
        Ok(Self { store })
    }

    /// Writes new pushes, ends those about what is over, and moves the bookmark: all of it or nothing. `None` when another
    /// reader has moved it.
    pub(crate) async fn add(
        &self,
        (before, after): (&[u64], &[u64]),
        new: &[Owed],
        over: &[String],
        withdrawals: Withdrawals,
        now: Timestamp,
    ) -> Result<Option<()>, StoreError> {
        let mut transaction = self.store.begin().await?;
        if !PUSHES.move_on(&mut transaction, before, after).await? {
            return Ok(None);
        }
        if !new.is_empty() {
            let given = Given::new(&NEW, new.iter().map(Owed::row).collect());
            let sql = format!(
                "insert into push ({COLUMNS}) select {COLUMNS} from {{given}} where true on conflict (id) do nothing"
            );
            transaction.execute_on(given, &sql).await?;
        }
        if !over.is_empty() {
            let rows = over.iter().map(|about| vec![about.as_str().into()]);
            let given = Given::new(&["over_about"], rows.collect());
            transaction.execute_on(given, OVER).await?;
            if withdrawals == Withdrawals::Sent {
                withdraw(&mut transaction, "about", over, now).await?;
            }
        }
        transaction.commit().await?;
        Ok(Some(()))
    }

    /// What is to be worked on now, the longest overdue first.
    pub(crate) async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let sql = format!(
            "select {COLUMNS} from push where state <> 'ended' and next_at <= $1 order by next_at limit $2"
        );
        let values = vec![now.0.into(), (limit as i64).into()];
        let rows = self.store.fetch(&sql, values).await?;
        let sql = "select min(next_at) from push where state <> 'ended' and next_at > $1";
        let next = self.store.fetch(sql, vec![now.0.into()]).await?;
        let next = next.into_iter().flatten().next();
        let next = next.map(Option::<i64>::try_from).transpose()?.flatten();
        let pushes = rows.into_iter().map(owed).collect::<Result<_, _>>()?;
        Ok(Due {
            pushes,
            next_at: next.map(Timestamp),
        })
    }

    /// Writes down how work ended.
    pub(crate) async fn settle(
        &self,
        settled: &[Settled],
        withdrawals: Withdrawals,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        let rows = settled.iter().map(|settled| {
            let (state, outcome) = settled.state.words();
            vec![
                settled.id.as_str().into(),
                state.into(),
                i64::from(settled.attempt).into(),
                settled.next_at.0.into(),
                i64::from(settled.progress.next).into(),
                i64::from(settled.progress.taken).into(),
                outcome.map(ToOwned::to_owned).into(),
            ]
        });
        let given = Given::new(&SETTLED, rows.collect());
        transaction.execute_on(given, SETTLE).await?;
        if withdrawals == Withdrawals::Sent {
            let ids: Vec<String> = settled.iter().map(|settled| settled.id.clone()).collect();
            withdraw(&mut transaction, "id", &ids, now).await?;
        }
        transaction.commit().await
    }

    /// Forgets what is of no use any more.
    pub(crate) async fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        let sql = "delete from push where forget_at < $1 and state = 'ended'";
        transaction.execute(sql, vec![now.0.into()]).await?;
        transaction.commit().await
    }

    /// How many pushes have something left to do.
    pub(crate) async fn open_count(&self) -> Result<u64, StoreError> {
        let sql = "select count(*) from push where state <> 'ended'";
        let rows = self.store.fetch(sql, Vec::new()).await?;
        let count = rows.into_iter().flatten().next().ok_or(WrongShape)?;
        Ok(i64::try_from(count)? as u64)
    }
}

async fn withdraw(
    transaction: &mut Transaction,
    by: &'static str,
    keys: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let until = now.plus_ms(AFTERLIFE_MS).0;
    let rows = keys
        .iter()
        .map(|key| vec![key.as_str().into(), now.0.into(), until.into()]);
    let given = Given::new(&["withdrawn", "since", "until"], rows.collect());
    let sql = format!(
        "insert into push ({COLUMNS}) {WITHDRAW} and push.{by} = given.withdrawn on conflict (id) do nothing"
    );
    transaction.execute_on(given, &sql).await.map(drop)
}

fn owed(row: Vec<Value>) -> Result<Owed, WrongShape> {
    let row = <[Value; 17]>::try_from(row).map_err(|_| WrongShape)?;
    let [
        id,
        owner,
        about,
        transaction_id,
        operation_id,
        purpose,
        state,
        _is_over,
        attempt,
        next_at,
        next_message,
        taken,
        outcome,
        deadline,
        expires_at,
        _forget_at,
        created_at,
    ] = row;
    let number = |value: Value| i64::try_from(value);
    let outcome: Option<String> = outcome.try_into()?;
    let operation_id: Option<String> = operation_id.try_into()?;
    let operation_id = operation_id.map(|id| id.parse().map_err(|_| WrongShape));
    let deadline: Option<i64> = deadline.try_into()?;
    Ok(Owed {
        id: id.try_into()?,
        owner: String::try_from(owner)?.parse().map_err(|_| WrongShape)?,
        about: about.try_into()?,
        transaction_id: String::try_from(transaction_id)?
            .parse()
            .map_err(|_| WrongShape)?,
        operation_id: operation_id.transpose()?,
        purpose: Purpose::from_word(&String::try_from(purpose)?).ok_or(WrongShape)?,
        state: State::from_words(&String::try_from(state)?, outcome.as_deref())
            .ok_or(WrongShape)?,
        attempt: number(attempt)? as u32,
        next_at: Timestamp(number(next_at)?),
        progress: Progress {
            next: number(next_message)? as u32,
            taken: number(taken)? as u32,
        },
        deadline: deadline.map(Timestamp),
        expires_at: Timestamp(number(expires_at)?),
        created_at: Timestamp(number(created_at)?),
    })
}

#[cfg(test)]
mod tests;
