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
