//! Pushes: from a new transaction to the device and back to the log, by every service.

mod configured;
mod door;
mod faults;
mod program;
mod services;

use std::time::Duration;

use schemas::commands::keys::DeviceType;
use serde_json::json;
use tests::house::owner;

use services::{APP, IPHONE, Services, address, push_id, user_of, write, write_app};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_pushed_to_an_iphone_and_withdrawn_when_it_is_confirmed() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    let request = json!({ "transaction_data": { "text": "500 ₽" }, "ttl": 300 });
    let id = house.ask_with(&bank, &phone, request).await;

    assert!(services.apns.has_been_asked(1, PATIENCE).await);
    let pushed = services.apns.asked().remove(0);
    let user = user_of(&phone);
    assert!(pushed.http2);
    assert_eq!(pushed.path, format!("/3/device/{IPHONE}"));
    let expected = json!({
        "aps": { "alert": "To be confirmed", "mutable-content": 1, "category": "NEW_OPERATION" },
        "type": "PayControl", "userid": user, "transactionid": id.as_str(),
    });
    assert_eq!(pushed.json(), expected);
    let deadline = (house.now().0 / 1000 + 300).to_string();
    for (name, value) in [
        ("apns-topic", APP),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-expiration", deadline.as_str()),
        ("apns-collapse-id", user.as_str()),
    ] {
        assert_eq!(pushed.header(name), value, "{name}");
    }
    let text = String::from_utf8(pushed.body.clone()).unwrap();
    assert!(!text.contains("500"), "nothing of what is to be confirmed");

    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    assert_eq!(house.count(&owner(&phone), "send_push", 0).await, 1);
    let journaled = async || {
        let sent = bank.events("request_type=send_push", None).await.unwrap();
        sent.success().unwrap()["events"][0]["transaction_id"].clone()
    };
    crate::until(async || journaled().await == id.as_str()).await;

    let shown = phone.show(&id, house.now()).await.unwrap();
    assert_eq!(house.status(&bank, &phone, &id).await, "dataSent");
    phone.confirm(&shown, house.now()).await.unwrap();
    assert!(services.apns.has_been_asked(2, PATIENCE).await);
    let withdrawn = services.apns.asked().remove(1);
    assert_eq!(withdrawn.header("apns-push-type"), "background");
    let expected = json!({
        "aps": { "content-available": 1 }, "type": "withdrawn", "transactionid": id.as_str(),
    });
    assert_eq!(withdrawn.json(), expected);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_of_a_template_goes_to_an_android_phone() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let android = address(DeviceType::Android, "fcm-token");
    phone.update_push(&android, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || services.fcm.behavior.taken() == 2).await;
    let user = user_of(&phone);
    let expected = [
        json!({ "message": { "token": "fcm-token", "android": {
            "notification": { "tag": user, "title": "Bank", "body": "To be confirmed" },
        }}}),
        json!({ "message": { "token": "fcm-token", "data": {
            "type": "PayControl_v2", "userid": user, "transactionid": id.as_str(),
        }}}),
    ];
    assert_eq!(services.fcm.behavior.messages(), expected);
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    let why = device::Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    phone.decline(&id, &why, house.now()).await.unwrap();
    crate::until(async || services.fcm.behavior.taken() == 3).await;
    let withdrawn = services.fcm.behavior.messages().remove(2);
    assert_eq!(withdrawn["message"]["data"]["type"], "withdrawn");
    assert_eq!(
        services.fcm.behavior.issued(),
        1,
        "one access token for all"
    );

    let request = json!({ "transaction_data": { "text": "soon" }, "ttl": 60 });
    house.ask_with(&bank, &phone, request).await;
    crate::until(async || services.fcm.behavior.taken() == 5).await;
    let soon = services.fcm.behavior.messages().remove(4);
    assert_eq!(soon["message"]["android"]["ttl"], "60s");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huawei_phone_is_pushed_to_and_its_access_token_renewed() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let huawei = address(DeviceType::Huawei, "hms-token");
    phone.update_push(&huawei, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    let data = json!({ "transactionid": id.as_str() }).to_string();
    let expected = json!({
        "validate_only": false,
        "message": { "android": { "urgency": "HIGH", "data": data }, "token": ["hms-token"] },
    });
    assert_eq!(services.hms.behavior.messages(), [expected]);

    services.hms.behavior.expire_access_tokens();
    house.advance_ms(61_000);
    let id = house.ask(&bank, &phone, "another").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    assert_eq!(services.hms.behavior.issued(), 2);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_announced_by_one_push() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    let member = |id: &str| json!({ "transaction_id": id, "text": "50 000,00 ₽" });
    let body = json!({ "operation_id": "o-1", "transactions": [member("s-1"), member("s-2")] });
    let operation = house.ask_operation(&bank, &phone, body).await;
    let (first, second) = ("s-1".parse().unwrap(), "s-2".parse().unwrap());
    crate::until(async || house.status(&bank, &phone, &second).await == "pushSent").await;
    assert_eq!(house.status(&bank, &phone, &first).await, "pushSent");
    assert_eq!(services.apns.count(), 1);
    assert_eq!(services.apns.asked()[0].json()["transactionid"], "s-1");

    let shown = phone.show_operation(&operation, house.now()).await.unwrap();
    let answers = shown
        .members
        .iter()
        .map(|member| member.shown.as_ref().unwrap());
    let answers: Vec<_> = answers.map(device::Answer::Confirm).collect();
    phone
        .process(&operation, &answers, house.now())
        .await
        .unwrap();
    assert!(
        services.apns.has_been_asked(2, PATIENCE).await,
        "withdrawn as one"
    );
    assert_eq!(services.apns.asked()[1].json()["type"], "withdrawn");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_push_address_is_told_nothing_and_confirms_all_the_same() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let (silent, phone) = (house.phone(&bank).await, house.phone(&bank).await);
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    let id = house.ask(&bank, &silent, "nobody is told").await;
    let told = house.ask(&bank, &phone, "somebody is told").await;
    crate::until(async || house.status(&bank, &phone, &told).await == "pushSent").await;
    assert_eq!(services.apns.count(), 1);
    assert_eq!(house.status(&bank, &silent, &id).await, "initialized");
    let shown = silent.show(&id, house.now()).await.unwrap();
    silent.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}
