//! Settings of the server, changed while it serves: in force on every node, kept over a restart, and told to nobody but
//! whoever administers.

use std::time::Duration;

use countersign::bank::{Bank, Reply};
use reqwest::Method;
use schemas::{Lane, Owner, Position};
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, TestHouse};

/// What "within a second" may take under the tests.
const PATIENCE: Duration = Duration::from_secs(20);

async fn set(bank: &Bank, values: Value) -> Reply {
    let path = "/server_settings";
    bank.call(Method::POST, path, None, Some(values))
        .await
        .unwrap()
}

async fn shown(bank: &Bank) -> Value {
    let answer = bank.call(Method::GET, "/server_settings", None, None).await;
    answer.unwrap().success().unwrap()
}

/// The deadline of a new transaction, as the bank hears it.
async fn deadline(house: &TestHouse, bank: &Bank) -> Value {
    let phone = house.phone(bank).await;
    let id = house.ask(bank, &phone, "how long?").await;
    let user_id = phone.key().info().user_id.clone();
    let info = bank.transaction_info(user_id.as_str(), id.as_str()).await;
    info.unwrap().success().unwrap()["expires_at"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_setting_is_in_force_on_both_nodes_at_once() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let (half, other): (Vec<Lane>, Vec<Lane>) = Lane::all().partition(|lane| lane.number() < 32);
    let node = house
        .start_another_node(half.iter().copied().collect())
        .await;
    let there = Bank::new(
        &format!("{}/pc-api", node.origin()),
        bank.system_id(),
        PATIENCE,
    )
    .unwrap();
    assert_eq!(deadline(&house, &bank).await, Value::Null);

    // Changed at one door; the users below are spread over the lanes of both runners.
    let changed = set(&there, json!({ "DEFAULT_TRANSACTION_TTL": "600" })).await;
    let position: Position = changed.position.clone().unwrap().parse().unwrap();
    assert_eq!(changed.success().unwrap()["DEFAULT_TRANSACTION_TTL"], "600");
    assert!(node.settings().wait_for(position.number, PATIENCE).await);
    assert!(house.settings().wait_for(position.number, PATIENCE).await);
    for door in [&bank, &there] {
        for _ in 0..4 {
            assert_ne!(deadline(&house, door).await, Value::Null);
        }
        assert_eq!(shown(door).await["DEFAULT_TRANSACTION_TTL"], "600");
    }
    assert!(!other.is_empty());
    node.end().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_wins_over_the_configuration_and_survives_a_restart() {
    let plan = Plan::new(LogChoice::Sqlite)
        .with("KEY_QR_SIZE", "400")
        .with("T_CONFIRM_CODE", "60");
    let house = TestHouse::start(plan).await;
    let stranger = house.stranger("11111111-2222-4333-8444-555555555555");
    assert_eq!(shown(&stranger).await["KEY_QR_SIZE"], "400");
    set(&stranger, json!({ "KEY_QR_SIZE": "500" }))
        .await
        .success()
        .unwrap();
    let house = house.restart().await;
    let values = shown(&stranger).await;
    assert_eq!(values.as_object().unwrap().len(), 61);
    assert_eq!(
        (&values["KEY_QR_SIZE"], &values["T_CONFIRM_CODE"]),
        (&"500".into(), &"60".into())
    );
    assert_eq!(house.settings().current().key_qr_size_px(), 500);
    set(&stranger, json!({ "KEY_QR_SIZE": null }))
        .await
        .success()
        .unwrap();
    assert_eq!(shown(&stranger).await["KEY_QR_SIZE"], "400");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_value_changes_nothing_and_is_journaled() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wrong = json!({ "CHECK_HTTP_AUTH_HEADER": "0", "T_AUTH_CODE": "0" });
    let refused = set(&bank, wrong).await;
    assert_eq!((refused.status, refused.error_code), (400, 200));
    assert_eq!(shown(&bank).await["CHECK_HTTP_AUTH_HEADER"], "1");
    set(&bank, json!({ "CHECK_HTTP_AUTH_HEADER": "0" }))
        .await
        .success()
        .unwrap();
    let word = "load_and_refresh_properties";
    assert_eq!(house.count(&Owner::Server, word, 200).await, 1);
    assert_eq!(house.count(&Owner::Server, word, 0).await, 1);
    assert_eq!(
        house.count(&Owner::Server, "refresh_properties", 0).await,
        1
    );
    // A bank's journal does not show what the server's administrator did.
    house.projector().catch_up().await.unwrap();
    let page = bank
        .events(&format!("request_type={word}"), None)
        .await
        .unwrap();
    assert_eq!(page.success().unwrap()["events"], json!([]));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_change_has_the_effect_once() {
    let house = TestHouse::open().await;
    let bank = house.stranger("11111111-2222-4333-8444-555555555555");
    for _ in 0..2 {
        let body = Some(json!({ "DEBUG_INFO": "1" }));
        let answer = bank
            .call(Method::POST, "/server_settings", Some("once"), body)
            .await;
        answer.unwrap().success().unwrap();
    }
    assert_eq!(
        house
            .count(&Owner::Server, "load_and_refresh_properties", 0)
            .await,
        1
    );
    house.end().await;
}
