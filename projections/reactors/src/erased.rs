//! A letter that is not delivered yet tells no more than what is kept: after an erasure it is written anew, from the log and
//! what is left in the vault.

use std::collections::{BTreeMap, BTreeSet};

use event_log::EventLog;
use projections::reading::{self, Wanted};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::journal::JournalEvent;
use schemas::events::users::UserEvent;
use schemas::{Owner, Position, Timestamp};

use crate::outbox::{NewDelivery, Outbox};
use crate::owing::Owing;
use crate::reactor::ReactorError;

/// Whose part of the vault has lost something by these events that a letter may tell.
fn owners(events: &[(Position, RecordedEvent)]) -> BTreeSet<&Owner> {
    let erasing = events.iter().filter(|(_, event)| {
        matches!(
            event.event,
            Event::Users(UserEvent::Deleted(_)) | Event::Journal(JournalEvent::Cleaned(_))
        )
    });
    erasing.map(|(_, event)| &event.owner).collect()
}

/// The letters that must be written anew because of these events, as they are now.
pub(crate) async fn written_anew(
    events: &[(Position, RecordedEvent)],
    log: &dyn EventLog,
    owing: &Owing,
    outbox: &Outbox,
    now: Timestamp,
) -> Result<Vec<NewDelivery>, ReactorError> {
    let mut anew = Vec::new();
    for owner in owners(events) {
        let mut letters: BTreeMap<Position, BTreeSet<String>> = BTreeMap::new();
        for (id, position) in outbox.undelivered_about(owner).await? {
            letters.entry(position).or_default().insert(id);
        }
        for (position, ids) in letters {
            let event = event_at(log, position).await?;
            let owed = owing.owed(&[(position, event)], now).await?;
            anew.extend(
                owed.into_iter()
                    .filter(|new| ids.contains(&new.delivery.id)),
            );
        }
    }
    Ok(anew)
}

/// An event that cannot be read must not leave a letter as it is, so that is an error.
async fn event_at(log: &dyn EventLog, position: Position) -> Result<RecordedEvent, ReactorError> {
    let Position { lane, number } = position;
    let wanted = Wanted {
        lane,
        after: number.saturating_sub(1),
        limit: 1,
    };
    let found = reading::read(log, &[wanted]).await?.pop();
    let mut slice = found.expect("one piece was asked for");
    match (slice.events.pop(), slice.stopped) {
        (Some((_, event)), _) => Ok(event),
        (None, Some(stopped)) => Err(ReactorError::Lane(stopped)),
        (None, None) => unreachable!("a piece that is read whole has its events"),
    }
}

#[cfg(test)]
mod tests {
    use schemas::events::journal::EventsCleaned;
    use schemas::events::transactions::TransactionDeclined;
    use schemas::events::users::UserDeleted;
    use schemas::reasons::{KeptReason, Reasons};
    use schemas::vault::VaultName;
    use schemas::{CommandId, Secret, TransactionId};
    use serde_json::{Value, json};

    use crate::bank::{Answer, Bank, Received};
    use crate::world::{World, confirmed};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// A declination whose callback and whose record nobody took; what is in the vault about it.
    async fn put_aside(
        world: &World,
        bank: &Bank,
        owner: &Owner,
    ) -> Result<[VaultName; 2], Box<dyn std::error::Error>> {
        let id: TransactionId = "t-1".parse()?;
        let reason = KeptReason {
            salt: vec![1; 32],
            words: Secret::new("not me"),
        };
        let declined = TransactionDeclined {
            reason: None,
            reason_digest: Some(reason.digest(owner, Some(&id))),
            transaction_id: id,
            code: Some(7),
            callback_url: Some(bank.url.clone()),
            operation: None,
        };
        let cause = CommandId::from_key(&owner.to_string(), "test", "1");
        let kept = VaultName::reasons(&cause);
        // Told to nobody; it is not the first of its lane that is written anew.
        world.happen(owner, confirmed("t-0", "")).await;
        world
            .keep(owner, kept.clone(), &Reasons(vec![reason]))
            .await;
        bank.will_answer([Answer::Status(410), Answer::Status(410)]);
        let post = format!("{}/posts", bank.url);
        world.happen_posted(owner, declined, Some(&post)).await;
        let reactor = world.reactor().await?;
        // The reactor was born after it.
        reactor.deliver_due_now().await?;
        Ok([kept, VaultName::request(&cause)])
    }

    /// What the bank heard last: the declination, and the record.
    fn told(bank: &Bank) -> (Value, Value) {
        let letters = bank.letters();
        let mut bodies = letters.iter().rev().map(Received::json);
        let (mut declination, mut record) = (Value::Null, Value::Null);
        for body in bodies.by_ref().take(2) {
            let callback = &body["pc_callback"]["transaction_callback"];
            if callback.is_object() {
                declination = callback["declination"].clone();
            } else {
                record = body;
            }
        }
        (declination, record)
    }

    #[tokio::test]
    async fn a_letter_that_was_put_aside_tells_no_more_what_was_erased() -> Outcome {
        for erasing in [
            Event::from(UserDeleted {}),
            Event::from(EventsCleaned {
                event_ids: Vec::new(),
            }),
        ] {
            let (world, bank) = (World::new(), Bank::open().await);
            let owner = World::user("one");
            // The reactor's birth.
            world.reactor().await?;
            let names = put_aside(&world, &bank, &owner).await?;
            let (declination, record) = told(&bank);
            assert_eq!(declination, json!({ "reason": "not me", "code": 7 }));
            assert_eq!(record["device_info"]["osName"], "iOS");
            let before = bank.letters().len();

            world.log.erase(&owner, &names).await?;
            world.happen(&owner, erasing).await;
            let reactor = world.reactor().await?;
            reactor.deliver_due_now().await?;
            assert_eq!(bank.letters().len(), before, "they wait for a person");
            assert_eq!(world.release(None).await?, 2);
            assert_eq!(reactor.deliver_due_now().await?, 2);
            let (declination, record) = told(&bank);
            assert_eq!(declination, json!({ "code": 7 }));
            assert_eq!(record["request_type"], "decline_transaction");
            assert_eq!(record.get("device_info"), None);
        }
        Ok(())
    }

    #[tokio::test]
    async fn letters_about_others_and_letters_that_were_taken_stay_as_they_are() -> Outcome {
        let (world, bank) = (World::new(), Bank::open().await);
        world.reactor().await?;
        let owner = World::user("one");
        put_aside(&world, &bank, &owner).await?;
        world.happen(&World::user("two"), UserDeleted {}).await;
        let reactor = world.reactor().await?;
        reactor.deliver_due_now().await?;
        world.release(None).await?;
        reactor.deliver_due_now().await?;
        assert_eq!(told(&bank).0, json!({ "reason": "not me", "code": 7 }));
        let taken = bank.letters().len();
        world.happen(&owner, UserDeleted {}).await;
        reactor.deliver_due_now().await?;
        assert_eq!(bank.letters().len(), taken);
        Ok(())
    }
}
