//! A bank and an operator ask about the past, and get the answers of then.

use countersign::bank::{Bank, Reply};
use reqwest::Method;
use schemas::Timestamp;
use serde_json::{Value, json};
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

/// A question with `as_of`, and its answer.
async fn ask(bank: &Bank, path: &str, as_of: impl ToString) -> Reply {
    let sign = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{sign}as_of={}", as_of.to_string());
    bank.get(&path).await.unwrap()
}

async fn told(bank: &Bank, path: &str, as_of: impl ToString) -> Value {
    ask(bank, path, as_of).await.success().unwrap()
}

async fn rks(bank: &Bank, tail: &str) -> Value {
    let path = format!("/rks/{SYSTEM_ID}{tail}");
    let reply = bank.call(Method::GET, &path, None, None).await.unwrap();
    reply.success().unwrap()
}

/// A transaction with a minute to answer.
fn asking(text: &str) -> Value {
    json!({ "transaction_data": { "text": text }, "ttl": 60 })
}

/// The moment, after which the clock goes on.
fn moment(house: &TestHouse) -> i64 {
    let Timestamp(now) = house.now();
    house.advance_ms(1_000);
    now
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_what_it_was_at_every_moment() {
    let plan = Plan::new(LogChoice::Sqlite).with("CLEAN_TRANSACTION", "1");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user = format!("/users/{}", phone.key().info().user_id);
    let before = moment(&house);
    let id = house.ask_with(&bank, &phone, asking("agree?")).await;
    let asked = moment(&house);
    let shown = phone.show(&id, house.now()).await.unwrap();
    let served = moment(&house);
    phone.confirm(&shown, house.now()).await.unwrap();
    let confirmed = moment(&house);
    let late = house.ask_with(&bank, &phone, asking("too late")).await;
    let pending = moment(&house);
    house.advance_ms(3_600_000);

    let path = format!("{user}/transactions/{id}");
    assert_eq!(ask(&bank, &path, before).await.error_code, 231);
    for (at, status) in [
        (asked, "initialized"),
        (served, "dataSent"),
        (confirmed, "confirmed"),
    ] {
        let entry = told(&bank, &path, at).await;
        assert_eq!(entry["status"], status);
        assert_eq!(entry["finished_at"].is_null(), status != "confirmed");
    }
    let late = format!("{user}/transactions/{late}");
    assert_eq!(told(&bank, &late, pending).await["status"], "initialized");
    assert_eq!(
        bank.get(&late).await.unwrap().success().unwrap()["status"],
        "expired"
    );
    let list = format!("{user}/transactions");
    for (at, waiting) in [
        (before, 0),
        (asked, 1),
        (served, 1),
        (confirmed, 0),
        (pending, 1),
    ] {
        let found = told(&bank, &list, at).await;
        assert_eq!(found["transactions"].as_array().unwrap().len(), waiting);
    }

    // Text and bytes were erased with the confirmation: no moment of the past brings them back.
    house.projector().catch_up().await.unwrap();
    let seen = rks(&bank, &format!("/transactions/{id}?as_of={served}")).await;
    assert_eq!(
        (&seen["info"]["status"], &seen["data"]),
        (&"dataSent".into(), &Value::Null)
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_the_key_are_what_they_were() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let before = moment(&house);
    let issued = house.issue(&bank, json!({})).await;
    let at_first = moment(&house);
    let phone = house.registered(&issued).await;
    let registered = moment(&house);
    let user_id = phone.key().info().user_id.clone();
    let user = format!("/users/{user_id}");
    let info = bank.get(&user).await.unwrap();
    let position = info.position.clone().unwrap();
    let path = format!("/{SYSTEM_ID}{user}");
    let deleted = bank.call(Method::DELETE, &path, None, None).await;
    deleted.unwrap().success().unwrap();

    assert_eq!(bank.get(&user).await.unwrap().error_code, 209);
    assert_eq!(ask(&bank, &user, before).await.error_code, 208);
    let first = told(&bank, &user, at_first).await;
    assert_eq!(
        (&first["key_status"], &first["public_key"]),
        (&"issued".into(), &Value::Null)
    );
    for as_of in [registered.to_string(), position] {
        let then = told(&bank, &user, as_of).await;
        assert_eq!(then["key_status"], "active");
        assert_eq!(
            then["user_name"],
            Value::Null,
            "names are erased with their users"
        );
    }
    let then = rks(&bank, &format!("/users/{user_id}?as_of={at_first}")).await;
    assert_eq!(then["key_status"], "issued");
    let operations = told(&bank, &format!("{user}/operations"), registered).await;
    assert_eq!(operations["operations"], json!([]));

    // A moment that never was, and one that has not come.
    assert_eq!(ask(&bank, &user, "3-99999").await.error_code, 236);
    assert_eq!(
        ask(&bank, &user, "2100-01-01T00:00:00Z").await.error_code,
        283
    );
    assert_eq!(ask(&bank, &user, "yesterday").await.error_code, 283);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_what_it_was_and_the_look_is_in_it() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let user_id = phone.key().info().user_id.clone();
    let id = house.ask(&bank, &phone, "agree?").await;
    let asked = moment(&house);
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let journal = format!("/events?user_id={user_id}");
    let then = told(&bank, &journal, asked).await;
    let records = then["events"].as_array().unwrap();
    let last = records.last().unwrap();
    assert_eq!(last["request_type"], "create_transaction");
    assert!(last["connection_info"].is_object(), "{last}");
    let by_operator = rks(&bank, &format!("/users/{user_id}/events?as_of={asked}")).await;
    assert_eq!(by_operator["events"], then["events"]);
    let narrowed = told(&bank, &format!("{journal}&request_type=create_user"), asked).await;
    assert_eq!(narrowed["events"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&bank, &journal, "3-99999").await.error_code, 236);

    // The past of everybody is no answer of the service.
    let everybody = ask(&bank, "/events", asked).await;
    assert_eq!(everybody.error_code, 289);
    let why = everybody.success().unwrap_err().to_string();
    assert!(why.contains("countersign replay"), "{why}");

    // What is erased now is erased in the past, and said to be.
    house.advance_ms(60_000);
    house.projector().catch_up().await.unwrap();
    let body = json!({ "user_id": user_id.as_str() });
    let path = format!("/{SYSTEM_ID}/events/clean");
    let cleaned = bank.call(Method::POST, &path, None, Some(body)).await;
    cleaned.unwrap().success().unwrap();
    let again = told(&bank, &journal, asked).await;
    let again = again["events"].as_array().unwrap();
    assert_eq!(again.len(), records.len());
    let last = again.last().unwrap();
    assert!(last["connection_info"].is_null(), "{last}");
    assert!(last["updated_at"].as_i64() > last["created_at"].as_i64());

    // Whoever looked at the past is in the present.
    let path = format!("/users/{user_id}/transactions/{id}");
    assert_eq!(told(&bank, &path, asked).await["status"], "initialized");
    house.projector().catch_up().await.unwrap();
    let looks = format!("/events?user_id={user_id}&request_type=get_transaction_info");
    let looks = bank.get(&looks).await.unwrap().success().unwrap();
    let look = looks["events"].as_array().unwrap().last().unwrap();
    assert_eq!(look["event_data"], json!({ "as_of": asked.to_string() }));
    house.end().await;
}
