use bus::shell::Clock as _;

use super::*;
use crate::bank::{Answer, Bank, Received};
use crate::schedule::WAITS_MS;
use crate::world::{BEGINNING, SYSTEM, World, confirmed};

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
    assert!(letters.forget(&nowhere.id, world.clock.now()).await?);
    assert!(!letters.forget(&nowhere.id, world.clock.now()).await?);
    assert_eq!(letters.retry(Some(&gone.id), world.clock.now()).await?, 1);
    assert!(
        !letters.forget(&gone.id, world.clock.now()).await?,
        "it is on its way"
    );
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

#[tokio::test]
async fn a_person_sees_how_every_endpoint_is() -> Outcome {
    let (world, well, ill) = (World::new(), Bank::open().await, Bank::open().await);
    let reactor = world.reactor().await?;
    ill.answers(503);
    for (number, bank) in [&well, &well, &ill].into_iter().enumerate() {
        let id = format!("t-{number}");
        let event = confirmed(&id, &bank.url);
        world.happen(&World::user(&id), event).await;
    }
    reactor.deliver_due_now().await?;
    let letters = Letters::open(&world.outbox()).await?;
    let endpoints = letters.endpoints(None).await?;
    let of = |bank: &Bank| {
        let found = endpoints
            .iter()
            .find(|it| bank.url.starts_with(&it.endpoint));
        found.cloned().ok_or("the endpoint is known")
    };
    let (well, ill) = (of(&well)?, of(&ill)?);
    assert_eq!((well.owed, well.parked, well.delivered), (0, 0, 2));
    assert_eq!((well.oldest, well.trouble), (None, None));
    assert_eq!(well.last_taken, Some(world.clock.now()));
    assert_eq!((ill.owed, ill.delivered, ill.last_taken), (1, 0, None));
    assert_eq!(ill.oldest, Some(world.clock.now()));
    assert_eq!(ill.trouble.as_deref(), Some("refused"));
    assert_eq!(letters.gone(None).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_trial_is_signed_tried_once_and_forgotten() -> Outcome {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    let letters = Letters::open(&world.outbox()).await?;
    let system_id = SYSTEM.parse()?;
    let begin = async || {
        let now = world.clock.now();
        letters
            .begin_trial(&world.root, &system_id, &bank.url, now)
            .await
    };
    let id = begin().await?;
    assert_eq!(letters.end_trial(&id).await?, Trial::Waiting);
    reactor.deliver_due_now().await?;
    assert_eq!(letters.end_trial(&id).await?, Trial::Taken(200));
    let told = &bank.letters()[0];
    assert_eq!(told.json()["pc_callback"]["type"], "trial");
    assert!(!told.header("webhook-signature").is_empty());

    bank.answers(503);
    world.clock.advance_ms(1);
    let id = begin().await?;
    reactor.deliver_due_now().await?;
    let refused = Trial::Refused(Some(503), "refused".to_owned());
    assert_eq!(letters.end_trial(&id).await?, refused);
    world.clock.advance_ms(10_000);
    assert_eq!(reactor.deliver_due_now().await?, 0, "it is forgotten");

    let nowhere = letters
        .begin_trial(&world.root, &system_id, "nowhere", BEGINNING)
        .await;
    assert!(matches!(nowhere, Err(TrialError::Address(_))));
    Ok(())
}
