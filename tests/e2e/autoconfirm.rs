//! Automatic confirmations: a device agrees without its user, and a scoring service that listens on a real port says whether
//! it is to be trusted.

use std::time::Duration;

use countersign::bank::Bank;
use device::DeviceEventId;
use device::client::autoconfirm::Offer;
use reqwest::Method;
use schemas::TransactionId;
use serde_json::{Value, json};
use tests::house::{LogChoice, Phone, Plan, SYSTEM_ID, Said, Service, TestHouse, owner};
use tests::nats::TestNats;

use crate::raw::{self, RawDevice};

const PATIENCE: Duration = Duration::from_secs(15);
const SESSION: &str = "session-of-the-library";

fn score(score: u8) -> Said {
    Said::Json(json!({ "score": score, "details": { "rule": "calm" } }))
}

fn settings(service: &Service) -> String {
    let application = json!({ "site": "bank", "level": 2 });
    json!({ "url": service.url, "token": "secret", "score_min": 70, "application": application })
        .to_string()
}

async fn house(service: &Service) -> TestHouse {
    let plan = Plan::new(LogChoice::Memory).with("SCORING_SETTINGS", &settings(service));
    TestHouse::start(plan).await
}

fn wishes(autosign: bool, scoring: bool) -> Value {
    json!({ "key_params": { "autosign_enabled": autosign, "scoring_enabled": scoring } })
}

/// A phone that may confirm by itself.
async fn phone(house: &TestHouse, bank: &Bank) -> Phone {
    let issued = house.issue(bank, wishes(true, true)).await;
    house.registered(&issued).await
}

async fn offer(house: &TestHouse, phone: &Phone, id: &TransactionId) -> Offer {
    let offers = phone.autoconfirm_list(house.now()).await.unwrap();
    let offer = offers
        .into_iter()
        .find(|offer| offer.transaction.transaction_id == *id);
    offer.expect("the transaction is offered")
}

/// What the device hears when it confirms by itself; 0 for a success.
async fn autoconfirm(house: &TestHouse, phone: &Phone, offer: &Offer) -> u16 {
    match phone.autoconfirm(offer, SESSION, house.now()).await {
        Ok(()) => 0,
        Err(error) => {
            let code = error.code().expect("the server refuses").number();
            tests::coverage::note_code(code.into());
            code
        }
    }
}

async fn scoring(bank: &Bank, phone: &Phone, offer: &Offer) -> Value {
    let user_id = &phone.key().info().user_id;
    let id = &offer.transaction.transaction_id;
    let path = format!(
        "/{SYSTEM_ID}/users/{user_id}/transactions/{id}/attempts/{}/scoring",
        offer.attempt_id
    );
    let reply = bank.call(Method::GET, &path, None, None).await.unwrap();
    reply.success().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_device_confirms_without_its_user() {
    let service = Service::that_says(score(70)).await;
    let house = house(&service).await;
    let (bank, receiver, keys) = house.bank_with_receiver().await;
    let phone = phone(&house, &bank).await;
    let application = phone.scoring_settings(house.now()).await.unwrap();
    assert_eq!(
        Value::Object(application),
        json!({ "site": "bank", "level": 2 })
    );
    let id = house.ask(&bank, &phone, "a coffee").await;
    let offer = offer(&house, &phone, &id).await;
    assert_eq!(autoconfirm(&house, &phone, &offer).await, 0);

    let [asked] = &service.asked()[..] else {
        panic!("one question was expected");
    };
    assert_eq!(asked.authorization.as_deref(), Some("Bearer secret"));
    assert_eq!(asked.body["scoring_session"], SESSION);
    assert_eq!(asked.body["transaction_id"], id.as_str());
    assert_eq!(asked.body["attempt_id"], offer.attempt_id.to_string());
    assert!(
        !asked.body.to_string().contains("coffee"),
        "nobody outside is told what it is"
    );

    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");
    let owner = owner(&phone);
    assert_eq!(house.count(&owner, "autoconfirm_transaction", 0).await, 1);
    assert_eq!(house.count(&owner, "get_autoconfirm_list", 0).await, 1);
    assert_eq!(house.count(&owner, "confirm_transaction", 0).await, 0);
    let told = receiver
        .wait_for(PATIENCE, |body| {
            body["pc_callback"]["transaction_callback"]["transaction_id"] == id.as_str()
        })
        .await
        .unwrap();
    assert!(keys.accept(&told));
    let confirmation = &told.json()["pc_callback"]["transaction_callback"]["confirmation"];
    assert_eq!(confirmation["attempt_id"], offer.attempt_id.to_string());
    let seen = scoring(&bank, &phone, &offer).await;
    assert_eq!(
        (&seen["score"], &seen["is_trusted"]),
        (&70.into(), &true.into())
    );
    assert_eq!(seen["details"], json!({ "rule": "calm" }));

    // An operator's check knows which pair signed what.
    house.projector().catch_up().await.unwrap();
    let path = format!("/rks/{SYSTEM_ID}/check_confirmation");
    let body = json!({ "transaction_id": id.as_str() });
    let checked = bank
        .call(Method::POST, &path, None, Some(body))
        .await
        .unwrap();
    let checked = checked.success().unwrap();
    assert_eq!(checked["signature_verdict"], "valid");
    assert_eq!(checked["attempt_id"], offer.attempt_id.to_string());
    assert_eq!(checked["signature"], confirmation["signature"]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_below_the_limit_leaves_the_transaction_to_the_user() {
    let service = Service::that_says(score(69)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let phone = phone(&house, &bank).await;
    let id = house.ask(&bank, &phone, "a car").await;
    let offer = offer(&house, &phone, &id).await;
    assert_eq!(autoconfirm(&house, &phone, &offer).await, 302);
    let seen = scoring(&bank, &phone, &offer).await;
    assert_eq!(
        (&seen["score"], &seen["is_trusted"]),
        (&69.into(), &false.into())
    );
    // A better score comes too late: nobody may try until one fits.
    service.says(score(100));
    assert_eq!(autoconfirm(&house, &phone, &offer).await, 305);
    assert!(
        phone
            .autoconfirm_list(house.now())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(service.asked().len(), 1);
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    assert_eq!(house.status(&bank, &phone, &id).await, "confirmed");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_score_in_time_nothing_is_confirmed() {
    let service = Service::that_says(Said::Silence).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let phone = phone(&house, &bank).await;
    let elsewhere = Service::that_says(score(100)).await;
    for said in [
        Said::Silence,
        Said::Text(500, r#"{"score":100}"#),
        Said::Text(200, r#"{"score":NaN}"#),
        Said::Elsewhere(elsewhere.url.clone()),
        Said::Endless,
    ] {
        let id = house.ask(&bank, &phone, "a coffee").await;
        service.says_next(said.clone());
        let offer = offer(&house, &phone, &id).await;
        assert_eq!(autoconfirm(&house, &phone, &offer).await, 301, "{said:?}");
        assert_eq!(house.status(&bank, &phone, &id).await, "dataSent");
    }
    assert!(elsewhere.asked().is_empty());
    let owner = owner(&phone);
    assert_eq!(house.count(&owner, "autoconfirm_transaction", 301).await, 5);
    assert_eq!(house.count(&owner, "autoconfirm_transaction", 0).await, 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_counts_once_and_for_its_own_transaction() {
    let service = Service::that_says(score(100)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let phone = phone(&house, &bank).await;
    let (one, other) = (
        house.ask(&bank, &phone, "one").await,
        house.ask(&bank, &phone, "other").await,
    );
    let mut swapped = offer(&house, &phone, &one).await;
    let right = swapped.clone();
    swapped.transaction.transaction_id = other.clone();
    assert_eq!(autoconfirm(&house, &phone, &swapped).await, 304);
    house.advance_ms(60_000);
    assert_eq!(
        autoconfirm(&house, &phone, &right).await,
        304,
        "a minute is too long"
    );
    service.says_next(Said::Text(503, ""));
    let used = offer(&house, &phone, &one).await;
    assert_eq!(autoconfirm(&house, &phone, &used).await, 301);
    assert_eq!(
        autoconfirm(&house, &phone, &used).await,
        304,
        "it was used up"
    );
    assert_eq!(service.asked().len(), 1);

    // A crowd with one attempt: one effect, one question; the same body again hears the same.
    let fresh = offer(&house, &phone, &one).await;
    let crowd = (0..8).map(|_| autoconfirm(&house, &phone, &fresh));
    let heard = futures::future::join_all(crowd).await;
    assert_eq!(
        heard.iter().filter(|code| **code == 0).count(),
        1,
        "{heard:?}"
    );
    assert_eq!(service.asked().len(), 2);
    let owner = owner(&phone);
    assert_eq!(house.count(&owner, "autoconfirm_transaction", 0).await, 1);

    let fresh = offer(&house, &phone, &other).await;
    let shown = phone.show(&other, house.now()).await.unwrap();
    let event_id = DeviceEventId::fresh();
    let attempt_id = &fresh.attempt_id;
    let fixed = phone
        .autoconfirmation(&shown, attempt_id, SESSION, &event_id, house.now())
        .unwrap();
    for _ in 0..3 {
        phone.submit(&fixed, house.now()).await.unwrap();
    }
    assert_eq!(service.asked().len(), 3);
    assert_eq!(house.count(&owner, "autoconfirm_transaction", 0).await, 2);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_unproven_makes_the_house_call_anybody() {
    let service = Service::that_says(score(100)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, wishes(true, true)).await;
    let phone = house.registered(&issued).await;
    let id = house.ask(&bank, &phone, "a coffee").await;
    let offer = offer(&house, &phone, &id).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    let right = phone.autosign_signature(&shown, &offer.attempt_id).unwrap();
    let by_user = phone.signature(&shown).unwrap();
    let raw = RawDevice::new(&house, &issued.key_text);
    let tail = format!("transactions/{id}/autoconfirm");
    let body = |signature: &[u8]| {
        json!({
            "attempt_id": offer.attempt_id.to_string(), "signature": hex::encode(signature),
            "scoring_session": SESSION,
        })
    };
    let stranger = RawDevice {
        request_key: vec![7; 32],
        ..raw.clone()
    };
    let answer = stranger.post(&tail, &body(&right), house.now()).await;
    assert_eq!(answer.code(), 288);
    // The user's own pair, and a signature of other bytes.
    let answer = raw.post(&tail, &body(&by_user), house.now()).await;
    assert_eq!(answer.code(), 299);
    let confirm = format!("transactions/{id}/confirm");
    let swapped = json!({ "signature": hex::encode(&right) });
    let answer = raw.post(&confirm, &swapped, house.now()).await;
    assert_eq!(answer.code(), 278);
    for missing in ["attempt_id", "signature"] {
        let mut body = body(&right);
        body[missing] = Value::Null;
        let code = raw.post(&tail, &body, house.now()).await.code();
        assert_eq!(code, if missing == "attempt_id" { 306 } else { 279 });
    }
    // A replay of the stranger's kind: the right request, sent twice.
    assert!(service.asked().is_empty());
    let target = raw.target(&tail);
    let bytes = body(&right).to_string().into_bytes();
    let header = raw.header(&target, &bytes, house.now());
    let headers = [("content-type", "application/json"), ("pc-auth", &*header)];
    let url = format!("{}{target}", house.origin());
    let sent = async || raw::call(&raw.http, Method::POST, &url, &headers, bytes.clone()).await;
    assert_eq!(sent().await.code(), 0);
    assert_eq!(sent().await.code(), 288);
    assert_eq!(service.asked().len(), 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_keys_flags_and_the_settings_do_not_permit_is_refused() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    for (autosign, scoring, list, settings) in [
        (true, true, 298, 298),
        (true, false, 305, 289),
        (false, true, 305, 298),
    ] {
        let issued = house.issue(&bank, wishes(autosign, scoring)).await;
        let raw = RawDevice::new(&house, &issued.key_text);
        let ask = async |tail: &str| raw.post(tail, &json!({}), house.now()).await.code();
        assert_eq!(ask("autoconfirm/get_list").await, list);
        assert_eq!(ask("scoring/settings").await, settings);
    }
    house.end().await;
    let wrong = Plan::new(LogChoice::Memory).with("SCORING_SETTINGS", r#"{"score_min":70}"#);
    let house = TestHouse::start(wrong).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, wishes(true, true)).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let answer = raw
        .post("autoconfirm/get_list", &json!({}), house.now())
        .await;
    assert_eq!(answer.code(), 300);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_travels_over_nats_as_well() {
    let nats = TestNats::start().await;
    let service = Service::that_says(score(100)).await;
    let plan = Plan::new(LogChoice::Sqlite)
        .on_nats(nats.options())
        .with("SCORING_SETTINGS", &settings(&service));
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = phone(&house, &bank).await;
    let id = house.ask(&bank, &phone, "a coffee").await;
    let first = offer(&house, &phone, &id).await;
    assert_eq!(autoconfirm(&house, &phone, &first).await, 0);
    // An attempt that was used up stays so over a restart.
    let id = house.ask(&bank, &phone, "another").await;
    service.says_next(Said::Text(503, ""));
    let used = offer(&house, &phone, &id).await;
    assert_eq!(autoconfirm(&house, &phone, &used).await, 301);
    let house = house.restart().await;
    assert_eq!(autoconfirm(&house, &phone, &used).await, 304);
    let fresh = offer(&house, &phone, &id).await;
    assert_eq!(autoconfirm(&house, &phone, &fresh).await, 0);
    assert_eq!(service.asked().len(), 3);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_takes_no_connection_gives_no_score() {
    // Nobody accepts here, and the queue of those who wait is full: a further connection hangs.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting: Vec<_> = (0..8)
        .map(|_| tokio::spawn(tokio::net::TcpStream::connect(address)))
        .collect();
    let settings = json!({ "url": format!("http://{address}/"), "score_min": 70 });
    let plan = Plan::new(LogChoice::Memory)
        .with("SCORING_SETTINGS", &settings.to_string())
        .with("NETWORK_TIMEOUT", "100");
    let house = TestHouse::start(plan).await;
    let bank = house.bank().await;
    let phone = phone(&house, &bank).await;
    let id = house.ask(&bank, &phone, "a coffee").await;
    let offer = offer(&house, &phone, &id).await;
    assert_eq!(autoconfirm(&house, &phone, &offer).await, 301);
    for connection in waiting {
        connection.abort();
    }
    house.end().await;
}
