//! Operations: several transactions, answered in one request, all of the answers or none.

use std::time::Duration;

use device::{Answer, Declination, DeviceEventId};
use futures::future::join_all;
use schemas::commands::operations::OperationStatus;
use schemas::{ErrorCode, OperationId, TransactionId};
use serde_json::{Value, json};
use tests::house::{LogChoice, Phone, Plan, TestHouse, owner};

use crate::raw::RawDevice;

const PATIENCE: Duration = Duration::from_secs(15);

fn salaries(count: usize) -> Value {
    let members: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "transaction_id": format!("s-{number}"), "text": format!("**Salary** {number}: 50 000,00 ₽"),
                "text_type": "Markdown", "snippet": format!("employee {number}"),
            })
        })
        .collect();
    json!({
        "operation_id": "salaries-11", "description": "# Salaries of November", "description_type": "Markdown",
        "app_extra": { "batch": 11 }, "transactions": members,
    })
}

async fn info(house: &TestHouse, phone: &Phone, id: &OperationId) -> Value {
    let bank = house.stranger(tests::house::SYSTEM_ID);
    let user_id = phone.key().info().user_id.as_str();
    let info = bank.operation_info(user_id, id.as_str()).await.unwrap();
    info.success().unwrap()
}

fn about(id: &OperationId) -> impl Fn(&Value) -> bool {
    move |body| body["pc_callback"]["operation_callback"]["operation_id"] == id.as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_shown_answered_and_told_to_the_bank() {
    let house = TestHouse::open().await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let id = house.ask_operation(&bank, &phone, salaries(3)).await;
    assert!(
        phone.list(house.now()).await.unwrap().is_empty(),
        "operations have a list of their own"
    );
    let list = phone.operations(house.now()).await.unwrap();
    assert_eq!(
        (list[0].transactions_total, list[0].transactions_waiting),
        (3, 3)
    );

    let shown = phone.show_operation(&id, house.now()).await.unwrap();
    assert_eq!(shown.description.as_deref(), Some("# Salaries of November"));
    assert_eq!(shown.app_extra, Some(json!({ "batch": 11 })));
    let texts: Vec<_> = shown
        .members
        .iter()
        .map(|member| member.shown.as_ref().unwrap())
        .collect();
    assert_eq!(texts[1].text(), "**Salary** 1: 50 000,00 ₽");
    assert_eq!(texts[1].text_type().word(), "markdown");
    let why = Declination {
        reason: "left in October".to_owned(),
        code: Some(7),
    };
    let answers = [
        Answer::Confirm(texts[0]),
        Answer::Decline(texts[1].transaction_id(), &why),
    ];
    let processed = phone.process(&id, &answers, house.now()).await.unwrap();
    assert_eq!(processed.status, OperationStatus::Partly);
    let told = receiver.wait_for(PATIENCE, about(&id)).await.unwrap();
    assert!(keys.accept(&told));
    let told = &told.json()["pc_callback"]["operation_callback"];
    assert_eq!(told["status"], "partly");
    let signature = hex::encode(phone.signature(texts[0]).unwrap());
    assert_eq!(
        told["transactions"][0]["confirmation"]["signature"],
        signature
    );
    assert_eq!(
        told["transactions"][1]["declination"],
        json!({ "reason": "left in October", "code": 7 })
    );

    let last = [Answer::Confirm(texts[2])];
    let processed = phone.process(&id, &last, house.now()).await.unwrap();
    assert_eq!(processed.status, OperationStatus::Processed);
    let info = info(&house, &phone, &id).await;
    assert_eq!(info["status"], "processed");
    let statuses: Vec<&Value> = info["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transaction| &transaction["status"])
        .collect();
    assert_eq!(statuses, ["confirmed", "declined", "confirmed"]);
    assert!(phone.operations(house.now()).await.unwrap().is_empty());
    assert_eq!(
        house.count(&owner(&phone), "operations_process", 0).await,
        2
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_names_the_operation() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask_operation(&bank, &phone, salaries(2)).await;
    let shown = phone.show_operation(&id, house.now()).await.unwrap();
    let first = shown.members[0].shown.as_ref().unwrap();
    phone.confirm(first, house.now()).await.unwrap();
    let twice = [Answer::Confirm(first)];
    let error = phone.process(&id, &twice, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TransactionChecked));
    let user_id = &phone.key().info().user_id;
    crate::until(async || {
        let events = bank
            .get(&format!("/events?user_id={user_id}"))
            .await
            .unwrap();
        let events = events.success().unwrap();
        let of = |word: &str| {
            let records = events["events"].as_array().unwrap().iter();
            records
                .filter(|record| record["request_type"] == word)
                .map(|record| {
                    (
                        record["operationid"].clone(),
                        record["request_result"].clone(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let named = |result: u16| vec![(json!("salaries-11"), json!(result))];
        of("create_operation") == named(0)
            && of("get_operation_data_list") == named(0)
            && of("confirm_transaction") == named(0)
            && of("operations_process") == named(232)
    })
    .await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_signature_among_many_refuses_all() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let id = house.ask_operation(&bank, &phone, salaries(40)).await;
    let shown = phone.show_operation(&id, house.now()).await.unwrap();
    let texts: Vec<_> = shown
        .members
        .iter()
        .filter_map(|member| member.shown.as_ref())
        .collect();
    let answers = |signed_last: usize| {
        let members: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let signed = if number == 39 { signed_last } else { number };
                let signature = hex::encode(phone.signature(texts[signed]).unwrap());
                json!({ "transaction_id": text.transaction_id(), "signature": signature })
            })
            .collect();
        json!({ "transactions": members })
    };
    let tail = format!("operations/{id}/process");
    let refused = raw.post(&tail, &answers(0), house.now()).await;
    assert_eq!(refused.code(), 278);
    assert_eq!(info(&house, &phone, &id).await["status"], "created");
    let taken = raw.post(&tail, &answers(39), house.now()).await;
    assert_eq!(taken.code(), 0);
    assert_eq!(info(&house, &phone, &id).await["status"], "processed");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_are_answered_in_one_request_and_survive_a_restart() {
    let house = TestHouse::start(Plan::new(LogChoice::Sqlite)).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask_operation(&bank, &phone, salaries(1000)).await;
    let house = house.restart().await;
    let phone = house.phone_with(phone.into_key());
    let shown = phone.show_operation(&id, house.now()).await.unwrap();
    let texts = shown
        .members
        .iter()
        .filter_map(|member| member.shown.as_ref());
    let answers: Vec<Answer<'_>> = texts.map(Answer::Confirm).collect();
    assert_eq!(answers.len(), 1000);
    let event_id = DeviceEventId::fresh();
    let processing = phone
        .processing(&id, &answers, &event_id, house.now())
        .unwrap();
    // The same request at the same moment, as a phone behind a bad network sends it.
    let twins = (0..4).map(|_| phone.submit(&processing, house.now()));
    for outcome in join_all(twins).await {
        assert_eq!(outcome.unwrap().status, OperationStatus::Processed);
    }
    let history = house.history(&owner(&phone)).await;
    let processed = history
        .iter()
        .filter(|event| event.event.word() == "operations_process");
    assert_eq!(processed.count(), 1);
    assert_eq!(info(&house, &phone, &id).await["transactions_waiting"], 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_of_an_operation_is_too_late_for_everything_in_it() {
    let house = TestHouse::open().await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = house.phone(&bank).await;
    let mut request = salaries(3);
    request["ttl"] = json!(60);
    let id = house.ask_operation(&bank, &phone, request).await;
    let shown = phone.show_operation(&id, house.now()).await.unwrap();
    let texts: Vec<_> = shown
        .members
        .iter()
        .map(|member| member.shown.as_ref().unwrap())
        .collect();
    let first = [Answer::Confirm(texts[0])];
    house.advance_ms(59_999);
    phone.process(&id, &first, house.now()).await.unwrap();
    house.advance_ms(1);
    let late = [Answer::Confirm(texts[1])];
    let error = phone.process(&id, &late, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OperationExpired));
    let error = phone.confirm(texts[2], house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TransactionExpired));
    let expired = |body: &Value| body["pc_callback"]["result"]["error_code"] == 317;
    let told = receiver.wait_for(PATIENCE, expired).await.unwrap();
    assert!(keys.accept(&told));
    let told = &told.json()["pc_callback"]["operation_callback"];
    let ids: Vec<&Value> = told["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["transaction_id"])
        .collect();
    assert_eq!(ids, ["s-1", "s-2"]);
    assert_eq!(info(&house, &phone, &id).await["status"], "expired");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changes_only_before_anybody_saw_it() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask_operation(&bank, &phone, salaries(1)).await;
    let user_id = phone.key().info().user_id.clone();
    let path = format!("/{}/users/{user_id}/operations/{id}", bank.system_id());
    let update = async || {
        let body = Some(json!({ "description": "corrected", "ttl": 60 }));
        let updated = bank.call(reqwest::Method::PATCH, &path, None, body).await;
        updated.unwrap().error_code
    };
    assert_eq!(update().await, 0);
    let shown = phone.show_operation(&id, house.now()).await.unwrap();
    assert_eq!(shown.description.as_deref(), Some("corrected"));
    assert_eq!(shown.summary.expires_at, Some(house.now().plus_seconds(60)));
    assert_eq!(update().await, 312);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_used_once_in_its_system() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let (first, second) = (house.phone(&bank).await, house.phone(&bank).await);
    house.ask_operation(&bank, &first, salaries(2)).await;
    let code = async |phone: &Phone, body: Value| {
        let user_id = phone.key().info().user_id.as_str();
        let created = bank.create_operation(user_id, body, None).await;
        created.unwrap().error_code
    };
    assert_eq!(code(&second, salaries(1)).await, 313);
    let mut other = salaries(1);
    other["operation_id"] = json!("salaries-12");
    assert_eq!(code(&second, other.clone()).await, 271);
    other["transactions"][0]["transaction_id"] = json!("t-0");
    assert_eq!(code(&second, other).await, 0);
    let id: TransactionId = "t-0".parse().unwrap();
    assert_eq!(house.status(&bank, &second, &id).await, "initialized");
    house.end().await;
}
