//! Letters again, from a moment of the past or an event on: for a bank that lost what it had taken.
//!
//! They are written anew from the log, under the identities they had, so a receiver that has one of them already drops it.
//! What was erased since is not in them any more. A letter that is still owed stays as it is.

mod range;

use std::sync::Arc;

use bus::shell::{Clock, RootSecret};
use event_log::EventLog;
use projections::reading::{self, Wanted};
use projections::store::{Durability, Given, Store, StoreError, Value, WrongShape};
use schemas::{Lane, Timestamp};

use crate::letters::release_first;
use crate::outbox::{NEW, NewDelivery, Outbox, hold};
use crate::owing::Owing;
use crate::reactor::ReactorError;

use range::Sieve;
pub use range::{ReplayRange, recorded_at};

/// Events that are read at once.
const EVENTS_AT_ONCE: u64 = 1024;

/// What was delivered or put aside becomes owed again; what is owed stays.
const AGAIN: &str = "insert into delivery (id, kind, system_id, order_key, lane, number, url, endpoint, body, \
    owner, attempt, next_at, status, last_error, created_at, finished_at) \
    select id, kind, system_id, order_key, lane, number, url, endpoint, body, owner, 0, created_at, \
    case when status = 'parked' then status else 'waiting' end, last_error, created_at, finished_at \
    from {given} where true on conflict (id) do update set status = 'waiting', attempt = 0, \
    next_at = excluded.next_at, body = excluded.body, finished_at = null \
    where (delivery.status = 'delivered' or delivery.status = 'parked') and excluded.endpoint <> ''";

/// Writes letters again, beside a running reactor or without one.
#[derive(Debug)]
pub struct Replay {
    log: Arc<dyn EventLog>,
    owing: Owing,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
}

impl Replay {
    /// Opens the outbox.
    pub async fn open(
        log: Arc<dyn EventLog>,
        root: RootSecret,
        clock: Arc<dyn Clock>,
        database_address: &str,
    ) -> Result<Self, StoreError> {
        let store = Store::open(database_address, Durability::Lasting).await?;
        let outbox = Outbox::open(store, root.clone()).await?;
        Ok(Self::into(outbox, log, root, clock))
    }

    /// The same into an outbox that is open.
    pub(crate) fn into(
        outbox: Outbox,
        log: Arc<dyn EventLog>,
        root: RootSecret,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            owing: Owing::new(Arc::clone(&log), root),
            outbox,
            log,
            clock,
        }
    }

    /// Does what banks ordered, the oldest order first. `false` when there was none. An order that is interrupted begins anew:
    /// a letter may then come once more, under the same identity.
    pub(crate) async fn run_next_order(&self) -> Result<bool, ReactorError> {
        let store = &self.outbox.store;
        let sql = "select replay_order.position, system_id, from_at, from_position, until_at from replay_order \
                   left join replay_order_event on replay_order_event.position = replay_order.position \
                   order by ordered_at, replay_order.position limit 1";
        let Some(row) = store.fetch(sql, Vec::new()).await?.pop() else {
            return Ok(false);
        };
        let (position, range) = ordered(row).map_err(StoreError::from)?;
        let letters = self.run(&range, true, |_, _| ()).await?;
        tracing::info!(system.id = %range.system_id, letters, "letters of the past are sent again");
        let mut transaction = store.begin().await?;
        for sql in [
            "delete from replay_order where position = $1",
            "delete from replay_order_event where position = $1",
        ] {
            transaction
                .execute(sql, vec![position.as_str().into()])
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Reads the whole log, and writes the letters of the range when `writes`. How many there are. `progress` hears how many
    /// events were read, and of how many.
    pub async fn run(
        &self,
        range: &ReplayRange,
        writes: bool,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64, ReactorError> {
        let heads = self.log.heads().await?;
        let sieve = Sieve::of(range, &self.outbox, self.clock.now()).await?;
        let total: u64 = heads.iter().sum();
        let (mut read, mut letters) = (0, 0);
        for lane in Lane::all() {
            let head = heads[usize::from(lane.number())];
            let mut after = 0;
            while after < head {
                let wanted = Wanted {
                    lane,
                    after,
                    limit: (head - after).min(EVENTS_AT_ONCE) as usize,
                };
                let slices = reading::read(&*self.log, &[wanted]).await?;
                for slice in slices {
                    if let Some(error) = slice.stopped {
                        return Err(ReactorError::Lane(error));
                    }
                    after += slice.events.len() as u64;
                    read += slice.events.len() as u64;
                    letters += self.take(slice.events, &sieve, writes).await?;
                }
                progress(read, total);
            }
        }
        Ok(letters)
    }

    async fn take(
        &self,
        mut events: Vec<(schemas::Position, schemas::envelope::RecordedEvent)>,
        sieve: &Sieve,
        writes: bool,
    ) -> Result<u64, ReactorError> {
        events.retain(|(position, event)| sieve.takes(*position, event));
        let now = self.clock.now();
        let owed = self.owing.owed(&events, now).await?;
        let letters = owed.len() as u64;
        if writes && !owed.is_empty() {
            self.write(&owed, now).await?;
        }
        Ok(letters)
    }

    async fn write(&self, owed: &[NewDelivery], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.outbox.store.begin().await?;
        hold(&mut transaction).await?;
        let rows = owed.iter().map(|new| self.outbox.row(new, false, now));
        let given = Given::new(&NEW, rows.collect());
        transaction.execute_on(given, AGAIN).await?;
        release_first(&mut transaction, now).await?;
        transaction.commit().await
    }
}

/// Of an order: its place in the log, and what it wants.
fn ordered(row: Vec<Value>) -> Result<(String, ReplayRange), WrongShape> {
    let [position, system_id, from, from_position, until] =
        <[Value; 5]>::try_from(row).map_err(|_| WrongShape)?;
    let from_position: Option<String> = from_position.try_into()?;
    let from_position = from_position.map(|text| text.parse().map_err(|_| WrongShape));
    let range = ReplayRange {
        system_id: String::try_from(system_id)?
            .parse()
            .map_err(|_| WrongShape)?,
        from: Timestamp(from.try_into()?),
        from_position: from_position.transpose()?,
        until: Timestamp(until.try_into()?),
    };
    Ok((position.try_into()?, range))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Answer, Bank};
    use crate::world::{BEGINNING, SYSTEM, World, confirmed};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn replay(world: &World) -> Result<Replay, StoreError> {
        let (log, clock) = (world.log.clone(), world.clock.clone());
        Replay::open(log, world.root.clone(), clock, &world.outbox()).await
    }

    fn everything() -> Result<ReplayRange, Box<dyn std::error::Error>> {
        Ok(ReplayRange {
            system_id: SYSTEM.parse()?,
            from: BEGINNING,
            from_position: None,
            until: BEGINNING.plus_ms(1),
        })
    }

    #[tokio::test]
    async fn letters_that_were_taken_come_again_under_their_identities_and_in_order() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        for id in ["t-1", "t-2", "t-3"] {
            let event = confirmed(id, "");
            world
                .happen_posted(&World::user("one"), event, Some(&bank.url))
                .await;
        }
        assert_eq!(reactor.deliver_due_now().await?, 3);
        let replay = replay(&world).await?;
        let (mut seen, all) = (Vec::new(), everything()?);
        let counted = replay.run(&all, false, |read, of| seen.push((read, of)));
        assert_eq!(counted.await?, 3);
        assert_eq!(seen.last(), Some(&(3, 3)));
        assert_eq!(reactor.deliver_due_now().await?, 0, "it was a question");

        assert_eq!(replay.run(&everything()?, true, |_, _| ()).await?, 3);
        assert_eq!(reactor.deliver_due_now().await?, 3);
        let letters = bank.letters();
        let (first, second) = letters.split_at(3);
        for (first, second) in first.iter().zip(second) {
            assert_eq!((first.id(), &first.bytes), (second.id(), &second.bytes));
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_is_still_owed_keeps_its_place_and_what_is_outside_the_range_rests() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        bank.will_answer([Answer::Status(500)]);
        let event = confirmed("t-1", &bank.url);
        world.happen(&World::user("one"), event).await;
        reactor.deliver_due_now().await?;
        let replay = replay(&world).await?;
        assert_eq!(replay.run(&everything()?, true, |_, _| ()).await?, 1);
        assert_eq!(reactor.deliver_due_now().await?, 0, "it has its time");
        for outside in [
            ReplayRange {
                from: BEGINNING.plus_ms(1),
                until: BEGINNING.plus_ms(2),
                ..everything()?
            },
            ReplayRange {
                until: BEGINNING,
                ..everything()?
            },
            ReplayRange {
                system_id: "99999999-2222-4333-8444-555555555555".parse()?,
                ..everything()?
            },
        ] {
            assert_eq!(replay.run(&outside, true, |_, _| ()).await?, 0);
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_reactor_that_was_born_later_is_told_what_it_never_owed() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let event = confirmed("t-1", &bank.url);
        world.happen(&World::user("one"), event).await;
        let reactor = world.reactor().await?;
        assert_eq!(reactor.deliver_due_now().await?, 0);
        replay(&world)
            .await?
            .run(&everything()?, true, |_, _| ())
            .await?;
        assert_eq!(reactor.deliver_due_now().await?, 1);
        Ok(())
    }
}
