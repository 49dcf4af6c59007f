//! Letters, in the hands of the bank that they are for.

use axum::http::StatusCode;
use countersign::bank::{Bank, Reply};
use device::Declination;
use reqwest::Method;
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};
use tests::postgres::TestPostgres;

async fn order(bank: &Bank, word: &str, body: Value) -> Reply {
    let path = format!("/{SYSTEM_ID}/letters/{word}");
    let ordered = bank.call(Method::POST, &path, None, Some(body)).await;
    ordered.unwrap()
}

/// Ids and reasons of what was put aside.
async fn put_aside(bank: &Bank) -> Vec<(String, String)> {
    let told = bank.get("/letters").await.unwrap().success().unwrap();
    let letters = told["letters"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    letters
        .map(|letter| (text(&letter["letter_id"]), text(&letter["reason"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_sees_what_was_put_aside_and_says_what_becomes_of_it() {
    Box::pin(a_bank_is_told_and_orders(Plan::new(LogChoice::Sqlite))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_same_on_postgresql() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let plan = Plan::new(LogChoice::Memory).with_outbox(postgres.database());
    Box::pin(a_bank_is_told_and_orders(plan)).await;
}

async fn a_bank_is_told_and_orders(plan: Plan) {
    let house = TestHouse::start(plan).await;
    let (bank, receiver, _) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    // The registration of the phone's key.
    crate::until(async || receiver.received().len() == 1).await;
    receiver.refuse_next_with(1, StatusCode::GONE);
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    for count in 1..=3 {
        let id = house.ask(&bank, &phone, "a payment").await;
        phone.decline(&id, &why, house.now()).await.unwrap();
        crate::until(async || put_aside(&bank).await.len() == count).await;
    }
    let aside = put_aside(&bank).await;
    assert!(aside.iter().all(|(_, why)| why == "the receiver is gone"));
    let how = bank.get("/letters/receivers").await.unwrap();
    assert_eq!(how.substance["endpoints"][0]["put_aside"], 3);
    assert_eq!(how.substance["gone"].as_array().unwrap().len(), 1);
    let first = bank.get("/letters?limit=2").await.unwrap();
    let next = first.substance["next"].as_str().unwrap();
    let rest = bank.get(&format!("/letters?limit=2&after={next}")).await;
    let rest = rest.unwrap().substance["letters"].clone();
    assert_eq!(rest.as_array().unwrap().len(), 1);
    assert_eq!(rest[0]["letter_id"], aside[2].0.as_str());

    // One is never sent, and the others are at once: nobody has to wait for the next look around.
    let dropped = order(&bank, "drop", json!({ "letter_id": aside[0].0 })).await;
    assert_eq!(dropped.error_code, 0);
    crate::until(async || put_aside(&bank).await == aside[1..]).await;
    let again = order(&bank, "drop", json!({ "letter_id": aside[0].0 })).await;
    assert_eq!((again.status, again.error_code), (404, 236));
    let retried = order(&bank, "retry", json!({})).await;
    assert_eq!(retried.substance["letters"], 2);
    crate::until(async || receiver.received().len() == 3).await;
    assert_eq!(put_aside(&bank).await, []);

    crate::until(async || {
        let how = bank.get("/letters/receivers").await.unwrap();
        how.substance["endpoints"][0]["owed"] == 0
    })
    .await;
    // What the bank lost comes again: the registration, and the outcomes, the dropped one among them.
    let replayed = order(&bank, "replay", json!({ "from": 0 })).await;
    assert_eq!(replayed.error_code, 0);
    house.advance_ms(1);
    let replayed = order(&bank, "replay", json!({ "from": 0 })).await;
    assert_eq!(replayed.error_code, 0);
    crate::until(async || receiver.received().len() >= 3 + 4).await;
    let mut ids: Vec<_> = receiver
        .received()
        .into_iter()
        .map(|it| it.webhook_id)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);

    let looked = |word: &'static str| {
        let bank = &bank;
        async move {
            let query = format!("request_type={word}");
            let events = bank.events(&query, None).await.unwrap();
            events.substance["events"].as_array().unwrap().clone()
        }
    };
    crate::until(async || looked("letters_ordered").await.len() == 4).await;
    let ordered = looked("letters_ordered").await;
    let words = ordered
        .iter()
        .map(|event| event["event_data"]["order"].clone());
    let expected = ["drop", "retry", "replay", "replay"];
    assert_eq!(words.collect::<Vec<_>>(), expected);
    assert!(looked("get_letters").await.len() > 3);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_has_sent_again_what_follows_an_event() {
    Box::pin(what_follows_an_event_comes_again(Plan::new(
        LogChoice::Sqlite,
    )))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_an_event_is_the_same_on_postgresql() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let plan = Plan::new(LogChoice::Memory).with_outbox(postgres.database());
    Box::pin(what_follows_an_event_comes_again(plan)).await;
}

async fn what_follows_an_event_comes_again(plan: Plan) {
    const HOUR_MS: i64 = 3_600_000;
    let house = TestHouse::start(plan).await;
    let (bank, receiver, _) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.as_str();
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    let all_taken = async || {
        let how = bank.get("/letters/receivers").await.unwrap();
        how.substance["endpoints"][0]["owed"] == 0
    };
    // The registration of the phone's key, and two outcomes, hours apart.
    crate::until(async || receiver.received().len() == 1 && all_taken().await).await;
    let mut positions = Vec::new();
    for count in 2..=3 {
        house.advance_ms(HOUR_MS);
        let body = json!({ "transaction_data": { "text": "a payment" } });
        let created = bank.create_transaction(user_id, body, None).await.unwrap();
        positions.push(created.position.clone().unwrap());
        let created = created.success().unwrap();
        let id = created["transaction_id"].as_str().unwrap().parse().unwrap();
        phone.decline(&id, &why, house.now()).await.unwrap();
        crate::until(async || receiver.received().len() == count && all_taken().await).await;
    }
    let ids = || -> Vec<String> {
        let received = receiver.received().into_iter();
        received.map(|letter| letter.webhook_id).collect()
    };
    let first = ids();

    // The bank has what an answer named, and asks for the rest.
    house.advance_ms(HOUR_MS);
    let body = json!({ "from_position": positions[1] });
    let replayed = order(&bank, "replay", body).await;
    assert_eq!(replayed.error_code, 0);
    assert_eq!(replayed.substance["from_position"], positions[1].as_str());
    crate::until(async || receiver.received().len() == 4 && all_taken().await).await;
    assert_eq!(ids()[3..], first[2..]);

    // It has the letter before, by the number that the letter names; and its outcome may be in another lane than what follows.
    let told = receiver.received()[1].json();
    let event_id = &told["pc_callback"]["transaction_callback"]["event"]["event_id"];
    assert!(event_id.is_i64(), "{told}");
    house.advance_ms(HOUR_MS);
    let replayed = order(&bank, "replay", json!({ "from_position": event_id })).await;
    assert_eq!(replayed.error_code, 0);
    crate::until(async || receiver.received().len() == 6 && all_taken().await).await;
    let (mut again, mut expected) = (ids()[4..].to_vec(), first[1..].to_vec());
    again.sort();
    expected.sort();
    assert_eq!(again, expected);

    // Places of nothing, and of another bank.
    let other = house
        .bank_named("22222222-2222-4333-8444-555555555555")
        .await;
    let elsewhere = other.get("/letters").await.unwrap().position.unwrap();
    for (place, status, code) in [
        (json!(elsewhere), 404, 236),
        (json!("0-1000000"), 404, 236),
        (json!("64-1"), 400, 283),
        (json!(7), 400, 283),
    ] {
        let refused = order(&bank, "replay", json!({ "from_position": place })).await;
        assert_eq!(
            (refused.status, refused.error_code),
            (status, code),
            "{place}"
        );
    }
    let both = json!({ "from": 0, "from_position": positions[0] });
    for body in [both, json!({})] {
        assert_eq!(order(&bank, "replay", body).await.error_code, 283);
    }
    let query = "request_type=letters_ordered";
    let ordered = async || {
        let events = bank.events(query, None).await.unwrap();
        events.substance["events"].as_array().unwrap().clone()
    };
    crate::until(async || ordered().await.len() == 2).await;
    let expected: schemas::Position = positions[1].parse().unwrap();
    let told = &ordered().await[0]["event_data"]["from_position"];
    assert_eq!(*told, json!(expected));
    house.end().await;
}
