//! The bank's own name of a request: its effect happens once.

use reqwest::Method;
use serde_json::json;
use tests::house::{SYSTEM_ID, TestHouse};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_under_the_same_name_gets_the_same_user_and_key() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let wishes = json!({ "id_prefix": "anna-", "return_key_method": "KEY_JSON" });
    let first = bank.create_user(wishes.clone(), Some("user-1")).await;
    let again = bank.create_user(wishes.clone(), Some("user-1")).await;
    let (first, again) = (first.unwrap(), again.unwrap());
    assert_eq!(first.substance, again.substance);
    assert_eq!(first.position, again.position);
    let house = house.restart().await;
    let again = bank.create_user(wishes, Some("user-1")).await.unwrap();
    assert_eq!(first.substance, again.substance);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_under_the_same_name_is_refused() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.as_str();
    let body = |text: &str| json!({ "transaction_data": { "text": text } });
    let first = bank.create_transaction(user_id, body("1"), Some("payment"));
    let first = first.await.unwrap().success().unwrap();
    let again = bank.create_transaction(user_id, body("1"), Some("payment"));
    assert_eq!(again.await.unwrap().success().unwrap(), first);
    let other = bank.create_transaction(user_id, body("2"), Some("payment"));
    assert_eq!(other.await.unwrap().error_code, 219);
    assert_eq!(phone.list(house.now()).await.unwrap().len(), 1);

    let user = json!({ "id_prefix": "a-" });
    bank.create_user(user, Some("user"))
        .await
        .unwrap()
        .success()
        .unwrap();
    let other = bank
        .create_user(json!({ "id_prefix": "b-" }), Some("user"))
        .await;
    assert_eq!(other.unwrap().error_code, 219);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_two_banks_have_nothing_to_do_with_each_other() {
    let house = TestHouse::open().await;
    let one = house.bank().await;
    let other = house
        .bank_named("99999999-2222-4333-8444-555555555555")
        .await;
    let wishes = json!({ "return_key_method": "NONE" });
    let a = one.create_user(wishes.clone(), Some("user-1")).await;
    let b = other.create_user(wishes, Some("user-1")).await;
    let (a, b) = (a.unwrap().success().unwrap(), b.unwrap().success().unwrap());
    assert_ne!(a["user_id"], b["user_id"]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_the_same_request_creates_one_transaction() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.as_str();
    let body = json!({ "transaction_data": { "text": "once" } });
    let all = (0..32).map(|_| bank.create_transaction(user_id, body.clone(), Some("payment")));
    let answers = futures::future::join_all(all).await;
    let ids: std::collections::BTreeSet<String> = answers
        .into_iter()
        .map(|answer| answer.unwrap().success().unwrap().to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(phone.list(house.now()).await.unwrap().len(), 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_refused() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let heads = house.heads().await;
    for name in ["", &"x".repeat(256)] {
        let path = format!("/{SYSTEM_ID}/users");
        let answer = bank
            .call(Method::POST, &path, Some(name), Some(json!({})))
            .await;
        assert_eq!(answer.unwrap().error_code, 219, "{name:?}");
    }
    assert_eq!(house.heads().await, heads);
    house.end().await;
}
