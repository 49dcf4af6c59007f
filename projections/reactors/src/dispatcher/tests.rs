//! A day with a receiver that is not there, and what is left of it afterwards.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::bank::{Answer, Bank, Received};
use crate::world::{World, confirmed};

const MINUTE_MS: i64 = 60_000;

/// Lets everything that is due go out, as a running reactor would at this moment.
async fn go_out(dispatcher: &mut Dispatcher) -> Result<(), StoreError> {
    loop {
        dispatcher.go_on().await?;
        if dispatcher.next_result().await.is_none() {
            return Ok(());
        }
        dispatcher.write_results().await?;
    }
}

async fn dispatcher(world: &World) -> Result<Dispatcher, Box<dyn std::error::Error>> {
    let (outbox, sender) = world.outbox_and_sender().await?;
    Ok(Dispatcher::begin(outbox, Arc::new(sender), world.clock.clone()).await?)
}

/// So many outcomes that a bank is told of, of one user each.
async fn happen(world: &World, count: usize, bank: &Bank) {
    for number in 0..count {
        let id = format!("t-{number}");
        let outcome = confirmed(&id, &bank.url);
        world.happen(&World::user(&id), outcome).await;
    }
}

/// Effects at the receiver: the first letter of every identity that it took, in the order in which it took them.
fn effects(letters: &[Received]) -> Vec<&Received> {
    let mut known = HashSet::new();
    let taken = letters.iter().filter(|letter| letter.answered == 200);
    taken.filter(|letter| known.insert(letter.id())).collect()
}

#[tokio::test]
async fn after_a_day_without_its_receiver_every_letter_takes_effect_once_and_in_order()
-> Result<(), Box<dyn std::error::Error>> {
    const USERS: usize = 12;
    const LETTERS: usize = 5;
    let (world, dead, alive) = (World::new(), Bank::open().await, Bank::open().await);
    let reactor = world.reactor().await?;
    let mut dispatcher = dispatcher(&world).await?;
    for minute in 0..24 * 60 {
        // It fails in every way it can, an hour each.
        dead.answers([503, 500, 301, 429, 404][minute / 60 % 5]);
        if minute % 12 == 0 && minute / 12 < USERS * LETTERS {
            let (user, letter) = (minute / 12 % USERS, minute / 12 / USERS);
            for (bank, kind) in [(&dead, "dead"), (&alive, "alive")] {
                let owner = World::user(&format!("{kind}-{user}"));
                let id = format!("t-{letter}");
                world
                    .happen_posted(&owner, confirmed(&id, ""), Some(&bank.url))
                    .await;
            }
            dispatcher.admit(world.take_in().await?);
        }
        go_out(&mut dispatcher).await?;
        world.clock.advance_ms(MINUTE_MS);
    }
    let everything = USERS * LETTERS;
    assert_eq!(
        effects(&alive.letters()).len(),
        everything,
        "nobody else waited"
    );
    assert!(effects(&dead.letters()).is_empty());
    // Far fewer than one for every letter and minute.
    assert!(dead.letters().len() <= 24 * 60 + everything * 10);

    dead.answers(200);
    for _ in 0..52 * 60 {
        go_out(&mut dispatcher).await?;
        world.clock.advance_ms(MINUTE_MS);
    }
    let status = reactor.status().await?;
    assert_eq!((status.pending, status.waiting, status.parked), (0, 0, 0));
    let letters = dead.letters();
    let mut order: HashMap<String, Vec<String>> = HashMap::new();
    for letter in effects(&letters) {
        let json = letter.json();
        let user = json["user_id"].to_string();
        order
            .entry(user)
            .or_default()
            .push(json["transaction_id"].to_string());
    }
    let expected: Vec<String> = (0..LETTERS)
        .map(|letter| format!("\"t-{letter}\""))
        .collect();
    assert_eq!(order.len(), USERS);
    assert!(order.values().all(|order| *order == expected), "{order:?}");
    let mut bodies: HashMap<&str, &[u8]> = HashMap::new();
    for letter in &letters {
        let known = bodies.entry(letter.id()).or_insert(&letter.bytes);
        assert_eq!(*known, letter.bytes, "one identity, one body");
    }
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_fails_and_fails_is_asked_now_and_then()
-> Result<(), Box<dyn std::error::Error>> {
    let (world, bank) = (World::new(), Bank::open().await);
    let _reactor = world.reactor().await?;
    let mut dispatcher = dispatcher(&world).await?;
    bank.answers(503);
    happen(&world, 200, &bank).await;
    dispatcher.admit(world.take_in().await?);
    go_out(&mut dispatcher).await?;
    assert!(
        bank.letters().len() <= IN_FLIGHT_MAX,
        "the rest keep their attempts"
    );
    let asked = bank.letters().len();
    world.clock.advance_ms(4_999);
    go_out(&mut dispatcher).await?;
    assert_eq!(bank.letters().len(), asked);
    world.clock.advance_ms(1);
    go_out(&mut dispatcher).await?;
    assert_eq!(bank.letters().len(), asked + 1);
    bank.answers(200);
    world.clock.advance_ms(10_000);
    go_out(&mut dispatcher).await?;
    let taken = effects(&bank.letters()).len();
    assert!(
        taken >= 200 - asked - 1,
        "{taken}: all that still were untried"
    );
    Ok(())
}

#[tokio::test]
async fn a_letter_refused_for_what_it_says_holds_up_no_other()
-> Result<(), Box<dyn std::error::Error>> {
    let (world, bank) = (World::new(), Bank::open().await);
    let _reactor = world.reactor().await?;
    let mut dispatcher = dispatcher(&world).await?;
    bank.will_answer((0..60).map(|_| Answer::Status(400)));
    happen(&world, 200, &bank).await;
    dispatcher.admit(world.take_in().await?);
    go_out(&mut dispatcher).await?;
    assert_eq!(bank.letters().len(), 200);
    Ok(())
}

#[tokio::test]
async fn nothing_more_goes_to_a_receiver_that_is_gone_until_a_person_says_so()
-> Result<(), Box<dyn std::error::Error>> {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    let mut dispatcher = dispatcher(&world).await?;
    let one = World::user("one");
    let (gone, other) = (format!("{}?id=1", bank.url), format!("{}s?id=1", bank.url));
    // The first of these is asked; the others wait for it, and the last goes somewhere else.
    for (id, url) in [("t-1", &gone), ("t-2", &gone), ("t-3", &other)] {
        world
            .happen_posted(&one, confirmed(id, ""), Some(url))
            .await;
    }
    bank.will_answer([Answer::Status(410)]);
    dispatcher.admit(world.take_in().await?);
    go_out(&mut dispatcher).await?;
    let status = reactor.status().await?;
    assert_eq!((status.parked, status.delivered), (2, 1));
    // Another transaction behind the same path, and one event later.
    let elsewhere = format!("{}?id=2", bank.url);
    world
        .happen(&World::user("two"), confirmed("t-4", &elsewhere))
        .await;
    assert!(world.take_in().await?.is_empty());
    assert_eq!(reactor.status().await?.parked, 3);
    assert_eq!(bank.letters().len(), 2);

    world.release(None).await?;
    world
        .happen(&World::user("two"), confirmed("t-5", &elsewhere))
        .await;
    dispatcher.admit(world.take_in().await?);
    dispatcher.look_around().await?;
    go_out(&mut dispatcher).await?;
    let status = reactor.status().await?;
    assert_eq!((status.parked, status.delivered), (0, 5));
    Ok(())
}

#[tokio::test]
async fn what_is_on_its_way_while_its_receiver_goes_is_put_aside_when_it_comes_back()
-> Result<(), Box<dyn std::error::Error>> {
    let (world, bank) = (World::new(), Bank::open().await);
    let reactor = world.reactor().await?;
    let mut dispatcher = dispatcher(&world).await?;
    happen(&world, 100, &bank).await;
    bank.answers(500);
    bank.will_answer([Answer::Status(410)]);
    dispatcher.admit(world.take_in().await?);
    go_out(&mut dispatcher).await?;
    let status = reactor.status().await?;
    assert_eq!((status.parked, status.pending), (100, 0));
    assert!(bank.letters().len() <= IN_FLIGHT_MAX);
    Ok(())
}
