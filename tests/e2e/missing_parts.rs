//! What a request lacks, or has in no permitted form: each has a code of its own, and leaves everything as it was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tests::house::{SYSTEM_ID, TestHouse};

use crate::raw::{self, RawDevice, client};
use crate::register_and_renew::new_public_key;

async fn bank_asks(house: &TestHouse, method: Method, path: &str, body: &Value) -> u64 {
    let url = format!("{}/pc-api{path}", house.origin());
    let headers = [("content-type", "application/json")];
    let body = body.to_string().into_bytes();
    let answer = raw::call(&client(), method, &url, &headers, body).await;
    assert!((400..500).contains(&answer.status), "{}", answer.body);
    answer.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_hears_which_part_is_missing() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "pending").await;
    let heads = house.heads().await;
    let registration = |request: Value| {
        let text = json!({ "request": request }).to_string();
        json!({ "request": STANDARD.encode(text) })
    };
    let users = format!("/{SYSTEM_ID}/users");
    let user = format!("{users}/{}", phone.key().info().user_id);
    let other = "99999999-2222-4333-8444-555555555555";
    for (path, body, heard) in [
        ("/", registration(json!({ "name": "Bank" })), 201),
        ("/", registration(json!({ "id": other })), 205),
        (&*users, json!({ "key_encryption_password": "12345" }), 242),
        (
            &*users,
            json!({ "key_encryption_password": "1".repeat(65) }),
            242,
        ),
        (
            &*format!("{user}/transactions/{id}/confirm"),
            json!({}),
            255,
        ),
        (
            &*format!("{user}/confirm_code/check"),
            json!({ "data": "x" }),
            255,
        ),
        (
            &*format!("/{SYSTEM_ID}/confirm_code/check"),
            json!({ "data": "x" }),
            255,
        ),
        (
            &*format!("{user}/transactions/{id}/decline"),
            json!({}),
            270,
        ),
        (
            &*format!("/rks/{SYSTEM_ID}/check_confirmation"),
            json!({}),
            256,
        ),
    ] {
        let code = bank_asks(&house, Method::POST, path, &body).await;
        assert_eq!(code, heard, "{path} {body}");
    }
    assert_eq!(house.heads().await, heads, "nothing was written");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_hears_which_part_is_missing() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let params = json!({ "key_params": { "autosign_enabled": true, "scoring_enabled": true } });
    let issued = house.issue(&bank, params).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let operation = {
        let phone = house.scanned(&issued.key_text);
        let body = json!({ "transactions": [{ "text": "pending" }] });
        house.ask_operation(&bank, &phone, body).await
    };
    let heads = house.heads().await;
    let key = hex::encode(new_public_key());
    let push = |push: Value| json!({ "public_key": key, "push": push });
    for (tail, body, heard) in [
        ("register", json!({}), 276),
        ("register", push(json!({ "device_type": "Android" })), 258),
        ("register", push(json!({ "device_push_id": "token" })), 251),
        (
            "register",
            push(json!({ "device_push_id": "token", "device_type": "Toaster" })),
            259,
        ),
        ("fingerprint", json!({}), 238),
        (
            &*format!("operations/{operation}/process"),
            json!({ "transactions": [] }),
            235,
        ),
    ] {
        // Their MAC has a key of its own; the body is read before it is looked at.
        let answer = raw.post(tail, &body, house.now()).await;
        assert_eq!(answer.code(), heard, "{tail} {body}: {}", answer.body);
    }
    assert_eq!(house.heads().await, heads, "nothing was written");
    // The second pair follows the rules of the first: another one must be signed by the one before.
    let pairs =
        |user: &str, autosign: &str| json!({ "public_key": user, "autosign_public_key": autosign });
    let first = pairs(&key, &hex::encode(new_public_key()));
    assert_eq!(raw.post("register", &first, house.now()).await.code(), 0);
    let next = pairs(&key, &hex::encode(new_public_key()));
    assert_eq!(raw.post("register", &next, house.now()).await.code(), 335);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_life_is_over_is_not_activated() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_encryption_password": "7305512864" });
    let issued = house.issue(&bank, wishes).await;
    let mut phone = house.scanned(&issued.key_text);
    let life_ms = phone.key().info().valid_to.0 - house.now().0;
    house.advance_ms(life_ms);
    let late = phone.activate("7305512864", house.now()).await.unwrap_err();
    assert_eq!(late.code(), Some(schemas::ErrorCode::ValidDateExpired));
    let refused = house.count(&issued.owner(), "register_public_key", 0).await;
    assert_eq!(refused, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_reports_what_happened_on_it_in_the_manuals_words() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let words = [
        "key_deleted",
        "root_detected",
        "high_risk_apps_detected",
        "password_correct",
        "password_incorrect",
        "password_changed",
    ];
    for word in words {
        let answer = raw
            .post("events", &json!({ "type": word }), house.now())
            .await;
        assert_eq!(answer.code(), 0, "{}", answer.body);
        assert_eq!(house.count(&issued.owner(), word, 0).await, 1, "{word}");
    }
    let answer = raw
        .post("events", &json!({ "type": "other" }), house.now())
        .await;
    assert_eq!(answer.code(), 283);
    house.end().await;
}
