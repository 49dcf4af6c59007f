//! A device's request works once: who recorded it cannot use it again.

use device::DeviceEventId;
use schemas::ErrorCode;
use serde_json::json;
use tests::house::{LogChoice, Plan, TestHouse, owner};

use crate::raw::{RawDevice, code_of, send};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_again_are_refused_also_after_a_restart() {
    let mut house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "once").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let prepared = phone.prepare_confirm(&shown, house.now()).unwrap();
    let first = send(&house, &prepared.request).await;
    assert_eq!(code_of(&first), 0);
    let heads = house.heads().await;
    for _ in 0..2 {
        let again = send(&house, &prepared.request).await;
        assert_eq!((again.status, code_of(&again)), (401, 288));
        house = house.restart().await;
    }
    assert_eq!(house.heads().await, heads, "a replay leaves no event");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_welcome_and_its_replay_is_not() {
    let mut house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "twice").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let confirmation = phone.confirmation(&shown, &DeviceEventId::fresh(), house.now());
    let confirmation = confirmation.unwrap();
    phone.submit(&confirmation, house.now()).await.unwrap();
    let retry = phone.prepare(&confirmation, house.now()).unwrap();
    assert_eq!(code_of(&send(&house, &retry.request).await), 0);
    assert_eq!(code_of(&send(&house, &retry.request).await), 288);
    house = house.restart().await;
    assert_eq!(code_of(&send(&house, &retry.request).await), 288);
    let confirmed = house.count(&owner(&phone), "confirm_transaction", 0).await;
    assert_eq!(confirmed, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn even_a_question_is_answered_once() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let target = raw.target("transactions/get_list");
    let header = raw.header(&target, b"{}", house.now());
    let url = format!("{}{target}", raw.origin);
    let headers = [("content-type", "application/json"), ("pc-auth", &*header)];
    let mut heard = Vec::new();
    for _ in 0..3 {
        let post = reqwest::Method::POST;
        let answer = crate::raw::call(&raw.http, post, &url, &headers, b"{}".to_vec()).await;
        heard.push(answer.code());
    }
    assert_eq!(heard, [0, 288, 288]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_of_the_same_bytes_one_is_heard() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "crowd").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let prepared = phone.prepare_confirm(&shown, house.now()).unwrap();
    let all = (0..32).map(|_| send(&house, &prepared.request));
    let answers = futures::future::join_all(all).await;
    let mut heard: Vec<u64> = answers.iter().map(code_of).collect();
    heard.sort_unstable();
    assert_eq!(heard[0], 0);
    assert!(heard[1..].iter().all(|code| *code == 288), "{heard:?}");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_time_window_the_time_must_grow() {
    let plan = Plan::new(LogChoice::Memory).with("CHECK_HTTP_AUTH_HEADER_TIME_INTERVAL", "0");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let list = async |at| {
        let answer = raw.post("transactions/get_list", &json!({}), at).await;
        ErrorCode::from_number(answer.code() as u16).unwrap()
    };
    let begin = house.now().plus_seconds(-86_400);
    assert_eq!(list(begin).await, ErrorCode::Normal);
    assert_eq!(list(begin).await, ErrorCode::HttpAuthCodeInvalid);
    assert_eq!(
        list(begin.plus_ms(-1)).await,
        ErrorCode::HttpAuthCodeInvalid
    );
    assert_eq!(list(begin.plus_ms(1)).await, ErrorCode::Normal);
    house.end().await;
}
