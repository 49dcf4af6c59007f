//! A key in two parts: the QR code alone is worth nothing, and the activation code can be tried five times.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use schemas::ErrorCode;
use serde_json::{Value, json};
use tests::house::{Issued, Phone, TestHouse};

use crate::raw::RawDevice;

const CODE: &str = "7305512864";
const WRONG: &str = "0000000000";
/// ONLINE_ACTIVATION_ATTEMPTS by default.
const TRIES: usize = 5;

async fn issued(house: &TestHouse) -> Issued {
    let bank = house.bank().await;
    house
        .issue(&bank, json!({ "key_encryption_password": CODE }))
        .await
}

/// A wrong try: the code heard, and how many are left.
async fn wrong(house: &TestHouse, phone: &mut Phone) -> (ErrorCode, Option<u32>) {
    match phone.activate(WRONG, house.now()).await.unwrap_err() {
        device::Error::Server(refusal) => {
            assert!(refusal.authenticated);
            (refusal.code, refusal.attempts_left)
        }
        other => panic!("the server refuses: {other:?}"),
    }
}

/// What an activation with a proof of nothing hears.
async fn guess(raw: &RawDevice, house: &TestHouse) -> u64 {
    let proof = hex::encode(bus::shell::random_bytes::<32>());
    let body = json!({ "activation_code_proof": proof });
    raw.post("activate", &body, house.now()).await.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_releases_the_second_half() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "return_key_method": "SPLIT_QR", "activation_code_length": 8 });
    let created = bank.create_user(wishes, None).await.unwrap();
    let created = created.success().unwrap();
    let code = created["activation_code"].as_str().unwrap();
    assert_eq!(code.len(), 8);
    let png = STANDARD.decode(created["key_QR"].as_str().unwrap());
    let mut phone = house.scanned(&countersign::camera::read(&png.unwrap()).unwrap());
    assert_eq!(
        wrong(&house, &mut phone).await,
        (ErrorCode::ActivationCodeIncorrect, Some(4))
    );
    phone.activate(code, house.now()).await.unwrap();
    phone.register(None, house.now()).await.unwrap();
    let id = house.ask(&bank, &phone, "in two parts").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_qr_code_alone_opens_nothing_but_the_activation() {
    let house = TestHouse::open().await;
    let issued = issued(&house).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    for tail in ["register", "transactions/get_list"] {
        let body = match tail {
            "register" => {
                json!({ "public_key": hex::encode(crate::register_and_renew::new_public_key()) })
            }
            _ => json!({}),
        };
        let answer = raw.post(tail, &body, house.now()).await;
        assert_eq!(answer.code(), 340, "{tail}");
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_are_counted_to_the_limit_over_a_restart() {
    let mut house = TestHouse::on_disk().await;
    let issued = issued(&house).await;
    let mut phone = house.scanned(&issued.key_text);
    let mut heard = Vec::new();
    for number in 1..=TRIES {
        if number == 3 {
            house = house.restart().await;
        }
        heard.push(wrong(&house, &mut phone).await);
    }
    let incorrect = |left| (ErrorCode::ActivationCodeIncorrect, Some(left));
    let mut expected = [4, 3, 2, 1].map(incorrect).to_vec();
    expected.push((ErrorCode::ActivationAttemptsExceeded, None));
    assert_eq!(heard, expected);

    // Now the right code comes too late, and the user is blocked.
    let error = phone.activate(CODE, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ActivationAttemptsExceeded));
    let raw = RawDevice::new(&house, &issued.key_text);
    let answer = raw
        .post("transactions/get_list", &json!({}), house.now())
        .await;
    assert_eq!((answer.code(), answer.status), (294, 423));
    let bank = house.stranger(tests::house::SYSTEM_ID);
    let body = json!({ "transaction_data": { "text": "for nobody" } });
    let created = bank.create_transaction(&issued.user_id, body, None).await;
    assert_eq!(created.unwrap().error_code, 294);

    // A new key is the way out.
    let next = house.reissue(&bank, &issued.user_id, json!({})).await;
    house.registered(&next).await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_wrong_codes_consumes_exactly_the_limit() {
    let house = TestHouse::open().await;
    let issued = issued(&house).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let guesses = (0..64).map(|_| guess(&raw, &house));
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    for code in join_all(guesses).await {
        *heard.entry(code).or_default() += 1;
    }
    assert_eq!(heard, BTreeMap::from([(342, TRIES - 1), (341, 64 - 4)]));
    let owner = issued.owner();
    for (word, result, times) in [
        ("activate_key_attempt", 0, TRIES),
        ("activate_key_failure", 342, TRIES - 1),
        ("activate_key_failure", 341, 1),
        ("activate_key", 0, 0),
    ] {
        assert_eq!(house.count(&owner, word, result).await, times, "{word}");
    }
    let answer = raw
        .post("transactions/get_list", &json!({}), house.now())
        .await;
    assert_eq!(answer.code(), 294);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tries_at_once_cost_two() {
    let house = TestHouse::open().await;
    let issued = issued(&house).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let heard = tokio::join!(guess(&raw, &house), guess(&raw, &house));
    assert_eq!(heard, (342, 342));
    let mut phone = house.scanned(&issued.key_text);
    let (_, left) = wrong(&house, &mut phone).await;
    assert_eq!(left, Some(2));
    phone.activate(CODE, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wrong_try_sent_again_costs_no_other() {
    let house = TestHouse::open().await;
    let issued = issued(&house).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let body = json!({ "activation_code_proof": "00".repeat(32), "device_event_id": "try-1" });
    for _ in 0..3 {
        let answer = raw.post("activate", &body, house.now()).await;
        assert_eq!(answer.code(), 342);
        let left: &Value = &answer.envelope()["answer"]["activation_refused"]["attempts_left"];
        assert_eq!(*left, 4);
    }
    assert_eq!(
        house
            .count(&issued.owner(), "activate_key_attempt", 0)
            .await,
        1
    );
    house.end().await;
}
