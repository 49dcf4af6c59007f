//! A delayed key: issued today, in force when it is activated, by the bank or by its own device.

use countersign::bank::{Bank, Reply};
use reqwest::Method;
use schemas::{ErrorCode, KeyIndex};
use serde_json::{Value, json};
use tests::house::{Issued, TestHouse};

use crate::raw::RawDevice;

async fn delayed(house: &TestHouse, bank: &Bank, issued: &Issued, mut wishes: Value) -> Issued {
    wishes["is_delayed"] = true.into();
    house.reissue(bank, &issued.user_id, wishes).await
}

async fn activate(bank: &Bank, issued: &Issued, body: Value) -> Reply {
    let path = format!(
        "/{}/users/{}/key/activate",
        bank.system_id(),
        issued.user_id
    );
    let reply = bank.call(Method::POST, &path, None, Some(body)).await;
    reply.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_puts_its_delayed_key_in_force_by_registering() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let old = house.registered(&issued).await;
    let id = house.ask(&bank, &old, "begun with the old key").await;

    let replaced = delayed(&house, &bank, &issued, json!({})).await;
    let next = delayed(&house, &bank, &issued, json!({})).await;
    let info = bank
        .get(&format!("/users/{}", issued.user_id))
        .await
        .unwrap();
    let info = info.success().unwrap();
    assert_eq!(
        (&info["key_index"], &info["delayed_key_index"]),
        (&json!(1), &json!(3))
    );

    // The old key is in force, the delayed one opens nothing yet, and the one between is gone.
    let shown = old.show(&id, house.now()).await.unwrap();
    let raw = RawDevice::new(&house, &next.key_text);
    let list = "transactions/get_list";
    assert_eq!(raw.post(list, &json!({}), house.now()).await.code(), 340);
    let between = RawDevice::new(&house, &replaced.key_text);
    assert_eq!(
        between.post(list, &json!({}), house.now()).await.code(),
        336
    );

    let house = house.restart().await;
    let new = house.registered(&next).await;
    let error = old.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));
    let shown = new.show(&id, house.now()).await.unwrap();
    new.confirm(&shown, house.now()).await.unwrap();
    let owner = issued.owner();
    assert_eq!(house.count(&owner, "put_key_in_force", 0).await, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_puts_a_delayed_key_in_force() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let old = house.registered(&issued).await;
    assert_eq!(activate(&bank, &issued, json!({})).await.error_code, 245);
    let next = delayed(&house, &bank, &issued, json!({})).await;
    for (named, code) in [(1, 245), (3, 337), (0, 336)] {
        let reply = activate(&bank, &issued, json!({ "key_index": named })).await;
        assert_eq!(reply.error_code, code, "{named}");
    }
    let answer = activate(&bank, &issued, json!({})).await.success().unwrap();
    assert_eq!(answer, json!({ "user_id": issued.user_id, "key_index": 2 }));
    let error = old.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));
    let new = house.registered(&next).await;
    assert_eq!(new.key().info().key_index, KeyIndex(2));

    // The journal has it under the manual's word.
    let owner = issued.owner();
    assert_eq!(house.count(&owner, "change_user", 0).await, 1);
    assert_eq!(house.count(&owner, "change_user", 245).await, 2);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_key_in_two_parts_is_activated_with_its_code_first() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let old = house.registered(&issued).await;
    let wishes = json!({ "key_encryption_password": "7305512864" });
    let next = delayed(&house, &bank, &issued, wishes).await;
    let mut new = house.scanned(&next.key_text);
    new.activate("7305512864", house.now()).await.unwrap();
    let error = new.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyNotActivated));
    old.list(house.now()).await.unwrap();
    new.register(None, house.now()).await.unwrap();
    new.list(house.now()).await.unwrap();
    let error = old.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_puts_a_delayed_key_in_force_and_enters_its_codes() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    house.registered(&issued).await;
    let wishes = json!({ "key_params": { "with_finger_print": true } });
    let next = delayed(&house, &bank, &issued, wishes).await;
    let mut new = house.scanned(&next.key_text);
    let fingerprint = schemas::Digest([7; 32]);
    new.set_fingerprint(fingerprint, house.now()).await.unwrap();
    new.register(None, house.now()).await.unwrap();
    let id = house.ask(&bank, &new, "bound to a device").await;

    // A copy on another device says so, and costs no try of a code.
    let raw = RawDevice::new(&house, &next.key_text);
    let elsewhere =
        json!({ "confirm_code": "0".repeat(64), "device_fingerprint": "08".repeat(32) });
    let confirm = format!("transactions/{id}/confirm");
    for _ in 0..6 {
        let answer = raw.post(&confirm, &elsewhere, house.now()).await;
        assert_eq!(answer.code(), 338);
    }
    let shown = new.show(&id, house.now()).await.unwrap();
    new.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_without_the_flag_ends_every_delayed_key() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let dropped = delayed(&house, &bank, &issued, json!({})).await;
    let next = house.reissue(&bank, &issued.user_id, json!({})).await;
    let mut phone = house.scanned(&dropped.key_text);
    let error = phone.register(None, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));
    let phone = house.registered(&next).await;
    assert_eq!(phone.key().info().key_index, KeyIndex(3));
    house.end().await;
}
