//! Operators: they see a user, a transaction and a journal, and have a confirmation checked again, also after cleaning.

use countersign::bank::{Bank, Reply};
use reqwest::Method;
use schemas::{Digest, Owner};
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse, owner};

use crate::raw;

async fn rks(bank: &Bank, method: Method, tail: &str, body: Option<Value>) -> Reply {
    let path = format!("/rks/{SYSTEM_ID}{tail}");
    bank.call(method, &path, None, body).await.unwrap()
}

async fn look(bank: &Bank, tail: &str) -> Reply {
    rks(bank, Method::GET, tail, None).await
}

async fn check(bank: &Bank, id: &str) -> Reply {
    let body = json!({ "transaction_id": id });
    rks(bank, Method::POST, "/check_confirmation", Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_is_checked_again_with_what_is_kept() {
    for (cleaning, content) in [("0", "valid"), ("1", "gone")] {
        let plan = Plan::new(LogChoice::Memory).with("CLEAN_TRANSACTION", cleaning);
        let house = TestHouse::start(plan).await;
        let bank = house.bank().await;
        let phone = house.phone(&bank).await;
        let user_id = phone.key().info().user_id.to_string();
        let id = house.ask(&bank, &phone, "agree?").await.to_string();
        house.projector().catch_up().await.unwrap();
        assert_eq!(
            check(&bank, &id).await.error_code,
            267,
            "nothing was confirmed yet"
        );
        let shown = phone.show(&id.parse().unwrap(), house.now()).await.unwrap();
        phone.confirm(&shown, house.now()).await.unwrap();
        let checked = check(&bank, &id).await.success().unwrap();
        assert_eq!(checked["signature_verdict"], "valid");
        assert_eq!(checked["content_verdict"], content);
        assert_eq!(checked["user_id"], user_id.as_str());
        assert_eq!(
            checked["signature"],
            hex::encode(phone.signature(&shown).unwrap())
        );
        assert_eq!(
            checked["public_key"],
            hex::encode(phone.key().public_key_spki().unwrap())
        );

        // After a new key on a new device the old signature is held against the old public key.
        let next = house.reissue(&bank, &user_id, json!({})).await;
        house.registered(&next).await;
        let again = check(&bank, &id).await.success().unwrap();
        assert_eq!(again["signature_verdict"], "valid");
        assert_eq!(again["public_key"], checked["public_key"]);

        let seen = look(&bank, &format!("/transactions/{id}"))
            .await
            .success()
            .unwrap();
        assert_eq!(seen["info"]["status"], "confirmed");
        assert_eq!(seen["data"].is_null(), cleaning == "1");
        let user = look(&bank, &format!("/users/{user_id}"))
            .await
            .success()
            .unwrap();
        assert_eq!(user["key_index"], 2);
        house.projector().catch_up().await.unwrap();
        let events = look(&bank, &format!("/users/{user_id}/events?limit=1000")).await;
        let events = events.success().unwrap();
        let words: Vec<&str> = events["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["request_type"].as_str().unwrap())
            .collect();
        for word in [
            "confirm_transaction",
            "rks_check_confirmation",
            "rks_transactions_data",
            "rks_user_details",
        ] {
            assert!(words.contains(&word), "{word} is not in {words:?}");
        }
        assert_eq!(house.count(&owner(&phone), "rks_events_data", 0).await, 1);
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_nobody_is_journaled_at_the_system() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    assert_eq!(look(&bank, "/transactions/nobodys").await.error_code, 231);
    assert_eq!(check(&bank, "nobodys").await.error_code, 231);
    let system: Owner = SYSTEM_ID.parse().unwrap();
    assert_eq!(house.count(&system, "rks_transactions_data", 231).await, 1);
    assert_eq!(house.count(&system, "rks_check_confirmation", 231).await, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_there_is_no_such_method() {
    let plan = Plan::new(LogChoice::Memory).with("ARM_RKS_ENABLED", "0");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = &phone.key().info().user_id;
    let refused = look(&bank, &format!("/users/{user_id}")).await;
    assert_eq!((refused.status, refused.error_code), (404, 289));
    assert_eq!(
        house.count(&owner(&phone), "rks_user_details", 289).await,
        1
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_token_opens_the_operators_questions_and_no_others() {
    let digest = |token: &str| Digest::sha256(token.as_bytes());
    let tokens = format!(
        "{SYSTEM_ID} {}\n* {}\noperator:{SYSTEM_ID} {}\n",
        digest("bank"),
        digest("root"),
        digest("desk"),
    );
    let plan = Plan::new(LogChoice::Memory).with_tokens(&tokens);
    let house = TestHouse::start(plan).await;
    let http = raw::client();
    let ask = async |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let url = format!("{}/pc-api{path}", house.origin());
        let headers = [("authorization", bearer.as_str())];
        raw::call(&http, Method::GET, &url, &headers, Vec::new()).await
    };
    let own = format!("/rks/{SYSTEM_ID}/users/nobody");
    // The system is not registered: whoever is let in hears that.
    assert_eq!(ask(&own, "desk").await.code(), 203);
    assert_eq!(ask(&own, "nobody's").await.code(), 288);
    assert_eq!(ask("/server_settings", "desk").await.code(), 288);
    assert_eq!(ask("/server_settings", "bank").await.code(), 288);
    assert_eq!(ask("/server_settings", "root").await.code(), 0);
    house.end().await;
}
