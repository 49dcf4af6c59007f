//! The outbox: what is owed, durable. Cursors and new deliveries commit together; results are written in groups.
//!
//! Of the deliveries with one order key at most one is `pending`, the others are `waiting` for it. Bodies are sealed,
//! since they repeat what lies in the vault, and are forgotten as soon as they were delivered.

mod counting;
mod fate;

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bus::shell::RootSecret;
use projections::store::{Given, Store, StoreError, Transaction, Value, WrongShape};
use schemas::{Lane, Owner, Position, Timestamp};

use crate::delivery::{Delivery, read_content};
use crate::following::Bookmark;
use crate::orders::Ordered;
use crate::receipts::{self, Ended};
use crate::receivers::{self, Receivers};

pub use counting::Status;
pub(crate) use fate::{Fate, Settled};
use fate::{SETTLE, SETTLED};

/// How far the letters' reader has come.
pub(crate) const LETTERS: Bookmark = Bookmark("reactors");

/// How long a delivered letter is remembered, ms.
pub(crate) const REMEMBERED_MS: i64 = 7 * 24 * 3_600_000;

/// New deliveries, as they are given to [`INSERT`].
pub(crate) const NEW: [&str; 14] = [
    "id",
    "kind",
    "system_id",
    "order_key",
    "lane",
    "number",
    "url",
    "endpoint",
    "body",
    "owner",
    "status",
    "last_error",
    "created_at",
    "finished_at",
];

/// A delivery that could be sent waits when another with its order key is pending. Writing one twice is harmless.
const INSERT: &str = "insert into delivery (id, kind, system_id, order_key, lane, number, url, endpoint, body, \
    owner, attempt, next_at, status, last_error, created_at, finished_at) \
    select id, kind, system_id, order_key, lane, number, url, endpoint, body, owner, 0, created_at, \
    case when status = 'pending' and exists (select 1 from delivery held where held.order_key = given.order_key \
    and held.status = 'pending') then 'waiting' else status end, last_error, created_at, finished_at \
    from {given} where true on conflict (id) do nothing returning id, status";

const COLUMNS: &str = "id, system_id, url, endpoint, order_key, body, attempt, next_at";

/// The outbox's tables.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    pub(crate) store: Store,
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
    /// Whose history hears what becomes of it; `None` when nobody's does.
    pub owner: Option<Owner>,
}

/// What follows from ended attempts.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    /// Deliveries that waited for a finished one: they can be sent now.
    pub next: Vec<Delivery>,
    /// Ids of deliveries that must not be sent any more: their receivers are gone.
    pub put_aside: Vec<String>,
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
        prepare(&store).await?;
        Ok(Self { store, root })
    }

    /// Writes deliveries, and others anew, carries orders out and moves the cursors, all of it or nothing. The deliveries
    /// that can be sent at once come back; `None` when another reactor has moved a cursor.
    pub async fn add(
        &self,
        before: &[u64],
        after: &[u64],
        (mut new, anew): (Vec<NewDelivery>, &[NewDelivery]),
        orders: &[Ordered],
        now: Timestamp,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let mut transaction = self.store.begin().await?;
        // This also holds the outbox, like `hold` does.
        if !LETTERS.move_on(&mut transaction, before, after).await? {
            return Ok(None);
        }
        let gone = Receivers::gone(&mut transaction).await?;
        for new in new.iter_mut().filter(|new| gone.take(&new.delivery)) {
            let reason = || receivers::GONE.to_owned();
            new.undeliverable.get_or_insert_with(reason);
        }
        self.write_anew(&mut transaction, anew).await?;
        let mut keys = HashSet::new();
        let rows = new.iter().map(|new| {
            let is_first =
                new.undeliverable.is_none() && keys.insert(new.delivery.order_key.as_str());
            self.row(new, is_first, now)
        });
        let given = Given::new(&NEW, rows.collect());
        let ready = transaction.fetch_on(given, INSERT).await?;
        let aside = new.iter().filter(|new| new.undeliverable.is_some());
        let aside: Vec<_> = aside
            .map(|new| Ended::put_aside(&new.delivery.id))
            .collect();
        receipts::write(&mut transaction, &aside, now).await?;
        for ordered in orders {
            ordered.carry_out(&mut transaction, now).await?;
        }
        transaction.commit().await?;
        let ready: HashSet<String> = ready
            .into_iter()
            .filter_map(|row| <[Value; 2]>::try_from(row).ok())
            .filter(|[_, status]| *status == Value::from("pending"))
            .map(|[id, _]| id.try_into())
            .collect::<Result<_, _>>()?;
        let deliveries = new.into_iter().map(|new| new.delivery);
        Ok(Some(
            deliveries
                .filter(|delivery| ready.contains(&delivery.id))
                .collect(),
        ))
    }

    /// Writes one delivery that no event owes.
    pub async fn write(&self, new: &NewDelivery, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction).await?;
        let given = Given::new(&NEW, vec![self.row(new, true, now)]);
        transaction.execute_on(given, INSERT).await?;
        transaction.commit().await
    }

    /// A new delivery in the order of [`NEW`]. The first with its order key may be sent, unless the outbox holds another.
    pub(crate) fn row(&self, new: &NewDelivery, is_first: bool, now: Timestamp) -> Vec<Value> {
        let delivery = &new.delivery;
        let status = match &new.undeliverable {
            Some(_) => "parked",
            None if is_first => "pending",
            None => "waiting",
        };
        vec![
            delivery.id.as_str().into(),
            new.kind.into(),
            delivery.system_id.as_str().into(),
            delivery.order_key.as_str().into(),
            i64::from(new.position.lane.number()).into(),
            (new.position.number as i64).into(),
            delivery.url.as_str().into(),
            delivery.endpoint.as_str().into(),
            self.sealed(delivery).into(),
            new.owner.as_ref().map(ToString::to_string).into(),
            status.into(),
            new.undeliverable.clone().into(),
            now.0.into(),
            new.undeliverable.is_some().then_some(now.0).into(),
        ]
    }

    /// What a delivery says, sealed.
    fn sealed(&self, delivery: &Delivery) -> String {
        let place = place(&delivery.id);
        let sealed = self
            .root
            .seal(&delivery.system_id, &place, &delivery.content());
        BASE64_STANDARD.encode(sealed)
    }

    /// Letters about an owner that were not delivered: their ids, and the events that owe them.
    pub async fn undelivered_about(
        &self,
        owner: &Owner,
    ) -> Result<Vec<(String, Position)>, StoreError> {
        let sql = "select id, lane, number from delivery where owner = $1 and status <> 'delivered' \
                   union all select id, lane, number from delivery where order_key = $2 and status <> 'delivered'";
        let values = vec![
            owner.to_string().into(),
            format!("events_post/{owner}").into(),
        ];
        let rows = self.store.fetch(sql, values).await?;
        let read = |row: Vec<Value>| {
            let [id, lane, number] = <[Value; 3]>::try_from(row).map_err(|_| WrongShape)?;
            let lane = u8::try_from(i64::try_from(lane)?).ok().and_then(Lane::new);
            let position = Position {
                lane: lane.ok_or(WrongShape)?,
                number: i64::try_from(number)? as u64,
            };
            Ok((id.try_into()?, position))
        };
        let read = rows.into_iter().map(read);
        let read: Result<_, WrongShape> = read.collect();
        read.map_err(StoreError::from)
    }

    /// Gives letters that are not delivered yet another body.
    async fn write_anew(
        &self,
        transaction: &mut Transaction,
        anew: &[NewDelivery],
    ) -> Result<(), StoreError> {
        if anew.is_empty() {
            return Ok(());
        }
        let rows = anew.iter().map(|new| {
            let delivery = &new.delivery;
            vec![delivery.id.as_str().into(), self.sealed(delivery).into()]
        });
        let given = Given::new(&["letter", "said"], rows.collect());
        let sql = "update delivery set body = given.said from {given} \
                   where id = given.letter and status <> 'delivered'";
        transaction.execute_on(given, sql).await.map(drop)
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

    /// Writes down how attempts ended, and what follows from that.
    pub async fn settle(
        &self,
        settled: &[Settled],
        now: Timestamp,
    ) -> Result<Settlement, StoreError> {
        let mut transaction = self.store.begin().await?;
        hold(&mut transaction).await?;
        let rows = settled.iter().map(|settled| settled.row(now));
        let given = Given::new(&SETTLED, rows.collect());
        transaction.execute_on(given, SETTLE).await?;
        let gone = settled.iter().filter(|settled| settled.fate == Fate::Gone);
        let gone = gone.map(|settled| &settled.delivery);
        receivers::note_gone(&mut transaction, gone, now).await?;
        let aside = if settled.iter().all(|it| it.fate == Fate::Delivered) {
            Vec::new()
        } else {
            receivers::put_aside(&mut transaction, now).await?
        };
        let ended = settled.iter().filter_map(Settled::ended);
        let ended: Vec<Ended<'_>> = ended
            .chain(aside.iter().map(|(id, _)| Ended::put_aside(id)))
            .collect();
        receipts::write(&mut transaction, &ended, now).await?;
        let is_finished = |settled: &&Settled| !matches!(settled.fate, Fate::Again(_));
        let finished = settled.iter().filter(is_finished);
        let finished = finished.map(|settled| settled.delivery.order_key.as_str());
        let finished: HashSet<_> = finished
            .chain(aside.iter().map(|(_, order_key)| order_key.as_str()))
            .collect();
        let finished = finished
            .into_iter()
            .map(|order_key| vec![order_key.into(), now.0.into()]);
        let given = Given::new(&["finished_key", "now"], finished.collect());
        let sql = format!(
            "update delivery set status = 'pending', next_at = given.now from {{given}} \
             where order_key = given.finished_key and status = 'waiting' \
             and not exists (select 1 from delivery held where held.order_key = given.finished_key \
             and held.status = 'pending') \
             and number = (select min(other.number) from delivery other \
             where other.order_key = given.finished_key and other.status = 'waiting') returning {COLUMNS}"
        );
        let next = transaction.fetch_on(given, &sql).await?;
        transaction.commit().await?;
        Ok(Settlement {
            next: self.opened(next)?,
            put_aside: aside.into_iter().map(|(id, _)| id).collect(),
        })
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

/// Makes the tables that are missing.
pub(crate) async fn prepare(store: &Store) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    Bookmark::prepare(&mut transaction).await?;
    let script = include_str!("../../../migrations/reactors/deliveries.sql");
    transaction.run_script(script).await?;
    transaction.commit().await
}

/// Holds the outbox until the transaction ends. A delivery that is to wait for another must be written either before the
/// other one ends or not at all: otherwise nobody would ever call it.
pub(crate) async fn hold(transaction: &mut Transaction) -> Result<(), StoreError> {
    LETTERS.hold(transaction).await
}

/// The place a body is sealed for.
fn place(id: &str) -> String {
    format!("delivery/{id}")
}
