//! The next key replaces the one before at once, and its device is told so.

use schemas::{ErrorCode, KeyIndex};
use serde_json::json;
use tests::house::TestHouse;

use crate::raw::RawDevice;

#[tokio::test(flavor = "multi_thread")]
async fn the_device_of_a_replaced_key_hears_336() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let old = house.registered(&issued).await;
    let id = house.ask(&bank, &old, "begun with the old key").await;
    let shown = old.show(&id, house.now()).await.unwrap();
    let next = house.reissue(&bank, &issued.user_id, json!({})).await;
    let error = old.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));
    let error = old.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));

    let house = house.restart().await;
    let new = house.registered(&next).await;
    assert_eq!(new.key().info().key_index, KeyIndex(2));
    let shown = new.show(&id, house.now()).await.unwrap();
    new.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_index_that_does_not_exist_yet_is_wrong() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let heads = house.heads().await;
    let mut raw = RawDevice::new(&house, &issued.key_text);
    for (key_index, heard) in [(2, 337), (u32::MAX, 337), (0, 288)] {
        raw.key_index = KeyIndex(key_index);
        let answer = raw
            .post("transactions/get_list", &json!({}), house.now())
            .await;
        assert_eq!(answer.code(), heard, "key {key_index}");
    }
    assert_eq!(house.heads().await, heads);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_key_that_was_never_activated_hears_it_as_well() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_encryption_password": "7305512864" });
    let issued = house.issue(&bank, wishes).await;
    house.reissue(&bank, &issued.user_id, json!({})).await;
    let mut phone = house.scanned(&issued.key_text);
    let error = phone.activate("7305512864", house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::KeyIndexObsoleted));
    house.end().await;
}
