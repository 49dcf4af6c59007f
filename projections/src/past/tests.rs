use event_log::past;
use schemas::AsOf;
use schemas::journal::JournalFilter;

use super::*;
use crate::read::Page;
use crate::sample::{History, SYSTEM, confirmed_transaction, created_transaction, created_user};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const PAGE: Page = Page {
    offset: 0,
    limit: 100,
};

fn filter() -> Result<JournalFilter, Box<dyn std::error::Error>> {
    Ok(JournalFilter {
        system_id: SYSTEM.parse()?,
        user_id: Some("sample-1".parse()?),
        transaction_id: None,
        request_type: None,
        request_result: None,
        after: None,
        from: None,
        to: None,
        offset: 0,
        limit: 100,
    })
}

#[tokio::test]
async fn the_past_is_what_was_shown_then() -> Outcome {
    let mut history = History::new();
    let (owner, other) = (History::user("sample-1"), History::user("sample-2"));
    let (system_id, user_id) = (SYSTEM.parse()?, "sample-1".parse()?);
    let mut then = Vec::new();
    for event in [
        created_user(),
        created_transaction("t"),
        confirmed_transaction("t"),
    ] {
        then.push(history.happen(&owner, vec![event]).await);
        history.live(&other, 1).await;
    }
    let mut seen = Vec::new();
    for position in &then {
        let found = past::find(&*history.log, AsOf::Event(*position)).await?;
        let found = found.ok_or("an event")?;
        let past = Past::of_user(history.log.clone(), &system_id, &user_id, &found).await?;
        let models = past.read_models();
        let transactions = models.transactions(&system_id, &user_id, PAGE).await?;
        let statuses = transactions.into_iter().filter_map(|row| row.status);
        let journal = past.journal(history.root.clone()).page(&filter()?).await?;
        assert_eq!(models.users(&system_id, PAGE).await?.len(), 1);
        assert!(
            journal
                .iter()
                .all(|record| record.requester_ip_address.is_some())
        );
        seen.push((statuses.collect::<Vec<_>>().join(" "), journal.len()));
    }
    let expected = [("", 1), ("initialized", 2), ("confirmed", 3)];
    assert_eq!(
        seen,
        expected.map(|(statuses, records)| (statuses.to_owned(), records))
    );
    Ok(())
}

/// The journal of the user as it was after this event.
async fn records(
    history: &History,
    position: Position,
) -> Result<Vec<crate::JournalRecord>, Box<dyn std::error::Error>> {
    let then = past::find(&*history.log, AsOf::Event(position)).await?;
    let then = then.ok_or("an event")?;
    let (system_id, user_id) = (SYSTEM.parse()?, "sample-1".parse()?);
    let past = Past::of_user(history.log.clone(), &system_id, &user_id, &then).await?;
    Ok(past.journal(history.root.clone()).page(&filter()?).await?)
}

#[tokio::test]
async fn what_was_erased_since_is_erased_in_the_past_and_said_to_be() -> Outcome {
    let mut history = History::new();
    let owner = History::user("sample-1");
    let position = history.live(&owner, 1).await;
    let before = records(&history, position).await?;
    let erased = &before[1];
    assert_eq!(erased.updated_at, erased.created_at);
    let event = schemas::events::journal::EventsCleaned {
        event_ids: vec![erased.event_id],
    };
    let cause = history.log.load(&owner, 0).await?;
    let cause = codec::decode(&cause[1].payload)?.causation_id;
    let event = Event::Journal(JournalEvent::Cleaned(event));
    history.happen(&owner, vec![event]).await;
    let name = schemas::vault::VaultName::request(&cause);
    history.log.erase(&owner, &[name]).await?;
    let after = records(&history, position).await?;
    assert_eq!(after.len(), before.len(), "the erasure itself came later");
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!(after[1].requester_ip_address, None);
    assert!(after[1].updated_at > after[1].created_at);
    Ok(())
}
