//! Declining: by the user, or by the bank in the user's place.

use device::{Declination, DeviceEventId};
use reqwest::Method;
use schemas::ErrorCode;
use serde_json::json;
use tests::house::{TestHouse, owner};

use crate::raw::RawDevice;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_stays_declined() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "to a stranger").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let why = Declination {
        reason: "not me".to_owned(),
        code: Some(2),
    };
    let declination = phone.declination(&id, &why, &DeviceEventId::fresh(), house.now());
    let declination = declination.unwrap();
    for _ in 0..2 {
        phone.submit(&declination, house.now()).await.unwrap();
    }
    assert_eq!(house.status(&bank, &phone, &id).await, "declined");
    let error = phone.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TransactionChecked));
    let error = phone.decline(&id, &why, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TransactionChecked));
    let declined = house.count(&owner(&phone), "decline_transaction", 0).await;
    assert_eq!(declined, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_declines_without_a_reason() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    let id = house.ask(&bank, &phone, "why not?").await;
    let raw = RawDevice::new(&house, &issued.key_text);
    for body in [
        json!({}),
        json!({ "reason": "" }),
        json!({ "reason": "  " }),
    ] {
        let tail = format!("transactions/{id}/decline");
        let answer = raw.post(&tail, &body, house.now()).await;
        assert_eq!(answer.code(), 270, "{body}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_declines_or_takes_back_what_is_pending() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let declined = house.ask(&bank, &phone, "declined").await;
    let deleted = house.ask(&bank, &phone, "deleted").await;
    let path = |id| {
        let user_id = &phone.key().info().user_id;
        format!("/{}/users/{user_id}/transactions/{id}", bank.system_id())
    };
    let why = Some(json!({ "reason": "fraud" }));
    let path_to_decline = format!("{}/decline", path(&declined));
    let answer = bank.call(Method::POST, &path_to_decline, None, why).await;
    answer.unwrap().success().unwrap();
    let answer = bank.call(Method::DELETE, &path(&deleted), None, None).await;
    answer.unwrap().success().unwrap();
    assert_eq!(house.status(&bank, &phone, &declined).await, "declined");
    assert!(phone.list(house.now()).await.unwrap().is_empty());
    let error = phone.show(&deleted, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TransactionIsDeleted));
    let again = bank
        .call(Method::DELETE, &path(&declined), None, None)
        .await;
    assert_eq!(again.unwrap().error_code, 232);
    house.end().await;
}
