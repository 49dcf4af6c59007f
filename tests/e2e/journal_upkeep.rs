//! What becomes of journal records: cleaned, removed, never listed, and never lost from the log.

use std::time::Duration;

use countersign::bank::{Bank, Reply};
use projections::OnDifference;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

const PATIENCE: Duration = Duration::from_secs(15);

async fn records(house: &TestHouse, bank: &Bank, query: &str) -> Vec<Value> {
    house.projector().catch_up().await.unwrap();
    let page = bank.events(query, None).await.unwrap().success().unwrap();
    page["events"].as_array().unwrap().clone()
}

async fn call(bank: &Bank, method: Method, path: &str, body: Option<Value>) -> Reply {
    let path = format!("/{SYSTEM_ID}{path}");
    bank.call(method, &path, None, body).await.unwrap()
}

fn collecting() -> Value {
    json!({ "key_params": {
        "collect_events": true, "collect_device_info": true, "collect_device_SIM_info": true,
        "collect_device_location": true,
    } })
}

async fn rebuild(house: &TestHouse) {
    for name in projections::names() {
        let rebuilt = house
            .projector()
            .rebuild(name, OnDifference::KeepBoth, |_| {});
        assert!(rebuilt.await.unwrap().is_equal(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manuals_own_records_of_devices_are_taken_and_given_back_as_they_are() {
    for (text, os) in [
        (include_str!("device_info/android.json"), "Android"),
        (include_str!("device_info/ios.json"), "iOS"),
    ] {
        let house = TestHouse::open().await;
        let bank = house.bank().await;
        let issued = house.issue(&bank, collecting()).await;
        let info: Map<String, Value> = serde_json::from_str(text).unwrap();
        let mut phone = house
            .scanned(&issued.key_text)
            .with_device_info(info.clone());
        phone.register(None, house.now()).await.unwrap();
        let found = records(&house, &bank, "request_type=register_public_key").await;
        assert_eq!(found[0]["device_info"], Value::Object(info));
        assert_eq!(found[0]["device_info"]["osName"], os);
        let version = &found[0]["pc_version"];
        assert_eq!(
            (&version["product"], &version["pc_api_version"]),
            (&"Countersign".into(), &7.into())
        );
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_erases_what_tells_of_the_device_in_bounded_steps() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let info: Map<String, Value> =
        serde_json::from_str(include_str!("device_info/ios.json")).unwrap();
    let mut users = Vec::new();
    for _ in 0..2 {
        let issued = house.issue(&bank, collecting()).await;
        let mut phone = house
            .scanned(&issued.key_text)
            .with_device_info(info.clone());
        phone.register(None, house.now()).await.unwrap();
        users.push(issued.user_id);
    }
    let word = "request_type=register_public_key";
    house.projector().catch_up().await.unwrap();
    let one = json!({ "request_type": "register_public_key", "limit": 1 });
    let first = call(&bank, Method::POST, "/events/clean", Some(one.clone())).await;
    assert_eq!(
        first.success().unwrap(),
        json!({ "cleaned": 1, "more": true })
    );
    let found = records(&house, &bank, word).await;
    let told: Vec<bool> = found
        .iter()
        .map(|record| record.get("device_info").is_some())
        .collect();
    assert_eq!(told, [false, true]);
    assert_eq!(found[0].get("connection_info"), None);
    assert_eq!(
        found[0]["requester_ip_address"], "127.0.0.1",
        "the source stays"
    );

    // Until nothing is left to clean; again and again it is harmless.
    for (cleaned, more) in [(1, true), (0, false)] {
        let step = call(&bank, Method::POST, "/events/clean", Some(one.clone())).await;
        assert_eq!(
            step.success().unwrap(),
            json!({ "cleaned": cleaned, "more": more })
        );
        house.projector().catch_up().await.unwrap();
    }
    let found = records(&house, &bank, word).await;
    assert!(
        found
            .iter()
            .all(|record| record.get("device_info").is_none())
    );
    let cleaned = records(&house, &bank, "request_type=clean_events&limit=1000").await;
    // Every request leaves one for the system, and one for every user whose records it cleaned.
    assert_eq!(cleaned.len(), 5);
    assert_eq!(
        cleaned
            .iter()
            .filter(|record| record["event_data"]["cleaned"] == 1)
            .count(),
        2
    );
    rebuild(&house).await;

    let all = json!({ "user_id": users[0] });
    call(&bank, Method::POST, "/events/clean", Some(all))
        .await
        .success()
        .unwrap();
    let found = records(&house, &bank, &format!("user_id={}", users[0])).await;
    let untold = |record: &&Value| record.get("connection_info").is_none();
    assert!(
        found
            .iter()
            .filter(|record| record["request_type"] != "clean_events")
            .all(|record| untold(&record))
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_is_forbidden_until_the_setting_allows_it_and_the_log_keeps_everything() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    house.phone(&bank).await;
    let refused = call(&bank, Method::DELETE, "/events", None).await;
    assert_eq!((refused.status, refused.error_code), (403, 348));
    let before = records(&house, &bank, "limit=1000").await.len();
    assert!(before >= 4);

    let allow = Some(json!({ "ALLOW_EVENTS_REMOVE": "1" }));
    let answer = bank
        .call(Method::POST, "/server_settings", None, allow)
        .await;
    answer.unwrap().success().unwrap();
    house.advance_ms(1000);
    let removed = call(&bank, Method::DELETE, "/events", None).await;
    assert_eq!(removed.success().unwrap(), json!({}));
    let left = records(&house, &bank, "limit=1000").await;
    let words: Vec<&str> = left
        .iter()
        .map(|record| record["request_type"].as_str().unwrap())
        .collect();
    assert_eq!(words[0], "remove_events");
    assert!(
        words[1..].iter().all(|word| *word == "get_events"),
        "{words:?}"
    );
    rebuild(&house).await;
    assert!(records(&house, &bank, "limit=1000").await.len() < before + 2);
    let kept: u64 = house.heads().await.iter().sum();
    assert!(kept as usize > before, "the log loses nothing");

    // Who switched it on stands in the server's own journal, with before and after.
    let page = bank.call(Method::GET, "/server_events", None, None).await;
    let page = page.unwrap().success().unwrap();
    let changed = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|record| record["request_type"] == "load_and_refresh_properties");
    assert_eq!(
        changed.unwrap()["event_data"],
        json!({ "changes": [{ "name": "ALLOW_EVENTS_REMOVE", "before": "0", "after": "1" }] })
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transparent_event_is_posted_and_not_listed() {
    let plan = Plan::new(LogChoice::Memory).with("EVENTS_TRANSPARENT", "1");
    let house = TestHouse::start(plan).await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let change = Some(json!({ "events_post_url": receiver.events_url() }));
    call(&bank, Method::PATCH, "", change)
        .await
        .success()
        .unwrap();
    let telling = house.issue(&bank, collecting()).await;
    let silent = house.issue(&bank, json!({})).await;
    for issued in [&telling, &silent] {
        house.registered(issued).await;
    }
    let posted = receiver
        .wait_for(PATIENCE, |body| {
            body["request_type"] == "register_public_key"
        })
        .await
        .unwrap();
    assert!(keys.accept(&posted));
    assert_eq!(posted.json()["user_id"], telling.user_id);
    // What nobody is sent is listed: an event is never lost to both.
    let found = records(&house, &bank, "request_type=register_public_key").await;
    let users: Vec<&Value> = found.iter().map(|record| &record["user_id"]).collect();
    assert_eq!(users, [&Value::from(silent.user_id.as_str())]);
    let one = call(
        &bank,
        Method::GET,
        &format!("/events/{}", posted.json()["event_id"]),
        None,
    )
    .await;
    assert_eq!(one.error_code, 236);
    assert_eq!(
        house
            .count(&telling.owner(), "register_public_key", 0)
            .await,
        1,
        "the log has it"
    );
    rebuild_journal(&house).await;
    house.end().await;
}

async fn rebuild_journal(house: &TestHouse) {
    let rebuilt = house
        .projector()
        .rebuild("journal", OnDifference::KeepBoth, |_| {});
    assert!(rebuilt.await.unwrap().is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_collecting_nothing_is_posted_and_no_device_is_described() {
    let plan = Plan::new(LogChoice::Memory).with("COLLECT_EVENTS", "0");
    let house = TestHouse::start(plan).await;
    let (bank, receiver, _) = house.bank_with_receiver().await;
    let change = Some(json!({ "events_post_url": receiver.events_url() }));
    call(&bank, Method::PATCH, "", change)
        .await
        .success()
        .unwrap();
    let issued = house.issue(&bank, collecting()).await;
    let info: Map<String, Value> =
        serde_json::from_str(include_str!("device_info/android.json")).unwrap();
    let mut phone = house.scanned(&issued.key_text).with_device_info(info);
    phone.register(None, house.now()).await.unwrap();
    let history = house.history(&issued.owner()).await;
    assert!(
        history
            .iter()
            .all(|event| event.context.events_post_url.is_none())
    );
    let found = records(&house, &bank, "request_type=register_public_key").await;
    assert_eq!(found[0].get("device_info"), None);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_the_last_record_do_not_shift_and_results_are_a_filter() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    for text in ["a", "b", "c"] {
        house.ask(&bank, &phone, text).await;
    }
    let missing = bank
        .transaction_info(phone.key().info().user_id.as_str(), "nothing")
        .await;
    assert_eq!(missing.unwrap().error_code, 231);
    assert_eq!(records(&house, &bank, "result=231").await.len(), 1);
    let word = "request_type=create_transaction";
    let whole = records(&house, &bank, word).await;
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = bank
            .events(&format!("{word}&limit=1{after}"), None)
            .await
            .unwrap();
        let page = page.success().unwrap();
        paged.extend(page["events"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_i64() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(paged, whole);
    assert_eq!(whole.len(), 3);
    house.end().await;
}
