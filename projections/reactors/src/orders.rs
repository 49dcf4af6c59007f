//! What banks order about their letters. The outbox does it in the transaction that reads the order, so it is done once,
//! whatever happens; only letters of the past take longer, and are written down to be written again.

use projections::store::{StoreError, Transaction};
use schemas::commands::systems::LettersOrder;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::systems::SystemEvent;
use schemas::{Position, SystemId, Timestamp};

use crate::letters::{Which, forget, release};

/// An order, and its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    position: Position,
    system_id: SystemId,
    order: LettersOrder,
}

/// The orders among these events.
pub(crate) fn among(events: &[(Position, RecordedEvent)]) -> Vec<Ordered> {
    let orders = events.iter().filter_map(|(position, event)| {
        let Event::Systems(SystemEvent::LettersOrdered(ordered)) = &event.event else {
            return None;
        };
        Some(Ordered {
            position: *position,
            system_id: event.owner.system_id().clone(),
            order: ordered.order()?,
        })
    });
    orders.collect()
}

impl Ordered {
    /// Does it, as far as that is done at once. A bank has a say about its own letters only.
    pub async fn carry_out(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let of_its_own = |id| Which {
            system: Some(self.system_id.as_str()),
            id,
        };
        match &self.order {
            LettersOrder::Retry { letter_id } => {
                let id = letter_id.as_ref().map(schemas::LetterId::as_str);
                release(transaction, of_its_own(id), now).await.map(drop)
            }
            LettersOrder::Drop { letter_id } => {
                let one = of_its_own(Some(letter_id.as_str()));
                forget(transaction, one, now).await.map(drop)
            }
            LettersOrder::Replay {
                from,
                from_position,
                until,
            } => {
                let place = self.position.to_string();
                let sql = "insert into replay_order (position, system_id, from_at, until_at, ordered_at) \
                           values ($1, $2, $3, $4, $5) on conflict (position) do nothing";
                let values = vec![
                    place.as_str().into(),
                    self.system_id.as_str().into(),
                    from.0.into(),
                    until.0.into(),
                    now.0.into(),
                ];
                transaction.execute(sql, values).await?;
                let Some(event) = from_position else {
                    return Ok(());
                };
                let sql = "insert into replay_order_event (position, from_position) values ($1, $2) \
                           on conflict (position) do nothing";
                let values = vec![place.into(), event.to_string().into()];
                transaction.execute(sql, values).await.map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bus::shell::Clock as _;
    use schemas::events::systems::LettersOrdered;
    use schemas::{Lane, Owner};

    use crate::bank::{Answer, Bank};
    use crate::letters::Letters;
    use crate::world::{BEGINNING, SYSTEM, World, confirmed};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn orders(world: &World, system: &str, order: LettersOrder) -> Outcome {
        let owner = Owner::System(system.parse()?);
        world.happen(&owner, LettersOrdered::from(order)).await;
        Ok(())
    }

    #[tokio::test]
    async fn a_bank_has_its_letters_sent_again_or_ended_and_no_others() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        bank.will_answer([Answer::Status(410), Answer::Status(410)]);
        for (id, user) in [("t-1", "one"), ("t-2", "two")] {
            let url = format!("{}/{id}", bank.url);
            world.happen(&World::user(user), confirmed(id, &url)).await;
        }
        reactor.deliver_due_now().await?;
        let letters = Letters::open(&world.outbox()).await?;
        let parked = letters.parked(10).await?;
        assert_eq!(parked.len(), 2);
        let all = LettersOrder::Retry { letter_id: None };
        let another = "99999999-2222-4333-8444-555555555555";
        orders(&world, another, all.clone()).await?;
        reactor.deliver_due_now().await?;
        assert_eq!(letters.parked(10).await?, parked);

        let letter_id: schemas::LetterId = parked[0].id.parse()?;
        orders(&world, SYSTEM, LettersOrder::Drop { letter_id }).await?;
        reactor.deliver_due_now().await?;
        assert_eq!(letters.parked(10).await?, parked[1..]);
        orders(&world, SYSTEM, all).await?;
        assert_eq!(reactor.deliver_due_now().await?, 1);
        assert_eq!(letters.parked(10).await?, []);
        assert_eq!(bank.letters().pop().unwrap().id(), parked[1].id);
        Ok(())
    }

    #[tokio::test]
    async fn letters_of_the_past_are_written_again_once() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        for id in ["t-1", "t-2"] {
            let event = confirmed(id, &bank.url);
            world.happen(&World::user("one"), event).await;
        }
        assert_eq!(reactor.deliver_due_now().await?, 2);
        let order = LettersOrder::Replay {
            from: BEGINNING,
            from_position: None,
            until: BEGINNING.plus_ms(1),
        };
        orders(&world, SYSTEM, order).await?;
        assert_eq!(reactor.deliver_due_now().await?, 2);
        assert_eq!(reactor.deliver_due_now().await?, 0);
        let ids: Vec<_> = bank.letters().iter().map(|it| it.id().to_owned()).collect();
        assert_eq!(ids[..2], ids[2..]);
        Ok(())
    }

    #[tokio::test]
    async fn letters_after_an_event_are_written_again_once() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        for id in ["t-1", "t-2", "t-3"] {
            let event = confirmed(id, &bank.url);
            world.happen_now(&World::user("one"), event).await;
            assert_eq!(reactor.deliver_due_now().await?, 1);
            world.clock.advance_ms(600_000);
        }
        let lane = Lane::of(&World::user("one"));
        let order = LettersOrder::Replay {
            from: BEGINNING.plus_ms(600_000),
            from_position: Some(Position { lane, number: 2 }),
            until: world.clock.now(),
        };
        orders(&world, SYSTEM, order).await?;
        assert_eq!(reactor.deliver_due_now().await?, 2);
        assert_eq!(reactor.deliver_due_now().await?, 0);
        let ids: Vec<_> = bank.letters().iter().map(|it| it.id().to_owned()).collect();
        assert_eq!(ids[1..3], ids[3..]);
        Ok(())
    }
}
