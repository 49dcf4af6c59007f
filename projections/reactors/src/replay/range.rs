//! Which letters of the past: those of a time, or those that follow an event.
//!
//! An event has a place in one of 64 lanes, and there is no order between lanes. A bank that names one, the last that it
//! surely has, means: *give me whatever I may have heard of after that*. So these come, never too few of them:
//!
//! - in the lane of the event: the event itself, since it may be told of by two letters, and all that follow it there;
//! - in the other lanes: all that were recorded at its moment or later, and the minute before, as clocks may be apart;
//! - what was recorded earlier but was taken later, after attempts in vain: the outbox knows for a week when a letter was
//!   taken. Everything since the first such event of a lane comes.
//!
//! For an event that is older than a week the last cannot be known: all comes, then, that was recorded in the four days
//! before it, which is longer than the attempts for a letter go on. What somebody ordered to be sent again later than that
//! is found by an earlier event.

use event_log::{EventLog, Failure};
use projections::store::{StoreError, Value, WrongShape};
use schemas::envelope::RecordedEvent;
use schemas::{Lane, Position, SystemId, Timestamp};

use crate::outbox::{Outbox, REMEMBERED_MS};

/// How far the clocks of processes may be apart, ms.
const CLOCKS_APART_MS: i64 = 60_000;

/// Longer than a letter is on its way when nobody orders anything, ms.
const LONGEST_WAY_MS: i64 = 4 * 24 * 3_600_000;

/// Which letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRange {
    /// The system they are for.
    pub system_id: SystemId,
    /// The first moment whose events count; the moment of the event where one is named.
    pub from: Timestamp,
    /// The event that it begins with.
    pub from_position: Option<Position>,
    /// The first moment whose events do not count any more.
    pub until: Timestamp,
}

/// The range as events are held against it.
#[derive(Clone, Debug)]
pub(super) struct Sieve {
    system_id: SystemId,
    since: Timestamp,
    until: Timestamp,
    /// From these numbers on everything counts, by lane number.
    numbers: Vec<u64>,
    /// The lane in which only the number counts.
    by_number: Option<Lane>,
}

/// When the event at a place was recorded; `None` when none of this system's lies there.
pub async fn recorded_at(
    log: &dyn EventLog,
    system_id: &SystemId,
    position: Position,
) -> Result<Option<Timestamp>, Failure> {
    let Some(after) = position.number.checked_sub(1) else {
        return Ok(None);
    };
    let heads = log.heads().await?;
    if heads[usize::from(position.lane.number())] <= after {
        return Ok(None);
    }
    let found = log.read(position.lane, position.number, 1).await?;
    let found = found
        .first()
        .filter(|event| event.owner.system_id() == system_id);
    Ok(found.map(|event| event.at))
}

impl Sieve {
    pub(super) async fn of(
        range: &ReplayRange,
        outbox: &Outbox,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut sieve = Self {
            system_id: range.system_id.clone(),
            since: range.from,
            until: range.until,
            numbers: vec![u64::MAX; Lane::COUNT.into()],
            by_number: None,
        };
        let Some(Position { lane, number }) = range.from_position else {
            return Ok(sieve);
        };
        let taken_since = range.from.plus_ms(-CLOCKS_APART_MS);
        let is_remembered = taken_since.0 > now.0 - REMEMBERED_MS;
        sieve.by_number = is_remembered.then_some(lane);
        sieve.since = if is_remembered {
            taken_since
        } else {
            range.from.plus_ms(-LONGEST_WAY_MS)
        };
        sieve.until = range.until.plus_ms(CLOCKS_APART_MS);
        let first = first_taken_since(outbox, &range.system_id, taken_since).await?;
        for (lane, number) in first.into_iter().chain([(lane, number)]) {
            let known = &mut sieve.numbers[usize::from(lane.number())];
            *known = number.min(*known);
        }
        Ok(sieve)
    }

    /// Does what tells of this event belong to the range?
    pub(super) fn takes(&self, position: Position, event: &RecordedEvent) -> bool {
        let (lane, at) = (position.lane, event.recorded_at);
        let follows = position.number >= self.numbers[usize::from(lane.number())]
            || (self.by_number != Some(lane) && self.since <= at);
        *event.owner.system_id() == self.system_id && follows && at < self.until
    }
}

/// Of each lane the first event of which a letter was taken at this moment or later.
async fn first_taken_since(
    outbox: &Outbox,
    system_id: &SystemId,
    since: Timestamp,
) -> Result<Vec<(Lane, u64)>, StoreError> {
    // A letter with the number 0 tells of nothing.
    let sql = "select lane, min(number) from delivery where status = 'delivered' and finished_at >= $1 \
               and system_id = $2 and number > 0 group by lane";
    let values = vec![since.0.into(), system_id.as_str().into()];
    let rows = outbox.store.fetch(sql, values).await?;
    let first = rows.into_iter().map(|row| Ok(first_of(row)?));
    first.collect()
}

fn first_of(row: Vec<Value>) -> Result<(Lane, u64), WrongShape> {
    let [lane, number] = <[Value; 2]>::try_from(row).map_err(|_| WrongShape)?;
    let lane = u8::try_from(i64::try_from(lane)?).map_err(|_| WrongShape)?;
    let number = u64::try_from(i64::try_from(number)?).map_err(|_| WrongShape)?;
    Ok((Lane::new(lane).ok_or(WrongShape)?, number))
}

#[cfg(test)]
mod tests {
    use bus::shell::Clock as _;
    use schemas::Owner;

    use super::*;
    use crate::Reactor;
    use crate::bank::{Answer, Bank};
    use crate::replay::Replay;
    use crate::world::{BEGINNING, SYSTEM, World, confirmed};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const HOUR_MS: i64 = 3_600_000;

    /// Users in lanes of their own.
    fn users(count: usize) -> Vec<Owner> {
        let mut users: Vec<Owner> = Vec::new();
        for name in 0..64 {
            let user = World::user(&format!("user-{name}"));
            if users.iter().all(|one| Lane::of(one) != Lane::of(&user)) {
                users.push(user);
            }
        }
        users.truncate(count);
        users
    }

    fn place(user: &Owner, number: u64) -> Position {
        let lane = Lane::of(user);
        Position { lane, number }
    }

    /// Something happens, and the bank is told of it.
    async fn told(world: &World, reactor: &Reactor, bank: &Bank, what: (&Owner, &str)) -> Outcome {
        let event = confirmed(what.1, &bank.url);
        world.happen_now(what.0, event).await;
        reactor.deliver_due_now().await?;
        Ok(())
    }

    /// The transactions whose letters follow an event, in no order.
    async fn following(
        world: &World,
        reactor: &Reactor,
        bank: &Bank,
        position: Position,
    ) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let system_id: SystemId = SYSTEM.parse()?;
        let from = recorded_at(&*world.log, &system_id, position).await?;
        let range = ReplayRange {
            system_id,
            from: from.ok_or("there is such an event")?,
            from_position: Some(position),
            until: world.clock.now(),
        };
        let (log, clock) = (world.log.clone(), world.clock.clone());
        let replay = Replay::open(log, world.root.clone(), clock, &world.outbox()).await?;
        let before = bank.letters().len();
        let letters = replay.run(&range, true, |_, _| ()).await?;
        assert_eq!(reactor.deliver_due_now().await?, letters);
        let mut ids: Vec<_> = bank.letters()[before..]
            .iter()
            .map(|letter| {
                let body: serde_json::Value = serde_json::from_slice(&letter.bytes)?;
                let id = &body["pc_callback"]["transaction_callback"]["transaction_id"];
                Ok(id.as_str().unwrap_or_default().to_owned())
            })
            .collect::<Result<_, serde_json::Error>>()?;
        ids.sort();
        Ok(ids)
    }

    #[tokio::test]
    async fn what_follows_an_event_in_any_lane_comes_and_what_was_taken_before_it_rests() -> Outcome
    {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        let users = users(2);
        for (user, id) in [(0, "before-0"), (1, "before-1")] {
            told(&world, &reactor, &bank, (&users[user], id)).await?;
        }
        world.clock.advance_ms(HOUR_MS);
        for (user, id) in [
            (1, "in-the-same-minute"),
            (0, "last"),
            (0, "next"),
            (1, "late"),
        ] {
            world.clock.advance_ms(1);
            told(&world, &reactor, &bank, (&users[user], id)).await?;
        }
        let expected = ["in-the-same-minute", "last", "late", "next"];
        let found = following(&world, &reactor, &bank, place(&users[0], 2)).await?;
        assert_eq!(found, expected);
        Ok(())
    }

    #[tokio::test]
    async fn in_its_own_lane_the_number_decides() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        let user = &users(1)[0];
        for id in ["one", "two", "three"] {
            told(&world, &reactor, &bank, (user, id)).await?;
            world.clock.advance_ms(2 * CLOCKS_APART_MS);
        }
        let found = following(&world, &reactor, &bank, place(user, 2)).await?;
        assert_eq!(found, ["three", "two"]);
        Ok(())
    }

    #[tokio::test]
    async fn what_was_recorded_before_and_taken_after_comes_too() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        let users = users(3);
        told(&world, &reactor, &bank, (&users[0], "taken-at-once")).await?;
        bank.will_answer([Answer::Status(500)]);
        told(&world, &reactor, &bank, (&users[1], "taken-later")).await?;
        world.clock.advance_ms(HOUR_MS);
        told(&world, &reactor, &bank, (&users[2], "last")).await?;
        assert_eq!(bank.letters().len(), 4, "the second attempt was made");
        let found = following(&world, &reactor, &bank, place(&users[2], 1)).await?;
        assert_eq!(found, ["last", "taken-later"]);
        Ok(())
    }

    #[tokio::test]
    async fn of_an_event_long_ago_comes_what_may_have_been_on_its_way() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        let users = users(2);
        told(&world, &reactor, &bank, (&users[0], "long-before")).await?;
        world.clock.advance_ms(LONGEST_WAY_MS);
        told(&world, &reactor, &bank, (&users[0], "days-before")).await?;
        world.clock.advance_ms(24 * HOUR_MS);
        told(&world, &reactor, &bank, (&users[1], "last")).await?;
        world.clock.advance_ms(REMEMBERED_MS);
        let (outbox, _) = world.outbox_and_sender().await?;
        outbox.forget_delivered(world.clock.now()).await?;
        let found = following(&world, &reactor, &bank, place(&users[1], 1)).await?;
        assert_eq!(found, ["days-before", "last"]);
        Ok(())
    }

    #[tokio::test]
    async fn an_event_that_is_not_there_or_another_s_has_no_moment() -> Outcome {
        let world = World::new();
        let user = World::user("one");
        world.happen_now(&user, confirmed("t-1", "")).await;
        let at = async |system: &str, number| {
            let system = system.parse().expect("an id");
            recorded_at(&*world.log, &system, place(&user, number)).await
        };
        assert_eq!(at(SYSTEM, 1).await?, Some(BEGINNING));
        for (system, number) in [
            (SYSTEM, 0),
            (SYSTEM, 2),
            ("99999999-2222-4333-8444-555555555555", 1),
        ] {
            assert_eq!(at(system, number).await?, None, "{system} {number}");
        }
        Ok(())
    }
}
