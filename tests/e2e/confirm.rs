//! The confirmation: exactly once, by the right key, over what was shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device::DeviceEventId;
use futures::future::join_all;
use p256::ecdsa::Signature;
use schemas::events::Event;
use schemas::events::transactions::TransactionEvent;
use schemas::vault::VaultName;
use schemas::{ErrorCode, TransactionId};
use serde_json::json;
use tests::house::{LogChoice, Phone, Plan, TestHouse, owner};

use crate::raw::{RawDevice, code_of, send};

const TEXT: &str = "Перевод 1 500,00 ₽ канарейке";

async fn confirmations(house: &TestHouse, phone: &Phone) -> usize {
    house.count(&owner(phone), "confirm_transaction", 0).await
}

/// The confirmation as the log has it: signature and code.
async fn recorded(house: &TestHouse, phone: &Phone) -> (Option<Vec<u8>>, Option<String>) {
    let history = house.history(&owner(phone)).await;
    let mut confirmed = history.into_iter().filter_map(|event| match event.event {
        Event::Transactions(TransactionEvent::Confirmed(confirmed)) => {
            Some((confirmed.signature, confirmed.confirm_code))
        }
        _ => None,
    });
    confirmed.next().expect("there is a confirmation")
}

/// The other signature of the same digest.
pub fn twin(signature: &[u8]) -> Vec<u8> {
    let signature = Signature::from_der(signature).unwrap();
    let (r, s) = signature.split_scalars();
    let twin = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    twin.to_der().as_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn signature_and_code_together_confirm() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");
    let (signature, code) = recorded(&house, &phone).await;
    assert_eq!(signature, Some(phone.signature(&shown).unwrap()));
    assert_eq!(code.unwrap().len(), 64);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_some_digits_is_accepted_for_three_steps_and_in_its_length_only() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    // A code alone is enough only before a public key is registered, so the signature goes with each.
    let confirm = async |id: &TransactionId, code: &str| {
        let shown = phone.show(id, house.now()).await.unwrap();
        let signature = hex::encode(phone.signature(&shown).unwrap());
        let body = json!({ "signature": signature, "confirm_code": code });
        let tail = format!("transactions/{id}/confirm");
        raw.post(&tail, &body, house.now()).await.code()
    };
    let request = json!({ "transaction_data": { "text": "six digits" }, "confirm_code_length": 6 });
    // (steps between the code's making and its use, what is heard)
    for (steps, heard) in [(-1, 0), (0, 0), (1, 0), (-2, 244), (2, 244)] {
        let id = house.ask_with(&bank, &phone, request.clone()).await;
        let shown = phone.show(&id, house.now()).await.unwrap();
        let made = house.now().plus_seconds(180 * steps);
        let code = phone.confirm_code(&shown, made).unwrap();
        assert_eq!(code.len(), 6);
        // Six digits of different steps are equal once in a million; then the assertion below would lie.
        assert_eq!(confirm(&id, &code).await, heard, "{steps} steps");
    }
    let id = house.ask_with(&bank, &phone, request).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let code = phone.confirm_code(&shown, house.now()).unwrap();
    assert_eq!(confirm(&id, &code[..5]).await, 254);
    assert_eq!(confirm(&id, &format!("{code}0")).await, 254);
    assert_eq!(confirm(&id, &code).await, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_alone_confirms_before_a_public_key_is_registered() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.scanned(&issued.key_text);
    let raw = RawDevice::new(&house, &issued.key_text);
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let tail = format!("transactions/{id}/confirm");
    let answer = raw.post(&tail, &json!({}), house.now()).await;
    assert_eq!(answer.code(), 280);
    let code = phone.confirm_code(&shown, house.now()).unwrap();
    let body = json!({ "confirm_code": code });
    assert_eq!(raw.post(&tail, &body, house.now()).await.code(), 0);
    assert_eq!(recorded(&house, &phone).await, (None, Some(code)));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_do_not_go_on_for_ever() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.scanned(&issued.key_text);
    let raw = RawDevice::new(&house, &issued.key_text);
    let request = json!({ "transaction_data": { "text": "pin" }, "confirm_code_length": 4 });
    let id = house.ask_with(&bank, &phone, request).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let right = phone.confirm_code(&shown, house.now()).unwrap();
    let accepted = [-1, 0, 1].map(|step| {
        let at = house.now().plus_seconds(180 * step);
        phone.confirm_code(&shown, at).unwrap()
    });
    let wrong = (0..10_000).map(|code| format!("{code:04}"));
    let wrong = wrong.filter(|code| !accepted.contains(code));
    let tail = format!("transactions/{id}/confirm");
    for code in wrong.take(5) {
        let body = json!({ "confirm_code": code });
        assert_eq!(raw.post(&tail, &body, house.now()).await.code(), 244);
    }
    let body = json!({ "confirm_code": right });
    assert_eq!(raw.post(&tail, &body, house.now()).await.code(), 267);
    assert_eq!(confirmations(&house, &phone).await, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_high_s_twin_is_the_same_signature_and_confirms_nothing_twice() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let low = phone.signature(&shown).unwrap();
    let high = twin(&low);
    assert_ne!(low, high);
    let submit = async |signature: &[u8]| {
        let event_id = DeviceEventId::fresh();
        let confirmation =
            phone.confirmation_signed_elsewhere(&shown, signature, &event_id, house.now());
        phone.submit(&confirmation.unwrap(), house.now()).await
    };
    submit(&high).await.unwrap();
    let (signature, _) = recorded(&house, &phone).await;
    assert_eq!(signature, Some(low.clone()), "stored in its one spelling");
    let heads = confirmations(&house, &phone).await;
    for signature in [&low, &high] {
        let error = submit(signature).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::TransactionChecked));
    }
    assert_eq!((heads, confirmations(&house, &phone).await), (1, 1));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signature_of_another_transaction_confirms_nothing() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let wanted = house.ask(&bank, &phone, TEXT).await;
    let other = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&wanted, house.now()).await.unwrap();
    let shown_other = phone.show(&other, house.now()).await.unwrap();
    let signature = phone.signature(&shown_other).unwrap();
    let event_id = DeviceEventId::fresh();
    let forged = phone.confirmation_signed_elsewhere(&shown, &signature, &event_id, house.now());
    let error = phone.submit(&forged.unwrap(), house.now()).await;
    assert_eq!(
        error.unwrap_err().code(),
        Some(ErrorCode::SignatureIsInvalid)
    );
    assert_eq!(house.status(&bank, &phone, &wanted).await, "dataSent");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_with_the_text_and_under_the_signature() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let data =
        json!({ "text": TEXT, "text_type": "markdown", "binary_data": STANDARD.encode(&bytes) });
    let id = house
        .ask_with(&bank, &phone, json!({ "transaction_data": data }))
        .await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    assert_eq!(shown.binary(), Some(&bytes[..]));
    let user_id = &phone.key().info().user_id;
    let path = format!("/users/{user_id}/transactions/{id}/binary_data");
    let seen = bank.get(&path).await.unwrap().success().unwrap();
    assert_eq!(seen["data"], STANDARD.encode(&bytes));
    phone.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_is_erased_once_it_is_confirmed() {
    let house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let content = [VaultName::transaction_content(&id)];
    let shown = phone.show(&id, house.now()).await.unwrap();
    let stored = house.log().vault(&owner(&phone), &content).await.unwrap();
    let sealed = stored[0].clone().expect("a pending text is kept");
    phone.confirm(&shown, house.now()).await.unwrap();
    let stored = house.log().vault(&owner(&phone), &content).await.unwrap();
    assert_eq!(stored, [None]);
    let user_id = phone.key().info().user_id.as_str();
    let data = bank.transaction_data(user_id, id.as_str()).await.unwrap();
    assert_eq!(data.error_code, 236, "nobody has the text any more");
    let history = house.history(&owner(&phone)).await;
    assert!(
        history
            .iter()
            .any(|event| event.event.word() == "clean_transaction")
    );
    // Neither the words nor their sealed bytes are anywhere on the disk, once the files are closed.
    let plan = house.end().await;
    for file in std::fs::read_dir(plan.folder()).unwrap() {
        // A write-ahead log goes as soon as the last connection to its database does.
        let Ok(bytes) = std::fs::read(file.unwrap().path()) else {
            continue;
        };
        assert!(!contains(&bytes, TEXT.as_bytes()));
        assert!(!contains(&bytes, &sealed));
    }
    assert!(!std::fs::read(plan.log_file()).unwrap().is_empty());
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_stays_where_the_setting_says_so() {
    let plan = Plan::new(LogChoice::Memory).with("CLEAN_TRANSACTION", "0");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    let user_id = phone.key().info().user_id.as_str();
    let data = bank.transaction_data(user_id, id.as_str()).await.unwrap();
    assert_eq!(data.success().unwrap()["text"], TEXT);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_answered_as_before_even_after_a_restart() {
    let mut house = TestHouse::on_disk().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let confirmation = phone.confirmation(&shown, &DeviceEventId::fresh(), house.now());
    let confirmation = confirmation.unwrap();
    for _ in 0..3 {
        let confirmed = phone.submit(&confirmation, house.now()).await.unwrap();
        assert_eq!(confirmed.transaction_id, id);
    }
    house = house.restart().await;
    house.advance_ms(100_000);
    phone.submit(&confirmation, house.now()).await.unwrap();
    assert_eq!(confirmations(&house, &phone).await, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_the_same_confirmation_is_one_confirmation() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let confirmation = phone.confirmation(&shown, &DeviceEventId::fresh(), house.now());
    let confirmation = confirmation.unwrap();
    let all = (0..64).map(|_| phone.submit(&confirmation, house.now()));
    for outcome in join_all(all).await {
        assert_eq!(outcome.unwrap().transaction_id, id);
    }
    assert_eq!(confirmations(&house, &phone).await, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_of_confirmations_one_wins() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let prepared: Vec<_> = (0..64)
        .map(|_| phone.prepare_confirm(&shown, house.now()).unwrap())
        .collect();
    let sent = prepared
        .iter()
        .map(|prepared| send(&house, &prepared.request));
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    for answer in join_all(sent).await {
        *heard.entry(code_of(&answer)).or_default() += 1;
    }
    assert_eq!(heard, BTreeMap::from([(0, 1), (232, 63)]));
    assert_eq!(confirmations(&house, &phone).await, 1);
    house.end().await;
}
