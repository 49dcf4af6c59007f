//! A key is handed out anew, and there is never more than one copy of it that opens anything.

use countersign::bank::{Bank, Reply};
use reqwest::Method;
use schemas::{ErrorCode, KeyIndex};
use serde_json::{Value, json};
use tests::house::TestHouse;

const CODE: &str = "7305512864";

async fn export(bank: &Bank, user_id: &str, mut body: Value) -> Reply {
    body["return_key_method"] = "KEY_JSON".into();
    let path = format!("/{}/users/{user_id}/key/export", bank.system_id());
    let reply = bank.call(Method::POST, &path, None, Some(body)).await;
    reply.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_paper_is_replaced_by_another_and_worthless() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let lost = house.scanned(&issued.key_text);
    lost.list(house.now()).await.unwrap();
    let wishes = json!({ "key_encryption_password": CODE });
    let exported = export(&bank, &issued.user_id, wishes)
        .await
        .success()
        .unwrap();
    assert_eq!(exported["key_index"], 1);

    let house = house.restart().await;
    let mut phone = house.scanned(exported["key_json"].as_str().unwrap());
    assert_eq!(phone.key().info().key_index, KeyIndex(1));
    phone.activate(CODE, house.now()).await.unwrap();
    phone.register(None, house.now()).await.unwrap();
    let error = lost.list(house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::HttpAuthCodeInvalid));

    // A key that is in use is not handed out.
    let refused = export(&bank, &issued.user_id, json!({})).await;
    assert_eq!(refused.error_code, 277);
    phone.list(house.now()).await.unwrap();
    let owner = issued.owner();
    assert_eq!(house.count(&owner, "export_user_key", 0).await, 1);
    assert_eq!(house.count(&owner, "export_user_key", 277).await, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_export_asked_again_is_the_same_paper() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let path = format!("/{}/users/{}/key/export", bank.system_id(), issued.user_id);
    let body = json!({ "return_key_method": "SPLIT_QR" });
    let mut answers = Vec::new();
    for _ in 0..2 {
        let key = Some("export-1");
        let reply = bank
            .call(Method::POST, &path, key, Some(body.clone()))
            .await;
        answers.push(reply.unwrap().success().unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(house.count(&issued.owner(), "export_user_key", 0).await, 1);
    house.end().await;
}
