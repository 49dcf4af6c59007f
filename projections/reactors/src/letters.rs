//! Letters that nobody took, for people: which they are, another round for them, or their end.
//!
//! Beside a running reactor, too: it finds released letters within a minute, and does not hold parked ones in memory. Bodies
//! stay sealed, and of an address only the endpoint is told, since its path may hold a secret of the bank's.

use projections::store::{Durability, Store, StoreError, Value, WrongShape};
use schemas::Timestamp;

use crate::outbox::{hold, prepare};
use crate::receivers;

/// The outbox, as a person looks at it.
#[derive(Debug)]
pub struct Letters {
    store: Store,
}

/// A letter that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedLetter {
    /// What the receiver would have deduplicated by.
    pub id: String,
    /// What it tells of.
    pub kind: String,
    /// The system it is for.
    pub system_id: String,
    /// Scheme, host and port; empty when the address could not be read.
    pub endpoint: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// The status of the last answer; `None` without one.
    pub status: Option<u16>,
    /// Why it was put aside.
    pub reason: String,
}

impl Letters {
    /// Opens an outbox.
    pub async fn open(database_address: &str) -> Result<Self, StoreError> {
        let store = Store::open(database_address, Durability::Lasting).await?;
        prepare(&store).await?;
        Ok(Self { store })
    }

    /// The oldest parked letters, so many at most.
    pub async fn parked(&self, limit: u32) -> Result<Vec<ParkedLetter>, StoreError> {
        let sql = "select id, kind, system_id, endpoint, attempt, created_at, last_status, last_error from delivery \
                   where status = 'parked' order by created_at, id limit $1";
        let rows = self.store.fetch(sql, vec![i64::from(limit).into()]).await?;
        let letters = rows.into_iter().map(letter);
        Ok(letters.collect::<Result<_, _>>()?)
    }

    /// Gives parked letters another round of attempts; all of them, or the one with that id. How many there were.
    pub async fn retry(&self, id: Option<&str>, now: Timestamp) -> Result<u64, StoreError> {
        release(&self.store, id, now).await
    }

    /// Forgets a parked letter for good. `false` when there is none with that id.
    pub async fn forget(&self, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.store.begin().await?;
        let sql = "delete from delivery where status = 'parked' and id = $1";
        let forgotten = transaction.execute(sql, vec![id.into()]).await?;
        transaction.commit().await?;
        Ok(forgotten == 1)
    }
}

/// A released letter waits while another with its order key is to be sent.
pub(crate) async fn release(
    store: &Store,
    id: Option<&str>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut transaction = store.begin().await?;
    hold(&mut transaction).await?;
    let sql = "update delivery set status = 'waiting', attempt = 0, next_at = $1, finished_at = null \
               where status = 'parked' and endpoint <> ''";
    let released = match id {
        None => transaction.execute(sql, vec![now.0.into()]).await?,
        Some(id) => {
            let one = format!("{sql} and id = $2");
            transaction
                .execute(one, vec![now.0.into(), id.into()])
                .await?
        }
    };
    receivers::welcome_back(&mut transaction).await?;
    let first = "update delivery set status = 'pending', next_at = $1 where status = 'waiting' \
                 and not exists (select 1 from delivery held where held.order_key = delivery.order_key \
                 and held.status = 'pending') \
                 and number = (select min(other.number) from delivery other \
                 where other.order_key = delivery.order_key and other.status = 'waiting')";
    transaction.execute(first, vec![now.0.into()]).await?;
    transaction.commit().await?;
    Ok(released)
}

fn letter(row: Vec<Value>) -> Result<ParkedLetter, WrongShape> {
    let row = <[Value; 8]>::try_from(row).map_err(|_| WrongShape)?;
    let [
        id,
        kind,
        system_id,
        endpoint,
        attempts,
        created_at,
        status,
        reason,
    ] = row;
    let status: Option<i64> = status.try_into()?;
    let reason: Option<String> = reason.try_into()?;
    Ok(ParkedLetter {
        id: id.try_into()?,
        kind: kind.try_into()?,
        system_id: system_id.try_into()?,
        endpoint: endpoint.try_into()?,
        attempts: i64::try_from(attempts)? as u32,
        created_at: Timestamp(created_at.try_into()?),
        status: status.map(|status| status as u16),
        reason: reason.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use bus::shell::Clock as _;

    use super::*;
    use crate::bank::{Answer, Bank, Received};
    use crate::schedule::WAITS_MS;
    use crate::world::{World, confirmed};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[tokio::test]
    async fn a_person_sees_why_and_sends_it_again_or_ends_it() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        bank.will_answer([Answer::Status(410)]);
        for (id, url) in [("t-1", bank.url.as_str()), ("t-2", "nowhere")] {
            world.happen(&World::user("one"), confirmed(id, url)).await;
        }
        reactor.deliver_due_now().await?;
        let letters = Letters::open(&world.outbox()).await?;
        let parked = letters.parked(10).await?;
        let told: Vec<_> = parked
            .iter()
            .map(|letter| (letter.attempts, letter.status, letter.reason.as_str()))
            .collect();
        assert_eq!(parked.len(), 2);
        assert!(
            told.contains(&(1, Some(410), "the receiver is gone")),
            "{told:?}"
        );
        assert!(
            told.contains(&(0, None, "the address cannot be read")),
            "{told:?}"
        );
        let find = |wanted: fn(&ParkedLetter) -> bool| parked.iter().find(|letter| wanted(letter));
        let gone = find(|letter| letter.attempts == 1).ok_or("it was tried")?;
        let nowhere = find(|letter| letter.attempts == 0).ok_or("it was not tried")?;
        assert!(bank.url.starts_with(&gone.endpoint), "{}", gone.endpoint);

        assert_eq!(
            letters.retry(Some(&nowhere.id), world.clock.now()).await?,
            0
        );
        assert!(letters.forget(&nowhere.id).await?);
        assert!(!letters.forget(&nowhere.id).await?);
        assert_eq!(letters.retry(Some(&gone.id), world.clock.now()).await?, 1);
        assert!(!letters.forget(&gone.id).await?, "it is on its way");
        assert_eq!(reactor.deliver_due_now().await?, 1);
        assert_eq!(letters.parked(10).await?, []);
        assert_eq!(bank.letters()[0].id(), bank.letters()[1].id());
        Ok(())
    }

    /// Until nobody tries these any more.
    async fn park(world: &World, ids: [&str; 2], bank: &Bank) -> Outcome {
        let reactor = world.reactor().await?;
        bank.answers(400);
        for id in ids {
            let event = confirmed(id, "");
            world
                .happen_posted(&World::user("one"), event, Some(&bank.url))
                .await;
        }
        for wait in [WAITS_MS, WAITS_MS].concat() {
            world.clock.advance_ms(wait * 11 / 10);
            reactor.deliver_due_now().await?;
        }
        bank.answers(200);
        Ok(())
    }

    fn order(letters: &[Received]) -> Vec<serde_json::Value> {
        let letters = letters.iter();
        letters
            .map(|letter| letter.json()["transaction_id"].clone())
            .collect()
    }

    #[tokio::test]
    async fn released_letters_keep_the_order() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        let reactor = world.reactor().await?;
        let (letters, one) = (Letters::open(&world.outbox()).await?, World::user("one"));
        park(&world, ["t-1", "t-2"], &bank).await?;
        bank.will_answer([Answer::Status(500)]);
        world
            .happen_posted(&one, confirmed("t-3", ""), Some(&bank.url))
            .await;
        assert_eq!(reactor.deliver_due_now().await?, 1);
        let before = bank.letters().len();
        assert_eq!(letters.retry(None, world.clock.now()).await?, 2);
        let status = reactor.status().await?;
        assert_eq!(
            (status.pending, status.waiting),
            (1, 2),
            "the third is to be sent"
        );
        assert_eq!(reactor.deliver_due_now().await?, 0);
        world.clock.advance_ms(5_500);
        assert_eq!(reactor.deliver_due_now().await?, 3);
        assert_eq!(order(&bank.letters()[before..]), ["t-3", "t-1", "t-2"]);

        // Without another one under way the first of them goes first.
        park(&world, ["t-4", "t-5"], &bank).await?;
        let before = bank.letters().len();
        assert_eq!(letters.retry(None, world.clock.now()).await?, 2);
        let status = reactor.status().await?;
        assert_eq!((status.pending, status.waiting), (1, 1));
        assert_eq!(reactor.deliver_due_now().await?, 2);
        assert_eq!(order(&bank.letters()[before..]), ["t-4", "t-5"]);
        Ok(())
    }
}
