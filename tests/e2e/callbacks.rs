//! Callbacks: signed, delivered until they are taken, in the order of what happened.

use std::time::Duration;

use countersign::receiver::WebhookKeys;
use device::Declination;
use schemas::commands::keys::{DeviceType, PushAddress};
use serde_json::{Value, json};
use tests::house::TestHouse;

const PATIENCE: Duration = Duration::from_secs(15);

fn about(id: &schemas::TransactionId) -> impl Fn(&Value) -> bool {
    move |body| body["pc_callback"]["transaction_callback"]["transaction_id"] == id.as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_told_and_signed() {
    let house = TestHouse::open().await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let confirmed = house.ask(&bank, &phone, "confirmed").await;
    let declined = house.ask(&bank, &phone, "declined").await;
    let request = json!({ "transaction_data": { "text": "expired" }, "ttl": 60 });
    let expired = house.ask_with(&bank, &phone, request).await;

    let shown = phone.show(&confirmed, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let why = Declination {
        reason: "not me".to_owned(),
        code: Some(7),
    };
    phone.decline(&declined, &why, house.now()).await.unwrap();
    house.advance_ms(60_000);
    // A question wakes the lane; its own alarm rings by the real clock.
    phone.list(house.now()).await.unwrap();

    let told = receiver
        .wait_for(PATIENCE, about(&confirmed))
        .await
        .unwrap();
    assert!(keys.accept(&told));
    let outcome = &told.json()["pc_callback"]["transaction_callback"]["confirmation"];
    let signature = hex::encode(phone.signature(&shown).unwrap());
    assert_eq!(outcome["signature"], signature);
    let mut forged = told.clone();
    forged.body[0] ^= 1;
    assert!(!keys.accept(&forged));

    let told = receiver.wait_for(PATIENCE, about(&declined)).await.unwrap();
    assert!(keys.accept(&told));
    let outcome = &told.json()["pc_callback"]["transaction_callback"]["declination"];
    assert_eq!(*outcome, json!({ "reason": "not me", "code": 7 }));

    let told = receiver.wait_for(PATIENCE, about(&expired)).await.unwrap();
    assert!(keys.accept(&told));
    assert_eq!(told.json()["pc_callback"]["result"]["error_code"], 281);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_callback_comes_again_under_the_same_identity_and_before_what_came_later() {
    let house = TestHouse::open().await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    receiver.refuse_next(1);
    let mut phone = house.phone(&bank).await;
    let first = phone.key().public_key_spki().unwrap();
    phone.register(None, house.now()).await.unwrap();
    let second = phone.key().public_key_spki().unwrap();
    let push = PushAddress {
        device_push_id: "push-token".to_owned(),
        device_type: DeviceType::Android,
        app_id: None,
    };
    phone.update_push(&push, house.now()).await.unwrap();
    crate::until(async || receiver.refused().len() == 1).await;
    assert_eq!(receiver.count(), 0, "what came later waits its turn");
    // The second attempt follows about five seconds after the house has noted the first.
    crate::until(async || {
        house.advance_ms(6_000);
        receiver.count() == 3
    })
    .await;

    let (refused, received) = (receiver.refused(), receiver.received());
    assert_eq!(refused[0].webhook_id, received[0].webhook_id);
    assert_eq!(refused[0].body, received[0].body);
    assert!(received.iter().all(|received| keys.accept(received)));
    let settings = |index: usize| {
        received[index].json()["pc_callback"]["user_callback"]["updated_settings"].clone()
    };
    assert_eq!(settings(0)["public_key"], hex::encode(first));
    assert_eq!(settings(1)["public_key"], hex::encode(second));
    assert_eq!(settings(2)["push_address"]["device_push_id"], "push-token");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_owed_before_a_restart_is_delivered_after_it() {
    let house = TestHouse::on_disk().await;
    let (bank, receiver, _) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    receiver.wait_for(PATIENCE, |_| true).await.unwrap();
    receiver.refuse_next(1);
    let id = house.ask(&bank, &phone, "owed").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    crate::until(async || receiver.refused().len() == 1).await;
    let house = house.restart().await;
    house.advance_ms(6_000);
    let told = receiver.wait_for(PATIENCE, about(&id)).await.unwrap();
    assert_eq!(told.webhook_id, receiver.refused()[0].webhook_id);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_may_name_an_address_of_its_own() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let receiver = house.receiver().await;
    let phone = house.phone(&bank).await;
    let request = json!({
        "transaction_data": { "text": "elsewhere" }, "callback_url": receiver.callback_url(),
    });
    let id = house.ask_with(&bank, &phone, request).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    receiver.wait_for(PATIENCE, about(&id)).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_sign_beside_the_ones_before_for_a_day() {
    let house = TestHouse::open().await;
    let (bank, receiver, before) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let rotation = bank.rotate_webhook_keys().await.unwrap();
    let rotated = &rotation.substance;
    assert_eq!(rotated["generation"], 1);
    let new = WebhookKeys::from_registration(&rotated["webhook"]).unwrap();
    let until = rotated["keys_before_sign_until"].as_i64().unwrap();
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    let decline = async || {
        let id = house.ask(&bank, &phone, "a payment").await;
        phone.decline(&id, &why, house.now()).await.unwrap();
        receiver.wait_for(PATIENCE, about(&id)).await.unwrap()
    };
    // The sender looks for new keys every ten seconds.
    house.advance_ms(10_000);
    let told = decline().await;
    assert!(new.accept(&told) && before.accept(&told));
    house.advance_ms(until - house.now().0);
    let told = decline().await;
    assert!(new.accept(&told) && !before.accept(&told));
    let journal = bank.events(
        "request_type=webhook_keys_rotated",
        rotation.position.as_deref(),
    );
    let journal = journal.await.unwrap().substance;
    assert_eq!(
        journal["events"].as_array().map(Vec::len),
        Some(1),
        "{journal}"
    );
    house.end().await;
}
