//! An application system: registered once, changed, removed for ever.

use reqwest::Method;
use schemas::ErrorCode;
use serde_json::{Value, json};
use tests::house::{SYSTEM_ID, TestHouse, owner};

async fn change(house: &TestHouse, body: Value) -> u64 {
    let bank = house.stranger(SYSTEM_ID);
    let path = format!("/{SYSTEM_ID}");
    let answer = bank.call(Method::PATCH, &path, None, Some(body)).await;
    answer.unwrap().error_code
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unregistered_system_is_not_found() {
    let house = TestHouse::open().await;
    let stranger = house.stranger(SYSTEM_ID);
    let heads = house.heads().await;
    assert_eq!(stranger.get("").await.unwrap().error_code, 203);
    let created = stranger.create_user(json!({}), None).await.unwrap();
    assert_eq!(created.error_code, 203);
    assert_eq!(house.heads().await, heads);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_registered_once() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let again = bank.register_system(&house.origin(), "").await.unwrap();
    assert_eq!(again.error_code, 220);
    let info = bank.get("").await.unwrap().success().unwrap();
    assert_eq!(info["system_id"], SYSTEM_ID);
    assert!(info.get("webhook").is_none(), "told once");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_counts_for_the_next_key() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let days = |days: i64| json!({ "user_keys_expiration_period": days });
    assert_eq!(change(&house, days(7)).await, 0);
    let phone = house.phone(&bank).await;
    let valid_to = phone.key().info().valid_to;
    assert_eq!(valid_to, house.now().plus_seconds(7 * 86_400));
    for wrong in [
        days(0),
        days(36_501),
        json!({ "callback_url": "gopher://x" }),
    ] {
        assert_eq!(change(&house, wrong.clone()).await, 283, "{wrong}");
    }
    let info = bank.get("").await.unwrap().success().unwrap();
    assert_eq!(info["user_keys_expiration_period"], 7);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_system_serves_nobody_from_that_moment_on() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "too late").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let path = format!("/{SYSTEM_ID}");
    let removed = bank.call(Method::DELETE, &path, None, None).await;
    removed.unwrap().success().unwrap();
    // The system lives in one lane, its users in others.
    let error = phone.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::SystemIsDeleted));
    let house = house.restart().await;
    let error = phone.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::SystemIsDeleted));
    let answers = [
        bank.create_user(json!({}), None).await,
        bank.get("").await,
        bank.register_system(&house.origin(), "").await,
        bank.call(Method::DELETE, &path, None, None).await,
    ];
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.error_code), (410, 204));
    }
    // Also when nothing is left to know the phone by.
    let owner = owner(&phone);
    crate::until(async || house.count(&owner, "delete_user", 0).await == 1).await;
    let error = phone.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::SystemIsDeleted));
    house.end().await;
}
