//! A bank blocks a user for a reason, and lifts every block.

use countersign::bank::{Bank, Reply};
use reqwest::Method;
use schemas::ErrorCode;
use serde_json::{Value, json};
use tests::house::TestHouse;

use crate::raw::RawDevice;

async fn post(bank: &Bank, user_id: &str, what: &str, body: Value) -> Reply {
    let path = format!("/{}/users/{user_id}/{what}", bank.system_id());
    let reply = bank.call(Method::POST, &path, None, Some(body)).await;
    reply.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_not_served_until_the_bank_lifts_the_block() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    let id = house.ask(&bank, &phone, "asked before").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let user_id = &issued.user_id;
    let blocked = post(&bank, user_id, "block", json!({ "reason": "lost phone" })).await;
    assert_eq!(blocked.success().unwrap(), json!({ "user_id": user_id }));

    let house = house.restart().await;
    let bank = house.stranger(bank.system_id());
    let error = phone.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UserIsBlocked));
    let error = phone.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UserIsBlocked));
    let body = json!({ "transaction_data": { "text": "for nobody" } });
    let created = bank.create_transaction(user_id, body, None).await.unwrap();
    assert_eq!((created.error_code, created.status), (294, 423));
    let info = bank.get(&format!("/users/{user_id}")).await.unwrap();
    let info = info.success().unwrap();
    assert_eq!(info["block_reason"], "lost phone");
    assert_eq!(info["key_status"], "blocked");

    let lifted = post(&bank, user_id, "unblock", json!({ "reason": "found" })).await;
    assert_eq!(lifted.error_code, 0);
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    assert_eq!(house.count(&issued.owner(), "change_user", 0).await, 2);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_were_used_up_come_back_by_the_bank_s_word_only() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_encryption_password": "7305512864" });
    let issued = house.issue(&bank, wishes).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let guess = json!({ "activation_code_proof": "00".repeat(32) });
    for expected in [342, 342, 342, 342, 341, 341] {
        let answer = raw.post("activate", &guess, house.now()).await;
        assert_eq!(answer.code(), expected);
    }
    house.advance_ms(86_400_000);
    assert_eq!(raw.post("activate", &guess, house.now()).await.code(), 341);
    let lifted = post(&bank, &issued.user_id, "unblock", json!({})).await;
    assert_eq!(lifted.error_code, 0);
    assert_eq!(raw.post("activate", &guess, house.now()).await.code(), 342);
    let mut phone = house.scanned(&issued.key_text);
    phone.activate("7305512864", house.now()).await.unwrap();
    phone.register(None, house.now()).await.unwrap();
    house.end().await;
}
