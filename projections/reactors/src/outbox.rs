//! The outbox: what is owed, durable. Cursors and new deliveries commit together; results are written in groups.
//!
//! Of the deliveries with one order key at most one is `pending`, the others are `waiting` for it. Bodies are sealed,
//! since they repeat what lies in the vault, and are forgotten as soon as they were delivered.

use std::collections::{BTreeMap, HashSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bus::shell::RootSecret;
use projections::store::{Store, StoreError, Transaction, Value, WrongShape};
use schemas::{Lane, Position, Timestamp};

use crate::delivery::{Delivery, read_content};

/// Values per list: few texts, so that the database keeps each of them prepared.
const LIST: usize = 64;

/// How long a delivered letter is remembered, ms.
const REMEMBERED_MS: i64 = 7 * 24 * 3_600_000;

/// The status, asked for in a way that no index on it answers: almost every row of such an index is long gone, and a
/// planner with old statistics would walk over all of them.
const IS_PENDING: &str = "status || '' = 'pending'";
const IS_WAITING: &str = "status || '' = 'waiting'";

const COLUMNS: &str = "id, system_id, url, endpoint, order_key, body, attempt, next_at";

/// The outbox's tables.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    store: Store,
    root: RootSecret,
}

/// A delivery to be written, with its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct NewDelivery {
    /// What is delivered.
    pub delivery: Delivery,
    /// The word of its kind.
    pub kind: &'static str,
    /// The event that owes it.
    pub position: Position,
    /// Why it can never be sent; it is then parked at once.
    pub undeliverable: Option<String>,
}

/// A lane that was read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advance {
    /// Which lane.
    pub lane: Lane,
    /// The number that had been read last.
    pub after: u64,
    /// The number that has been read last now.
    pub end: u64,
}

/// How an attempt ended, as it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    /// The delivery, its attempt counted.
    pub delivery: Delivery,
    /// What becomes of it.
    pub fate: Fate,
    /// The status the receiver answered with; `None` when it did not answer.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<&'static str>,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrived.
    Delivered,
    /// It is tried again.
    Again(Timestamp),
    /// A person must look at it.
    Parked,
}

/// How many deliveries are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// To be sent, now or at their time.
    pub pending: u64,
    /// Waiting for an earlier one with the same order key.
    pub waiting: u64,
    /// Delivered within the last seven days.
    pub delivered: u64,
    /// Given up: a person must look at them.
    pub parked: u64,
}

/// What an endpoint has on disk.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Deliveries whose time has come.
    pub deliveries: Vec<Delivery>,
    /// When the next one's time comes.
    pub next_at: Option<Timestamp>,
}

impl Outbox {
    /// Makes the tables that are missing.
    pub async fn open(store: Store, root: RootSecret) -> Result<Self, StoreError> {
        let mut transaction = store.begin().await?;
        let script = include_str!("../../../migrations/reactors/deliveries.sql");
        transaction.run_script(script).await?;
        transaction.commit().await?;
        Ok(Self { store, root })
    }

    /// The cursors. At the very first start they are set to the log's ends: the reactor is born there.
    pub async fn cursors(&self, heads: &[u64]) -> Result<Vec<u64>, StoreError> {
        let mut transaction = self.store.begin().await?;
        for (lane, head) in Lane::all().zip(heads) {
            let born = "insert into reactor_cursor (lane, number) values ($1, $2) on conflict (lane) do nothing";
            let lane = i64::from(lane.number());
            transaction
                .execute(born, vec![lane.into(), (*head as i64).into()])
                .await?;
        }
        let rows = transaction
            .fetch(
                "select number from reactor_cursor order by lane",
                Vec::new(),
            )
            .await?;
        transaction.commit().await?;
        let numbers = rows.into_iter().flatten().map(i64::try_from);
        Ok(numbers
            .map(|number| number.map(|number| number as u64))
            .collect::<Result<_, _>>()?)
    }

    /// Writes deliveries and moves the cursors, all of it or nothing. The deliveries that can be sent at once come back;
    /// `None` when another reactor has moved a cursor.
    pub async fn add(
        &self,
        advances: &[Advance],
        new: Vec<NewDelivery>,
        now: Timestamp,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction).await?;
        for advance in advances {
            let sql = "update reactor_cursor set number = $1 where lane = $2 and number = $3";
            let lane = i64::from(advance.lane.number());
            let values = vec![
                (advance.end as i64).into(),
                lane.into(),
                (advance.after as i64).into(),
            ];
            if transaction.execute(sql, values).await? != 1 {
                return Ok(None);
            }
        }
        let mut taken = unfinished(&new, &mut transaction).await?;
        let mut ready = Vec::new();
        for new in new {
            let status = if new.undeliverable.is_some() {
                "parked"
            } else if taken.insert(new.delivery.order_key.clone()) {
                "pending"
            } else {
                "waiting"
            };
            self.insert(&new, status, now, &mut transaction).await?;
            if status == "pending" {
                ready.push(new.delivery);
            }
        }
        transaction.commit().await?;
        Ok(Some(ready))
    }

    async fn insert(
        &self,
        new: &NewDelivery,
        status: &str,
        now: Timestamp,
        transaction: &mut Transaction,
    ) -> Result<(), StoreError> {
        let delivery = &new.delivery;
        let sealed = self.root.seal(
            &delivery.system_id,
            &place(&delivery.id),
            &delivery.content(),
        );
        let sql = "insert into delivery (id, kind, system_id, order_key, lane, number, url, endpoint, body, attempt, \
                   next_at, status, last_error, created_at, finished_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, \
                   0, $10, $11, $12, $10, $13) on conflict (id) do nothing";
        let finished_at = new.undeliverable.is_some().then_some(now.0);
        let values = vec![
            delivery.id.as_str().into(),
            new.kind.into(),
            delivery.system_id.as_str().into(),
            delivery.order_key.as_str().into(),
            i64::from(new.position.lane.number()).into(),
            (new.position.number as i64).into(),
            delivery.url.as_str().into(),
            delivery.endpoint.as_str().into(),
            BASE64_STANDARD.encode(sealed).into(),
            now.0.into(),
            status.into(),
            new.undeliverable.clone().into(),
            finished_at.into(),
        ];
        transaction.execute(sql, values).await?;
        Ok(())
    }

    /// Endpoints that have something to be sent, now or later.
    pub async fn endpoints(&self) -> Result<Vec<String>, StoreError> {
        // From one name to the next by the index: the table may be long, the endpoints are few.
        let mut endpoints: Vec<String> = Vec::new();
        loop {
            let sql =
                "select min(endpoint) from delivery where status = 'pending' and endpoint > $1";
            let last = endpoints.last().map_or("", String::as_str);
            let next = self.store.fetch(sql, vec![last.into()]).await?;
            match next
                .into_iter()
                .flatten()
                .next()
                .map(Option::<String>::try_from)
                .transpose()?
                .flatten()
            {
                Some(endpoint) => endpoints.push(endpoint),
                None => return Ok(endpoints),
            }
        }
    }

    /// Deliveries of an endpoint whose time has come, the longest overdue first.
    pub async fn due(
        &self,
        endpoint: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Due, StoreError> {
        let sql = format!(
            "select {COLUMNS} from delivery where status = 'pending' and endpoint = $1 and next_at <= $2 order by \
             next_at limit $3"
        );
        let values = vec![endpoint.into(), now.0.into(), (limit as i64).into()];
        let rows = self.store.fetch(sql, values).await?;
        let sql = "select min(next_at) from delivery where status = 'pending' and endpoint = $1 and next_at > $2";
        let next = self
            .store
            .fetch(sql, vec![endpoint.into(), now.0.into()])
            .await?;
        let next = next
            .into_iter()
            .flatten()
            .next()
            .map(Option::<i64>::try_from)
            .transpose()?;
        Ok(Due {
            deliveries: self.opened(rows)?,
            next_at: next.flatten().map(Timestamp),
        })
    }

    /// Writes down how attempts ended. The deliveries that waited for a finished one come back: they can be sent now.
    pub async fn settle(
        &self,
        settled: &[Settled],
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction).await?;
        let mut finished = Vec::new();
        let mut delivered: BTreeMap<(u32, Option<u16>), Vec<&str>> = BTreeMap::new();
        for settled in settled {
            let delivery = &settled.delivery;
            match settled.fate {
                Fate::Delivered => {
                    let same = delivered
                        .entry((delivery.attempt, settled.status))
                        .or_default();
                    same.push(delivery.id.as_str());
                }
                Fate::Again(at) => note(settled, "pending", at, None, &mut transaction).await?,
                Fate::Parked => note(settled, "parked", now, Some(now), &mut transaction).await?,
            }
            if !matches!(settled.fate, Fate::Again(_)) {
                finished.push(delivery.order_key.as_str());
            }
        }
        for ((attempt, status), ids) in delivered {
            for ids in ids.chunks(LIST) {
                let (places, values) = list(ids, 3);
                let sql = format!(
                    "update delivery set status = 'delivered', attempt = $1, last_status = $2, last_error = null, \
                     finished_at = $3, body = null where id in ({places})"
                );
                let first = [
                    i64::from(attempt).into(),
                    status.map(i64::from).into(),
                    now.0.into(),
                ];
                transaction
                    .execute(sql, first.into_iter().chain(values).collect())
                    .await?;
            }
        }
        let mut next = Vec::new();
        for keys in finished.chunks(LIST) {
            let (places, values) = list(keys, 1);
            let sql = format!(
                "update delivery set status = 'pending', next_at = $1 where {IS_WAITING} and order_key in \
                 ({places}) and number = (select min(other.number) from delivery other where other.order_key = \
                 delivery.order_key and other.status = 'waiting') returning {COLUMNS}"
            );
            let values = std::iter::once(Value::from(now.0)).chain(values).collect();
            next.extend(self.opened(transaction.fetch(sql, values).await?)?);
        }
        transaction.commit().await?;
        Ok(next)
    }

    /// Gives parked deliveries another round of attempts; all of them, or the one with that id. How many there were.
    pub async fn release_parked(
        &self,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.store.begin().await?;
        let sql = "update delivery set status = 'pending', attempt = 0, next_at = $1, finished_at = null \
                   where status = 'parked' and endpoint <> ''";
        let released = match id {
            None => transaction.execute(sql, vec![now.0.into()]).await?,
            Some(id) => {
                transaction
                    .execute(format!("{sql} and id = $2"), vec![now.0.into(), id.into()])
                    .await?
            }
        };
        transaction.commit().await?;
        Ok(released)
    }

    /// Forgets letters that were delivered long ago.
    pub async fn forget_delivered(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        let sql = "delete from delivery where status = 'delivered' and finished_at < $1";
        transaction
            .execute(sql, vec![(now.0 - REMEMBERED_MS).into()])
            .await?;
        transaction.commit().await
    }

    /// How many deliveries are where.
    pub async fn status(&self) -> Result<Status, StoreError> {
        let mut status = Status::default();
        let sql = "select status, count(*) from delivery group by status";
        for row in self.store.fetch(sql, Vec::new()).await? {
            let [word, count] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
            let (word, count) = (String::try_from(word)?, i64::try_from(count)? as u64);
            match word.as_str() {
                "pending" => status.pending = count,
                "waiting" => status.waiting = count,
                "delivered" => status.delivered = count,
                "parked" => status.parked = count,
                _ => return Err(WrongShape.into()),
            }
        }
        Ok(status)
    }

    fn opened(&self, rows: Vec<Vec<Value>>) -> Result<Vec<Delivery>, StoreError> {
        rows.into_iter()
            .map(|row| self.open_row(row).map_err(StoreError::from))
            .collect()
    }

    fn open_row(&self, row: Vec<Value>) -> Result<Delivery, WrongShape> {
        let row = <[Value; 8]>::try_from(row).map_err(|_| WrongShape)?;
        let [
            id,
            system_id,
            url,
            endpoint,
            order_key,
            body,
            attempt,
            next_at,
        ] = row;
        let (id, system_id): (String, String) = (id.try_into()?, system_id.try_into()?);
        let sealed = BASE64_STANDARD
            .decode(String::try_from(body)?)
            .map_err(|_| WrongShape)?;
        let content = self
            .root
            .open(&system_id, &place(&id), &sealed)
            .map_err(|_| WrongShape)?;
        let (headers, body) = read_content(content.expose()).ok_or(WrongShape)?;
        Ok(Delivery {
            id,
            system_id,
            url: url.try_into()?,
            endpoint: endpoint.try_into()?,
            order_key: order_key.try_into()?,
            headers,
            body,
            attempt: i64::try_from(attempt)? as u32,
            next_at: Timestamp(next_at.try_into()?),
        })
    }
}

/// Holds the outbox until the transaction ends. A delivery that is to wait for another must be written either before the
/// other one ends or not at all: otherwise nobody would ever call it.
async fn hold(transaction: &mut Transaction) -> Result<(), StoreError> {
    let hold = "update reactor_cursor set number = number where lane = 0";
    transaction.execute(hold, Vec::new()).await.map(drop)
}

/// Order keys of the new deliveries that earlier ones still hold.
async fn unfinished(
    new: &[NewDelivery],
    transaction: &mut Transaction,
) -> Result<HashSet<String>, StoreError> {
    let keys: Vec<&str> = new
        .iter()
        .map(|new| new.delivery.order_key.as_str())
        .collect();
    let mut taken = HashSet::new();
    for keys in keys.chunks(LIST) {
        let (places, values) = list(keys, 0);
        let sql = format!(
            "select order_key from delivery where {IS_PENDING} and order_key in ({places})"
        );
        for key in transaction.fetch(sql, values).await?.into_iter().flatten() {
            taken.insert(key.try_into()?);
        }
    }
    Ok(taken)
}

/// Placeholders of a list, after `before` others, and its values; the list is filled up with its last value.
fn list(texts: &[&str], before: usize) -> (String, Vec<Value>) {
    let places: Vec<String> = (1..=LIST)
        .map(|place| format!("${}", place + before))
        .collect();
    let last = texts.last().copied().unwrap_or_default();
    let values = texts
        .iter()
        .copied()
        .chain(std::iter::repeat(last))
        .take(LIST);
    (places.join(", "), values.map(Value::from).collect())
}

/// Writes down an attempt that did not deliver.
async fn note(
    settled: &Settled,
    status: &'static str,
    next_at: Timestamp,
    finished_at: Option<Timestamp>,
    transaction: &mut Transaction,
) -> Result<(), StoreError> {
    let sql = "update delivery set status = $1, attempt = $2, next_at = $3, last_status = $4, last_error = $5, \
               finished_at = $6 where id = $7";
    let values = vec![
        status.into(),
        i64::from(settled.delivery.attempt).into(),
        next_at.0.into(),
        settled.status.map(i64::from).into(),
        settled.error.map(ToOwned::to_owned).into(),
        finished_at.map(|at| at.0).into(),
        settled.delivery.id.as_str().into(),
    ];
    transaction.execute(sql, values).await.map(drop)
}

/// The place a body is sealed for.
fn place(id: &str) -> String {
    format!("delivery/{id}")
}
