//! The activation code of a key, sent to its user: ordered by the bank, counted before anything leaves, and settled.

use countersign::bank::{Bank, Reply};
use futures::future::join_all;
use handlers::CodePolicy;
use reqwest::Method;
use schemas::commands::code_orders::Channel;
use serde_json::{Value, json};
use tests::house::{Issued, LogChoice, Plan, SYSTEM_ID, TestHouse};

use crate::until;

const HOUR_MS: i64 = 3_600_000;

fn policy() -> CodePolicy {
    CodePolicy {
        channels: Channel::ALL.to_vec(),
        ..CodePolicy::default()
    }
}

async fn order(bank: &Bank, user_id: &str, body: Value) -> Reply {
    order_under(bank, user_id, None, body).await
}

async fn order_under(bank: &Bank, user_id: &str, key: Option<&str>, body: Value) -> Reply {
    let path = format!("/{SYSTEM_ID}/users/{user_id}/key/send_activation_code");
    let reply = bank.call(Method::POST, &path, key, Some(body)).await;
    reply.unwrap()
}

fn to_both() -> Value {
    json!({ "phone": "+79991234567", "email": "ivan@mail.example" })
}

/// A user whose key waits for a code that the house drew.
async fn in_two_parts(house: &TestHouse, bank: &Bank) -> Issued {
    let wishes = json!({ "key_encryption_password": "7305512864" });
    house.issue(bank, wishes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_taken_once_under_its_identity_and_ends_after_an_hour() {
    let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes(policy())).await;
    let bank = house.bank().await;
    let issued = in_two_parts(&house, &bank).await;
    let first = order_under(&bank, &issued.user_id, Some("order-1"), to_both()).await;
    let first = first.success().unwrap();
    assert_eq!(first["channels"], json!(["sms", "email"]));
    assert_eq!(first["key_index"], 1);
    let again = order_under(&bank, &issued.user_id, Some("order-1"), to_both()).await;
    assert_eq!(again.success().unwrap()["order_id"], first["order_id"]);
    let owner = issued.owner();
    assert_eq!(house.count(&owner, "send_activation_code", 0).await, 1);
    // This house has nobody who sends: an hour later the order is over, and the contacts are gone with it.
    house.advance_ms(HOUR_MS);
    let house = house.restart().await;
    until(async || house.count(&owner, "send_activation_code_result", 0).await == 2).await;
    let history = format!("{:?}", house.history(&owner).await);
    for secret in ["9991234567", "mail.example", "7305512864"] {
        assert!(!history.contains(secret), "{secret} is in the log");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_17_codes_are_not_sent_by_the_thousand() {
    let permitted = CodePolicy {
        messages_per_system_and_day: 7,
        phone_prefixes: vec!["+7".to_owned()],
        ..policy()
    };
    let house = TestHouse::start(Plan::new(LogChoice::Memory).sending_codes(permitted)).await;
    let bank = house.bank().await;
    let one = in_two_parts(&house, &bank).await;
    let far_away = json!({ "phone": "+882161234567" });
    let refused = order(&bank, &one.user_id, far_away).await;
    assert_eq!(refused.error_code, 219);
    // A crowd of orders for one key: three are taken.
    let crowd = join_all((0..40).map(|_| order(&bank, &one.user_id, to_both()))).await;
    let count = |code| {
        crowd
            .iter()
            .filter(|reply| reply.error_code == code)
            .count()
    };
    assert_eq!((count(0), count(339)), (3, 37));
    let owner = one.owner();
    assert_eq!(house.count(&owner, "send_activation_code", 339).await, 37);
    // Other keys do not help: of seven messages a day one is left, for all users of the system together.
    let others = join_all((0..8).map(|_| in_two_parts(&house, &bank))).await;
    let to_phone = json!({ "phone": "+79991234567" });
    let orders = others
        .iter()
        .map(|other| order(&bank, &other.user_id, to_phone.clone()));
    let heard = join_all(orders).await;
    let taken = heard.iter().filter(|reply| reply.error_code == 0).count();
    assert_eq!(taken, 1, "{heard:?}");
    let mut journaled = 0;
    for other in &others {
        journaled += house
            .count(&other.owner(), "send_activation_code", 339)
            .await;
    }
    assert_eq!(journaled, 7, "each refusal is in the journal");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_is_not_told_how_sends_nothing() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = in_two_parts(&house, &bank).await;
    let refused = order(&bank, &issued.user_id, to_both()).await;
    assert_eq!(refused.error_code, 289);
    house.end().await;
}
