//! Recovering a key: a user with a code word, or with a service of the bank's, gets another key on the same phone.

use std::time::Duration;

use countersign::bank::Bank;
use device::DeviceKey;
use device::client::recovery::CodeWord;
use reqwest::Method;
use schemas::{ErrorCode, KeyIndex};
use serde_json::{Value, json};
use tests::house::{Issued, LogChoice, Phone, Plan, Said, Service, TestHouse, owner};

use crate::raw::RawDevice;

const PATIENCE: Duration = Duration::from_secs(15);
const WORD: &str = "ромашка в поле";
const DAY_MS: i64 = 86_400_000;

fn templates(service: &Service) -> String {
    json!({ "templates": [
        { "id": "word", "type": "code_word", "title": "A word" },
        { "id": "bank", "type": "http", "title": "The bank", "url": service.url, "token": "secret" },
        { "id": "palm", "type": "palm", "title": "A palm" },
    ] })
    .to_string()
}

fn accepted(accepted: bool) -> Said {
    Said::Json(json!({ "accepted": accepted }))
}

async fn house(service: &Service) -> TestHouse {
    let plan = Plan::new(LogChoice::Memory)
        .with("EXT_AUTH_SETTINGS", &templates(service))
        .with("EXT_AUTH_FAIL_LIMIT", "3");
    TestHouse::start(plan).await
}

async fn phone_with_word(house: &TestHouse, bank: &Bank) -> Phone {
    let phone = house.phone(bank).await;
    set_word(house, &phone).await;
    phone
}

/// The code and the tries that are left.
fn refusal(error: device::Error) -> (ErrorCode, Option<u32>) {
    match error {
        device::Error::Server(refusal) => {
            assert!(refusal.authenticated);
            tests::coverage::note_code(refusal.code.number().into());
            (refusal.code, refusal.attempts_left)
        }
        other => panic!("the server refuses: {other:?}"),
    }
}

async fn answer(house: &TestHouse, phone: &mut Phone, word: &str) -> Result<(), device::Error> {
    let challenge = phone.recovery_challenge(house.now()).await?;
    phone
        .recover_with_code_word(&challenge, word, house.now())
        .await
}

/// The user of this phone has set up the word.
async fn set_word(house: &TestHouse, phone: &Phone) {
    let set = phone.set_code_word("word", WORD, house.now());
    set.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_word_brings_another_key_to_the_same_phone() {
    let service = Service::that_says(accepted(true)).await;
    let house = house(&service).await;
    let (bank, receiver, _) = house.bank_with_receiver().await;
    let issued = house.issue(&bank, json!({})).await;
    let mut phone = house.registered(&issued).await;
    let offered = phone.recovery_templates(house.now()).await.unwrap();
    let ids: Vec<&str> = offered.iter().map(|offer| &*offer.template_id).collect();
    assert_eq!(ids, ["word", "bank"]);
    set_word(&house, &phone).await;
    let kept = phone.recovery_requisites(house.now()).await.unwrap();
    assert_eq!((&*kept.template_id, kept.requisites), ("word", None));

    // A year later the key's life is over, and the word is all that is left.
    let id = house.ask(&bank, &phone, "before the end").await;
    house.advance_ms(366 * DAY_MS);
    let refused = phone.list(house.now()).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::KeyExpired));
    answer(&house, &mut phone, &format!(" {WORD} "))
        .await
        .unwrap();
    assert_eq!(phone.key().info().key_index, KeyIndex(2));
    assert!(!phone.key().is_registered());
    phone.register(None, house.now()).await.unwrap();
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();

    // The old key is told that it is old; the bank is told of the new one.
    let old = house.scanned(&issued.key_text);
    let refused = old.list(house.now()).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::KeyIndexObsoleted));
    let told = receiver
        .wait_for(PATIENCE, |body| {
            body["pc_callback"]["user_callback"]["updated_settings"]["key_index"] == 2
        })
        .await;
    assert!(told.is_some());
    let user = owner(&phone);
    for (word, times) in [
        ("remote_update_get_available_template", 1),
        ("remote_update_set_template", 1),
        ("remote_update_get_requisites", 1),
        ("renew_key_challenge", 1),
        ("renew_key_attempt", 1),
        ("renew_key_response", 1),
        ("update_user_key", 0),
    ] {
        assert_eq!(house.count(&user, word, 0).await, times, "{word}");
    }
    assert!(service.asked().is_empty());
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_words_are_counted_and_the_last_one_blocks_the_user() {
    let service = Service::that_says(accepted(true)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let mut phone = phone_with_word(&house, &bank).await;
    for left in [2, 1] {
        let error = answer(&house, &mut phone, "василёк").await.unwrap_err();
        assert_eq!(refusal(error), (ErrorCode::RemoteUpdateError, Some(left)));
    }
    let error = answer(&house, &mut phone, "василёк").await.unwrap_err();
    assert_eq!(refusal(error), (ErrorCode::RemoteUpdateErrorBlock, None));
    assert_eq!(
        phone.key().info().key_index,
        KeyIndex(1),
        "the old key stays the key"
    );
    let error = answer(&house, &mut phone, WORD).await.unwrap_err();
    assert_eq!(refusal(error).0, ErrorCode::UserIsBlocked);
    let user_id = phone.key().info().user_id.to_string();
    let path = format!("/{}/users/{user_id}", bank.system_id());
    let info = bank.get(&format!("/users/{user_id}")).await.unwrap();
    let info = info.success().unwrap();
    assert_eq!(info["block_reason"], "REMOTE_UPDATE_ERROR_BLOCK");
    let unblocked = bank
        .call(
            Method::POST,
            &format!("{path}/unblock"),
            None,
            Some(json!({})),
        )
        .await;
    unblocked.unwrap().success().unwrap();

    // The method is off until the user sets it up again.
    let error = answer(&house, &mut phone, WORD).await.unwrap_err();
    assert_eq!(refusal(error).0, ErrorCode::RemoteUpdateDisabled);
    set_word(&house, &phone).await;
    answer(&house, &mut phone, WORD).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_counts_once_however_many_answer_it() {
    let service = Service::that_says(accepted(true)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    set_word(&house, &phone).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let challenge = phone.recovery_challenge(house.now()).await.unwrap();
    let guess = async |number: u8| {
        let proof = hex::encode([number; 32]);
        let body = json!({ "challenge": challenge.challenge.to_string(), "proof": proof });
        let answer = raw.post("remote_update/response", &body, house.now()).await;
        answer.code()
    };
    let heard = futures::future::join_all((0..16).map(guess)).await;
    let count = |code: u64| heard.iter().filter(|heard| **heard == code).count();
    assert_eq!((count(314), count(293)), (1, 15), "{heard:?}");
    let user = owner(&phone);
    assert_eq!(house.count(&user, "renew_key_attempt", 0).await, 1);

    // Too late is too late; and nobody answers what was not asked.
    let late = phone.recovery_challenge(house.now()).await.unwrap();
    house.advance_ms(600_000);
    let mut phone = phone;
    let answered = phone.recover_with_code_word(&late, WORD, house.now()).await;
    assert_eq!(refusal(answered.unwrap_err()).0, ErrorCode::ExtAuthNeeded);
    let answer = raw
        .post(
            "remote_update/response",
            &json!({ "proof": "00".repeat(32) }),
            house.now(),
        )
        .await;
    assert_eq!(answer.code(), 293);
    answer_right(&house, &mut phone).await;
    house.end().await;
}

async fn answer_right(house: &TestHouse, phone: &mut Phone) {
    answer(house, phone, WORD).await.unwrap();
    assert_eq!(phone.key().info().key_index, KeyIndex(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_the_bank_s_may_say_whether_it_is_the_user() {
    let service = Service::that_says(accepted(false)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let mut phone = house.phone(&bank).await;
    let requisites = "+7 900 000-00-00";
    phone
        .set_requisites("bank", requisites, house.now())
        .await
        .unwrap();
    let kept = phone.recovery_requisites(house.now()).await.unwrap();
    assert_eq!(kept.requisites.as_deref(), Some(requisites));
    let say = async |phone: &mut Phone, response: &str| {
        let challenge = phone.recovery_challenge(house.now()).await.unwrap();
        phone
            .recover_with_response(&challenge, response, house.now())
            .await
    };
    let error = say(&mut phone, "111111").await.unwrap_err();
    assert_eq!(refusal(error), (ErrorCode::RemoteUpdateError, Some(2)));
    // A service that does not answer costs nobody a try, and brings nobody a key.
    for said in [
        Said::Silence,
        Said::Text(500, ""),
        Said::Text(200, r#"{"accepted":"yes"}"#),
        Said::Text(200, r#"{"accepted":true"#),
        Said::Elsewhere(service.url.clone()),
    ] {
        service.says_next(said.clone());
        let error = say(&mut phone, "222222").await.unwrap_err();
        assert_eq!(refusal(error).0, ErrorCode::ExtAuthFailed, "{said:?}");
    }
    let error = say(&mut phone, "333333").await.unwrap_err();
    assert_eq!(refusal(error), (ErrorCode::RemoteUpdateError, Some(1)));
    service.says(accepted(true));
    say(&mut phone, "492817").await.unwrap();
    assert_eq!(phone.key().info().key_index, KeyIndex(2));
    let asked = service.asked();
    let last = asked.last().unwrap();
    assert_eq!(last.authorization.as_deref(), Some("Bearer secret"));
    assert_eq!(last.body["response"], "492817");
    assert_eq!(last.body["requisites"], requisites);
    assert_eq!(asked.len(), 8, "one call for each answer");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_unproven_tries_anything() {
    let service = Service::that_says(accepted(true)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    phone.set_requisites("bank", "", house.now()).await.unwrap();
    let challenge = phone.recovery_challenge(house.now()).await.unwrap();
    let stranger = RawDevice {
        request_key: vec![7; 32],
        ..RawDevice::new(&house, &issued.key_text)
    };
    let body = json!({ "challenge": challenge.challenge.to_string(), "response": "492817" });
    for _ in 0..10 {
        let answer = stranger
            .post("remote_update/response", &body, house.now())
            .await;
        assert_eq!(answer.code(), 288);
    }
    assert!(service.asked().is_empty());
    // The key alone sets nothing up: that takes the pair of the phone.
    let raw = RawDevice::new(&house, &issued.key_text);
    let body = json!({
        "template_id": "word", "salt": "00".repeat(16), "verifier": "00".repeat(32),
        "signature": "3006020101020101",
    });
    let answer = raw
        .post("remote_update/set_template", &body, house.now())
        .await;
    assert_eq!(answer.code(), 278);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_under_the_old_key() {
    let service = Service::that_says(accepted(true)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    set_word(&house, &phone).await;
    let challenge = phone.recovery_challenge(house.now()).await.unwrap();
    let mut salt = [0; 16];
    hex::decode_to_slice(challenge.salt.unwrap(), &mut salt).unwrap();
    let word = CodeWord::of(WORD, &salt).unwrap();
    let key = DeviceKey::import(&issued.key_text).unwrap();
    let body = json!({
        "challenge": challenge.challenge.to_string(), "device_event_id": "recovery-1",
        "proof": word.proof(&key, &challenge.challenge).to_string(),
    });
    let raw = RawDevice::new(&house, &issued.key_text);
    let mut heard: Vec<Value> = Vec::new();
    for _ in 0..3 {
        let answer = raw.post("remote_update/response", &body, house.now()).await;
        assert_eq!(answer.code(), 0);
        heard.push(answer.envelope()["answer"]["key_renewed"].clone());
    }
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0], heard[2]);
    let user = owner(&phone);
    assert_eq!(house.count(&user, "renew_key_response", 0).await, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flags_and_settings_do_not_permit_is_refused() {
    let service = Service::that_says(accepted(true)).await;
    let house = house(&service).await;
    let bank = house.bank().await;
    let challenge = async |issued: &Issued| {
        let raw = RawDevice::new(&house, &issued.key_text);
        let answer = raw
            .post("remote_update/challenge", &json!({}), house.now())
            .await;
        answer.code()
    };
    let off = json!({ "key_params": { "remote_update_enabled": false } });
    let issued = house.issue(&bank, off).await;
    assert_eq!(challenge(&issued).await, 316);
    let denies = json!({ "key_params": { "deny_renew_public_key": true } });
    let issued = house.issue(&bank, denies).await;
    house.registered(&issued).await;
    assert_eq!(challenge(&issued).await, 277);
    let issued = house.issue(&bank, json!({})).await;
    let phone = house.registered(&issued).await;
    assert_eq!(challenge(&issued).await, 290);
    for (template_id, code) in [
        ("palm", ErrorCode::ExtAuthTypeNotSupported),
        ("none", ErrorCode::ExtAuthTemplateNotFound),
        ("word", ErrorCode::RequestError),
    ] {
        let set = phone.set_requisites(template_id, "text", house.now()).await;
        assert_eq!(refusal(set.unwrap_err()).0, code, "{template_id}");
    }
    house.end().await;
}
