//! Without a network on the phone: a transaction carried by a QR code, a code carried by the user; and codes for data that
//! is no transaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::bank::Bank;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::house::{Phone, SYSTEM_ID, TestHouse, owner};

const TEXT: &str = "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»";

fn user_id(phone: &Phone) -> &str {
    phone.key().info().user_id.as_str()
}

async fn create(bank: &Bank, phone: &Phone, body: Value) -> Value {
    let created = bank.create_transaction(user_id(phone), body, None).await;
    created.unwrap().success().unwrap()
}

fn offline(digits: u8) -> Value {
    json!({
        "transaction_data": { "text": TEXT }, "notification_type": "Offline", "confirm_code_length": digits,
    })
}

async fn typed(bank: &Bank, phone: &Phone, id: &str, code: &str) -> u64 {
    let confirmed = bank.confirm_offline(user_id(phone), id, code).await;
    confirmed.unwrap().error_code
}

/// Codes of so many digits that are none of those accepted now.
fn wrong_codes(accepted: &[String], digits: usize) -> impl Iterator<Item = String> {
    let codes = (0..10_u64.pow(digits as u32)).map(move |code| format!("{code:0digits$}"));
    codes.filter(|code| !accepted.contains(code))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_a_network_confirms_by_a_code_that_the_user_types() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let created = create(&bank, &phone, offline(8)).await;
    let id = created["transaction_id"].as_str().unwrap();
    let png = STANDARD
        .decode(created["transaction_qr"].as_str().unwrap())
        .unwrap();
    let read = countersign::camera::read(&png).unwrap();
    assert_eq!(read, created["transaction_text"].as_str().unwrap());
    let shown = phone.show_carried(&read).unwrap();
    assert_eq!(shown.text(), TEXT);
    let code = phone.confirm_code(&shown, house.now()).unwrap();
    // Typed in the next step of time: people are slow.
    house.advance_ms(180_000);
    assert_eq!(typed(&bank, &phone, id, &code).await, 0);
    assert_eq!(
        house.status(&bank, &phone, &id.parse().unwrap()).await,
        "confirmed"
    );
    assert_eq!(typed(&bank, &phone, id, &code).await, 232);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_five_are_looked_at() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let created = create(&bank, &phone, offline(4)).await;
    let id = created["transaction_id"].as_str().unwrap();
    let shown = phone
        .show_carried(created["transaction_text"].as_str().unwrap())
        .unwrap();
    let accepted = [-180, 0, 180].map(|seconds| {
        let at = house.now().plus_seconds(seconds);
        phone.confirm_code(&shown, at).unwrap()
    });
    let guesses: Vec<String> = wrong_codes(&accepted, 4).take(200).collect();
    let heard = join_all(guesses.iter().map(|code| typed(&bank, &phone, id, code))).await;
    let count = |code| heard.iter().filter(|heard| **heard == code).count();
    assert_eq!((count(261), count(267)), (5, 195));
    assert_eq!(typed(&bank, &phone, id, &accepted[1]).await, 267);
    let tried = house
        .count(&owner(&phone), "confirm_transaction_attempt", 0)
        .await;
    assert_eq!(tried, 5);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_offline_transaction_is_confirmed_by_a_typed_code() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let code = phone.confirm_code(&shown, house.now()).unwrap();
    assert_eq!(typed(&bank, &phone, id.as_str(), &code).await, 328);
    let long = json!({ "transaction_data": { "text": "x".repeat(2_400) }, "notification_type": "Offline" });
    let refused = bank
        .create_transaction(user_id(&phone), long, None)
        .await
        .unwrap();
    assert_eq!(refused.error_code, 350);
    let link = json!({ "transaction_data": { "text": TEXT }, "notification_type": "URL" });
    let created = create(&bank, &phone, link).await;
    let url = created["transaction_url"].as_str().unwrap();
    assert!(url.contains("://transaction?system_id="), "{url}");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_confirmed_without_a_transaction() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let users = format!("/{SYSTEM_ID}/users/{}/confirm_code", user_id(&phone));
    let common = format!("/{SYSTEM_ID}/confirm_code");
    let post = async |path: String, body: Value| {
        let reply = bank.call(Method::POST, &path, None, Some(body)).await;
        reply.unwrap()
    };
    let data = "login from a new browser";
    let ask = json!({ "data": data, "confirm_code_length": 6 });
    let made = post(format!("{users}/gen"), ask.clone()).await;
    let made = made.success().unwrap();
    let own = phone.data_code(data, Some(6), house.now()).unwrap();
    assert_eq!(made["confirm_code"], own.as_str());
    let check =
        |code: &str| json!({ "data": data, "confirm_code_length": 6, "confirm_code": code });
    let checked = post(format!("{users}/check"), check(&own)).await;
    assert_eq!(checked.error_code, 0);

    let made = post(format!("{common}/gen"), ask).await.success().unwrap();
    let code = made["confirm_code"].as_str().unwrap();
    assert_ne!(code, own, "another key");
    let wrong = wrong_codes(&[code.to_owned()], 6).next().unwrap();
    let checked = post(format!("{common}/check"), check(&wrong)).await;
    assert_eq!(checked.error_code, 261);
    let checked = post(format!("{common}/check"), check(code)).await;
    assert_eq!(checked.error_code, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_data_five_are_looked_at_and_time_gives_tries_back() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let path = format!("/{SYSTEM_ID}/users/{}/confirm_code/check", user_id(&phone));
    let check = async |data: String, code: String| {
        let body = json!({ "data": data, "confirm_code_length": 4, "confirm_code": code });
        let reply = bank.call(Method::POST, &path, None, Some(body)).await;
        reply.unwrap().error_code
    };
    let right = |data: &str| phone.data_code(data, Some(4), house.now()).unwrap();
    // Another text with every guess: the tries are the user's, not the text's.
    let guesses = (0..64).map(|number| {
        let data = format!("order {number}");
        let accepted = [-180, 0, 180].map(|seconds| {
            let at = house.now().plus_seconds(seconds);
            phone.data_code(&data, Some(4), at).unwrap()
        });
        let wrong = wrong_codes(&accepted, 4).next().unwrap();
        check(data, wrong)
    });
    let heard = join_all(guesses).await;
    let count = |code| heard.iter().filter(|heard| **heard == code).count();
    assert_eq!((count(261), count(267)), (5, 59));
    assert_eq!(check("order".to_owned(), right("order")).await, 267);
    house.advance_ms(900_000);
    assert_eq!(check("order".to_owned(), right("order")).await, 0);
    house.end().await;
}
