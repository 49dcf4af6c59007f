//! `X-Log-Position`: who did something sees it in the journal.

use serde_json::json;
use tests::house::{SYSTEM_ID, TestHouse};

use crate::raw;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_seen_by_whoever_brings_its_position() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.as_str();
    for number in 0..20 {
        let id = format!("payment-{number}");
        let body = json!({ "transaction_id": id, "transaction_data": { "text": "seen" } });
        let created = bank.create_transaction(user_id, body, None).await.unwrap();
        let position = created.position.clone().expect("an event has a place");
        let query = format!("transaction_id={id}");
        let page = bank.events(&query, Some(&position)).await.unwrap();
        let page = page.success().unwrap();
        assert_eq!(page["events"].as_array().unwrap().len(), 1, "{id}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_none_is_refused_and_one_that_never_comes_is_waited_for_briefly() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let url = format!("{}/pc-api/{SYSTEM_ID}/events", house.origin());
    for place in ["", "1", "64-1", "a-b", "1-1-1"] {
        let headers = [("x-log-position", place)];
        let http = raw::client();
        let answer = raw::call(&http, reqwest::Method::GET, &url, &headers, Vec::new()).await;
        assert_eq!(answer.code(), 219, "{place:?}");
    }
    let page = bank.events("", Some("0-1000000")).await.unwrap();
    page.success().unwrap();
    house.end().await;
}
