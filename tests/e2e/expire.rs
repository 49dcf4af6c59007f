//! Deadlines: one millisecond before is in time, the deadline itself is too late.

use device::Declination;
use schemas::{ErrorCode, TransactionId};
use serde_json::json;
use tests::house::{LogChoice, Phone, Plan, TestHouse, owner};

const TTL_S: i64 = 60;

async fn asked(house: &TestHouse, phone: &Phone) -> TransactionId {
    let request = json!({ "transaction_data": { "text": "one minute" }, "ttl": TTL_S });
    let bank = house.stranger(tests::house::SYSTEM_ID);
    house.ask_with(&bank, phone, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_millisecond_before_its_deadline_it_is_confirmed() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = asked(&house, &phone).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    assert_eq!(shown.expires_at(), Some(house.now().plus_seconds(TTL_S)));
    house.advance_ms(TTL_S * 1000 - 1);
    phone.confirm(&shown, house.now()).await.unwrap();
    house.advance_ms(1);
    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_itself_is_too_late_for_everything() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = asked(&house, &phone).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    house.advance_ms(TTL_S * 1000);
    let expired = Some(ErrorCode::TransactionExpired);
    let error = phone.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), expired);
    let why = Declination {
        reason: "late".to_owned(),
        code: None,
    };
    let error = phone.decline(&id, &why, house.now()).await.unwrap_err();
    assert_eq!(error.code(), expired);
    assert!(phone.list(house.now()).await.unwrap().is_empty());
    assert_eq!(house.status(&bank, &phone, &id).await, "expired");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_notes_a_deadline_once_even_when_it_passed_while_the_house_was_closed() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    asked(&house, &phone).await;
    house.advance_ms(TTL_S * 1000);
    let house = house.restart().await;
    crate::until(async || house.count(&owner(&phone), "expire_transaction", 0).await == 1).await;
    let house = house.restart().await;
    // A lane that was asked something has settled its deadlines before.
    phone.list(house.now()).await.unwrap();
    phone.list(house.now()).await.unwrap();
    assert_eq!(
        house.count(&owner(&phone), "expire_transaction", 0).await,
        1
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_rings_by_itself_and_is_told() {
    let house = TestHouse::start(Plan::new(LogChoice::Memory).by_the_real_clock()).await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let request = json!({ "transaction_data": { "text": "one second" }, "ttl": 1 });
    let id = house.ask_with(&bank, &phone, request).await;
    // Nobody asks anything meanwhile.
    let told = receiver
        .wait_for(std::time::Duration::from_secs(10), |body| {
            body["pc_callback"]["transaction_callback"]["transaction_id"] == id.as_str()
        })
        .await
        .unwrap();
    assert!(keys.accept(&told));
    assert_eq!(told.json()["pc_callback"]["result"]["error_code"], 281);
    assert_eq!(house.status(&bank, &phone, &id).await, "expired");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lifetime_of_its_own_a_transaction_has_that_of_the_setting() {
    let plan = Plan::new(LogChoice::Memory).with("DEFAULT_TRANSACTION_TTL", "5");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "five seconds").await;
    let for_ever = json!({ "transaction_data": { "text": "for ever" }, "ttl": 0 });
    let for_ever = house.ask_with(&bank, &phone, for_ever).await;
    house.advance_ms(5_000);
    assert_eq!(house.status(&bank, &phone, &id).await, "expired");
    assert_eq!(house.status(&bank, &phone, &for_ever).await, "initialized");
    house.end().await;
}
