//! The audit journal: who did what, when, and what they heard.

use std::collections::BTreeSet;

use countersign::bank::Bank;
use schemas::words::JOURNAL_FIELDS;
use schemas::{Digest, ErrorCode};
use serde_json::{Map, Value, json};
use tests::house::{LogChoice, Plan, TestHouse};

/// Fields of the manual that no record of ours has: no code of one's own stands in a request, and nothing carries an
/// operation.
const NEVER: [&str; 2] = ["auth_code", "operationid"];

async fn records(bank: &Bank, query: &str) -> Vec<Value> {
    // Whatever was answered before this question is before it in the same house; wait for all of it.
    let info = bank.get("").await.unwrap();
    let page = bank.events(query, info.position.as_deref()).await.unwrap();
    let page = page.success().unwrap();
    page["events"].as_array().unwrap().clone()
}

async fn collecting_house() -> TestHouse {
    let plan = Plan::new(LogChoice::Memory).with("COLLECT_DEVICE_INFORMATION", "1");
    TestHouse::start(plan).await
}

fn info() -> Map<String, Value> {
    let info = json!({ "model": "Phone 3", "sim": { "operator": "none" } });
    info.as_object().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_the_fields_of_the_manual() {
    let house = collecting_house().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_params": {
        "with_finger_print": true, "collect_events": true, "collect_device_info": true,
        "collect_device_SIM_info": true,
    } });
    let issued = house.issue(&bank, wishes).await;
    let mut phone = house.scanned(&issued.key_text).with_device_info(info());
    phone.register(None, house.now()).await.unwrap();
    let fingerprint = Digest::sha256(b"this phone");
    phone
        .set_fingerprint(fingerprint, house.now())
        .await
        .unwrap();
    let id = house.ask(&bank, &phone, "recorded").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();

    house.projector().catch_up().await.unwrap();
    let found = records(&bank, "request_type=confirm_transaction").await;
    let [record] = &found[..] else {
        panic!("one confirmation: {found:?}")
    };
    let present: BTreeSet<&str> = record
        .as_object()
        .unwrap()
        .keys()
        .map(|key| &**key)
        .collect();
    let known = JOURNAL_FIELDS.iter().map(|field| field.name);
    // In the manual's examples, and not in its table.
    let known = known.chain(["updated_at"]);
    let expected: BTreeSet<&str> = known.filter(|name| !NEVER.contains(name)).collect();
    assert_eq!(present, expected);
    assert_eq!(record["device_info"], Value::Object(info()));
    assert_eq!(record["device_fingerprint"], fingerprint.to_string());
    assert_eq!(record["transaction_id"], id.as_str());
    assert_eq!(record["request_result"], 0);
    assert_eq!(record["created_at"], house.now().0);
    assert_eq!(record["requester_ip_address"], "127.0.0.1");
    let event_id = &record["event_id"];
    let one = bank.get(&format!("/events/{event_id}")).await.unwrap();
    assert_eq!(one.success().unwrap(), *record);
    let none = bank.get("/events/9000000000").await.unwrap();
    assert_eq!(none.error_code, 236);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device_information_is_kept_only_where_setting_and_key_ask_for_it() {
    let collecting = json!({ "collect_events": true, "collect_device_info": true });
    let silent = json!({ "collect_events": true });
    for (setting, params, kept) in [
        ("1", &collecting, true),
        ("0", &collecting, false),
        ("1", &silent, false),
    ] {
        let plan = Plan::new(LogChoice::Memory).with("COLLECT_DEVICE_INFORMATION", setting);
        let house = TestHouse::start(plan).await;
        let bank = house.bank().await;
        let issued = house.issue(&bank, json!({ "key_params": params })).await;
        // A device that sends it anyway.
        let raw = crate::raw::RawDevice::new(&house, &issued.key_text);
        let body = json!({ "device_info": info() });
        let answer = raw.post("transactions/get_list", &body, house.now()).await;
        assert_eq!(answer.code(), 0);
        house.projector().catch_up().await.unwrap();
        let found = records(&bank, "request_type=get_transactions").await;
        let has_info = found[0].get("device_info").is_some();
        assert_eq!(has_info, kept, "setting {setting}, {params}");
        house.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_recorded_with_their_code() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, "twice").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let error = phone.confirm(&shown, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TransactionChecked));
    house.projector().catch_up().await.unwrap();
    let query = format!("transaction_id={id}&request_type=confirm_transaction");
    let found = records(&bank, &query).await;
    let results: Vec<u64> = found
        .iter()
        .map(|record| record["request_result"].as_u64().unwrap())
        .collect();
    assert_eq!(results, [0, 232]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_filtered_and_paged() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let (anna, maria) = (house.phone(&bank).await, house.phone(&bank).await);
    let morning = house.now();
    house.ask(&bank, &anna, "a").await;
    house.advance_ms(1000);
    let id = house.ask(&bank, &anna, "b").await;
    house.ask(&bank, &maria, "c").await;
    house.projector().catch_up().await.unwrap();

    let user_id = &anna.key().info().user_id;
    let all = records(&bank, &format!("user_id={user_id}")).await;
    assert!(
        all.iter()
            .all(|record| record["user_id"] == user_id.as_str())
    );
    let words: Vec<&str> = all
        .iter()
        .map(|record| record["request_type"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "create_user",
            "register_public_key",
            "create_transaction",
            "create_transaction"
        ]
    );
    let noon = morning.plus_ms(1000);
    for (query, count) in [
        (format!("user_id={user_id}&from={noon}"), 1),
        (format!("user_id={user_id}&to={noon}"), 3),
        (format!("user_id={user_id}&from={morning}&to={morning}"), 0),
        (format!("transaction_id={id}"), 1),
        ("request_type=create_transaction".to_owned(), 3),
        ("request_type=create_transaction&limit=2".to_owned(), 2),
        (
            "request_type=create_transaction&offset=2&limit=2".to_owned(),
            1,
        ),
        ("user_id=nobody".to_owned(), 0),
    ] {
        assert_eq!(records(&bank, &query).await.len(), count, "{query}");
    }
    for query in [
        "limit=0",
        "limit=1001",
        "offset=-1",
        "request_type=Create",
        "x=1",
    ] {
        let answer = bank.events(query, None).await.unwrap();
        assert_eq!(answer.error_code, 283, "{query}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_the_journal_is_in_the_journal() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let first = bank.events("limit=1", None).await.unwrap();
    let query = "request_type=get_events";
    let seen = bank.events(query, first.position.as_deref()).await.unwrap();
    let seen = seen.success().unwrap();
    assert!(!seen["events"].as_array().unwrap().is_empty());
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_reports_is_recorded_under_its_word() {
    use schemas::commands::devices::DeviceReport;
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    phone
        .report(DeviceReport::RootDetected, house.now())
        .await
        .unwrap();
    house.projector().catch_up().await.unwrap();
    assert_eq!(records(&bank, "request_type=root_detected").await.len(), 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_sees_nothing_of_another_banks_journal() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let other = house
        .bank_named("99999999-2222-4333-8444-555555555555")
        .await;
    house.projector().catch_up().await.unwrap();
    let user_id = &phone.key().info().user_id;
    assert!(
        !records(&bank, &format!("user_id={user_id}"))
            .await
            .is_empty()
    );
    assert!(
        records(&other, &format!("user_id={user_id}"))
            .await
            .is_empty()
    );
    let own = records(&bank, "request_type=create_user").await;
    let event_id = &own[0]["event_id"];
    let foreign = other.get(&format!("/events/{event_id}")).await.unwrap();
    assert_eq!(foreign.error_code, 236);
    house.end().await;
}
