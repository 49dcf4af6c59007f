//! The pushes' door: a process that sends for others, and how much one user gets.

use countersign::simulate::{Fault, Order};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tests::coverage::note_code;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

use super::*;

const TOKEN: &str = "token-of-the-house";

/// A token file that lets [`TOKEN`] administer.
fn tokens() -> String {
    format!("* {}\n", schemas::Digest::sha256(TOKEN.as_bytes()))
}

async fn get(house: &TestHouse, path: &str) -> (StatusCode, Value) {
    let url = format!("{}/pc-pusher-api/{path}", house.origin());
    answered(Client::new().get(url).bearer_auth(TOKEN)).await
}

async fn answered(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
    let code = body["answer"]["result"]["error_code"].as_u64().unwrap();
    if code != 0 {
        note_code(code);
    }
    (status, body["answer"].clone())
}

fn order(house: &TestHouse, body: &Value) -> reqwest::RequestBuilder {
    let url = format!("{}/pc-pusher-api/push", house.origin());
    Client::new().post(url).bearer_auth(TOKEN).json(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_are_sent_by_another_process_that_forgets_them() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory)
        .pushing()
        .with_tokens(&tokens());
    services.write(&plan.pusher_folder());
    let pusher = TestHouse::start(plan).await;
    let url = format!("{}/pc-pusher-api", pusher.origin());
    let house = TestHouse::start(Plan::new(LogChoice::Memory).pushing_by(&url, TOKEN)).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "a payment").await;
    crate::until(async || house.status(&bank, &phone, &id).await == "pushSent").await;
    assert_eq!(
        services.apns.asked()[0].json()["transactionid"],
        id.as_str()
    );
    let (status, answer) = get(&pusher, &format!("status/{}", push_id(&id))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["push_status"]["status"], "sent");

    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    assert!(services.apns.has_been_asked(2, PATIENCE).await);
    assert_eq!(services.apns.asked()[1].json()["type"], "withdrawn");

    // The other process is started again while it holds a push.
    services.apns.fail_next(Fault::Hang);
    let id = house.ask(&bank, &phone, "another").await;
    assert!(services.apns.has_been_asked(3, PATIENCE).await);
    let pusher = pusher.restart().await;
    crate::until(async || {
        house.advance_ms(1000);
        house.status(&bank, &phone, &id).await == "pushSent"
    })
    .await;

    services.apns.behavior.forget(IPHONE, house.now().0 + 1);
    house.ask(&bank, &phone, "to nobody").await;
    crate::until(async || house.count(&owner(&phone), "forget_push_address", 0).await == 1).await;
    house.end().await;
    pusher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_says_what_is_wrong_and_when_it_is_full() {
    let services = Services::start().await;
    let plan = Plan::new(LogChoice::Memory)
        .pushing()
        .with_tokens(&tokens());
    services.write(&plan.pusher_folder());
    let pool = json!({ "core_size": 1, "max_core_size": 2, "queue_size": 1 });
    let common = json!({ "push_tasks_pool": pool, "notification_status_buffer_size": 3 });
    services.write_common(&plan.pusher_folder(), common);
    let pusher = TestHouse::start(plan).await;
    let push = |number: u32| {
        json!({
            "push_id": format!("push_{number}"), "system_id": SYSTEM_ID, "user_id": "u", "transaction_id": "t",
            "targets": [{ "os": "ios", "app_id": APP, "token": IPHONE }],
        })
    };
    services.apns.order(Order {
        fault: Fault::Hang,
        path: String::new(),
        times: 3,
    });
    for number in 0..3 {
        let (status, _) = answered(order(&pusher, &push(number))).await;
        assert_eq!(status, StatusCode::OK);
    }
    let (status, answer) = answered(order(&pusher, &push(3))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["result"]["error_code"], 313);
    assert_eq!(answer["result"]["error_message"], "TASKS_QUEUE_IS_FULL");
    assert_eq!(pusher.station().load(), (2, 1));
    let (_, answer) = get(&pusher, "status/push_0").await;
    assert_eq!(answer["push_status"]["status"], "queued");

    let (status, answer) = get(&pusher, "status/push_never").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["result"]["error_code"], 297);
    let (_, answer) = get(&pusher, "status/").await;
    assert_eq!(answer["result"]["error_code"], 265);
    let stranger = Client::new().get(format!("{}/pc-pusher-api/status/push_0", pusher.origin()));
    let (status, answer) = answered(stranger).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer["result"]["error_code"], 288);
    pusher.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_woken_without_end() {
    let services = Services::start().await;
    let house = services.house().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let iphone = address(DeviceType::Ios, IPHONE);
    phone.update_push(&iphone, house.now()).await.unwrap();
    for number in 0..31 {
        house.ask(&bank, &phone, &format!("payment {number}")).await;
    }
    let state = async || house.count(&owner(&phone), "send_push", 0).await;
    crate::until(async || state().await == 30).await;
    // Somebody else is told at once, while the last one waits.
    let other = house.phone(&bank).await;
    let another = address(DeviceType::Ios, &IPHONE.replace("00", "ee"));
    other.update_push(&another, house.now()).await.unwrap();
    let id = house.ask(&bank, &other, "another user's").await;
    crate::until(async || house.status(&bank, &other, &id).await == "pushSent").await;
    assert_eq!(state().await, 30);
    assert_eq!(phone.list(house.now()).await.unwrap().len(), 31);
    assert_eq!(
        services.apns.behavior.shown(IPHONE).len(),
        1,
        "they take each other's place"
    );
    house.advance_ms(61_000);
    crate::until(async || state().await == 31).await;
    house.end().await;
}
