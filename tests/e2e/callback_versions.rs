//! How callbacks are written: the version in force when the event happened, the application, the record, the headers.

use std::time::Duration;

use schemas::commands::devices::DeviceReport;
use schemas::commands::keys::{DeviceType, PushAddress};
use serde_json::{Value, json};
use tests::house::{LogChoice, Phone, Plan, SYSTEM_ID, TestHouse};

use crate::raw;

const PATIENCE: Duration = Duration::from_secs(15);

fn push() -> PushAddress {
    PushAddress {
        device_push_id: "push-token".to_owned(),
        device_type: DeviceType::Android,
        app_id: Some("example.bank".to_owned()),
    }
}

async fn registered(house: &TestHouse, bank: &countersign::bank::Bank) -> Phone {
    let issued = house.issue(bank, json!({})).await;
    let mut phone = house.scanned(&issued.key_text);
    phone.register(Some(&push()), house.now()).await.unwrap();
    phone
}

async fn confirmed(house: &TestHouse, bank: &countersign::bank::Bank, phone: &Phone) -> String {
    let id = house.ask(bank, phone, "agree?").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_the_moment_is_written_whenever_it_is_sent() {
    let plan = Plan::new(LogChoice::Memory)
        .with("CALLBACK_VERSION", "1")
        .with("SET_APP_ID_FOR_TRANSACTION_CALLBACK", "1");
    let house = TestHouse::start(plan).await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = registered(&house, &bank).await;
    let user_id = phone.key().info().user_id.to_string();
    let flat = receiver
        .wait_for(PATIENCE, |body| body["type"] == "user_callback")
        .await
        .unwrap();
    assert!(keys.accept(&flat));
    assert_eq!(
        (&flat.json()["version"], &flat.json()["user_id"]),
        (&1.into(), &user_id.into())
    );
    assert_eq!(flat.json()["push_address"]["device_push_id"], "push-token");

    // Refused at first: what is sent later was written under version 1, whatever the settings say by then.
    receiver.refuse_next(1);
    let old = confirmed(&house, &bank, &phone).await;
    crate::until(async || receiver.refused().len() == 1).await;
    let answer = bank.call(
        reqwest::Method::POST,
        "/server_settings",
        None,
        Some(json!({ "CALLBACK_VERSION": "2" })),
    );
    answer.await.unwrap().success().unwrap();
    let newer = confirmed(&house, &bank, &phone).await;
    let told = |id: String, version: u64| {
        move |body: &Value| body["transaction_id"] == id.as_str() && body["version"] == version
    };
    let second = receiver
        .wait_for(PATIENCE, told(newer, 2))
        .await
        .unwrap()
        .json();
    assert_eq!(
        (&second["status"], &second["app_id"]),
        (&"confirmed".into(), &"example.bank".into())
    );
    assert_eq!(second["event"]["request_type"], "confirm_transaction");
    house.advance_ms(6_000);
    let first = receiver.wait_for(PATIENCE, told(old, 1)).await.unwrap();
    assert_eq!(first.body, receiver.refused()[0].body, "byte for byte");
    assert!(keys.accept(&first));
    assert_eq!(first.json()["app_id"], Value::Null);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_3_tells_application_and_record_as_the_settings_say() {
    for (app, event) in [("1", "1"), ("0", "0")] {
        let plan = Plan::new(LogChoice::Memory)
            .with("SET_APP_ID_FOR_TRANSACTION_CALLBACK", app)
            .with("SEND_EVENT_IN_CALLBACK", event);
        let house = TestHouse::start(plan).await;
        let (bank, receiver, _) = house.bank_with_receiver().await;
        let phone = registered(&house, &bank).await;
        let id = confirmed(&house, &bank, &phone).await;
        let told = receiver
            .wait_for(PATIENCE, |body| {
                body["pc_callback"]["transaction_callback"]["transaction_id"] == id.as_str()
            })
            .await
            .unwrap()
            .json();
        let told = &told["pc_callback"]["transaction_callback"];
        assert_eq!(told.get("app_id").is_some(), app == "1");
        assert_eq!(told.get("event").is_some(), event == "1");
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_told_to_the_bank() {
    let house = TestHouse::open().await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    phone
        .report(DeviceReport::RootDetected, house.now())
        .await
        .unwrap();
    phone
        .report(DeviceReport::KeyDeleted, house.now())
        .await
        .unwrap();
    let told = receiver
        .wait_for(PATIENCE, |body| {
            body["pc_callback"]["user_callback"]["updated_settings"]["key_deleted"] == true
        })
        .await
        .unwrap();
    assert!(keys.accept(&told));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn harmless_headers_arrive_and_no_others() {
    for setting in ["1", "0"] {
        let plan = Plan::new(LogChoice::Memory).with("HTTP_HEADERS_PASSTHROUGH", setting);
        let house = TestHouse::start(plan).await;
        let (bank, receiver, keys) = house.bank_with_receiver().await;
        let change = json!({ "events_post_url": receiver.events_url() });
        let path = format!("/{SYSTEM_ID}");
        let changed = bank
            .call(reqwest::Method::PATCH, &path, None, Some(change))
            .await;
        changed.unwrap().success().unwrap();
        let wishes = json!({ "key_params": { "collect_events": true } });
        let issued = house.issue(&bank, wishes).await;
        let url = format!(
            "{}/pc-api/{SYSTEM_ID}/users/{}/transactions",
            house.origin(),
            issued.user_id
        );
        let headers = [
            ("content-type", "application/json"),
            ("x-pass-branch", "Omsk 7"),
            ("x-request-id", "r-1"),
            ("connection", "x-request-id"),
            ("x-forwarded-for", "6.6.6.6"),
            ("authorization", "Bearer mine"),
            ("cookie", "a=b"),
            ("webhook-id", "forged"),
        ];
        let body = br#"{"transaction_data":{"text":"with headers"}}"#.to_vec();
        let http = raw::client();
        let answer = raw::call(&http, reqwest::Method::POST, &url, &headers, body).await;
        assert_eq!(answer.code(), 0);
        let posted = receiver
            .wait_for(PATIENCE, |body| {
                body["request_type"] == "create_transaction"
            })
            .await
            .unwrap();
        assert!(keys.accept(&posted));
        let has = |name: &str| posted.headers.iter().any(|(known, _)| known == name);
        let passed = ("x-pass-branch".to_owned(), "Omsk 7".to_owned());
        assert_eq!(posted.headers.contains(&passed), setting == "1");
        for name in ["x-request-id", "x-forwarded-for", "authorization", "cookie"] {
            assert!(!has(name), "{name}");
        }
        assert_ne!(posted.webhook_id, "forged");
        house.end().await;
    }
}
