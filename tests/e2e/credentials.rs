//! A password with the server's help: what lies on a stolen phone opens with the server only, and the server counts.

use std::collections::BTreeMap;

use countersign::bank::Bank;
use device::{DeviceKey, Error, KeyFile, OnlineLock, UnlockError};
use futures::future::join_all;
use reqwest::Method;
use schemas::ErrorCode;
use serde_json::json;
use tests::house::{Issued, LogChoice, Phone, Plan, TestHouse};

use crate::raw::{self, RawDevice};

const PASSWORD: &str = "correct horse";
const TRIES: usize = 10;

/// A registered phone whose key lies in a file, under the password and the server's part.
struct Locked {
    house: TestHouse,
    bank: Bank,
    issued: Issued,
    file: KeyFile,
    _folder: tempfile::TempDir,
}

impl Locked {
    async fn open(plan: Plan) -> (Self, Phone, OnlineLock) {
        let house = TestHouse::start(plan).await;
        let bank = house.bank().await;
        let issued = house.issue(&bank, json!({})).await;
        let phone = house.registered(&issued).await;
        let lock = phone.protect(PASSWORD, house.now()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("device.key"));
        file.save_online(phone.key(), &[&lock]).unwrap();
        let locked = Self {
            house,
            bank,
            issued,
            file,
            _folder: folder,
        };
        (locked, phone, lock)
    }

    async fn unlock(&self, password: &str) -> Result<(DeviceKey, OnlineLock), UnlockError> {
        let origin = self.house.origin();
        let locked = self.file.locked().unwrap();
        let (transport, now) = (self.house.transport(), self.house.now());
        locked.unlock(Some(&origin), password, transport, now).await
    }

    async fn wrong(&self) -> (ErrorCode, Option<u32>) {
        match self.unlock("wrong horse").await.unwrap_err() {
            UnlockError::Call(Error::Server(refusal)) => {
                assert!(refusal.authenticated);
                (refusal.code, refusal.attempts_left)
            }
            other => panic!("the server refuses: {other:?}"),
        }
    }

    /// What a thief has: the key outside of the password, and no password.
    fn thief(&self) -> RawDevice {
        let mut raw = RawDevice::new(&self.house, &self.issued.key_text);
        raw.request_key = raw::derive_from_key(&self.issued.key_text, "pc/credentials");
        raw
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_confirms_after_its_password_was_right() {
    let (mut scene, phone, _) = Locked::open(Plan::new(LogChoice::Sqlite)).await;
    let id = scene
        .house
        .ask(&scene.bank, &phone, "under a password")
        .await;
    drop(phone);
    scene.house = scene.house.restart().await;
    assert_eq!(scene.wrong().await, (ErrorCode::PasswordIncorrect, Some(9)));
    let (key, _) = scene.unlock(PASSWORD).await.unwrap();
    let phone = scene.house.phone_with(key);
    let shown = phone.show(&id, scene.house.now()).await.unwrap();
    phone.confirm(&shown, scene.house.now()).await.unwrap();
    // The right one gave all tries back.
    assert_eq!(scene.wrong().await, (ErrorCode::PasswordIncorrect, Some(9)));
    let owner = scene.issued.owner();
    for (word, result, times) in [
        ("get_credentials_salt", 0, 1),
        ("set_credentials", 0, 1),
        ("get_credentials", 0, 1),
        ("get_credentials", 344, 2),
        ("password_attempt", 0, 3),
        ("password_failure", 344, 2),
    ] {
        let count = scene.house.count(&owner, word, result).await;
        assert_eq!(count, times, "{word} {result}");
    }
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_wrong_passwords_consumes_exactly_the_limit() {
    let (scene, phone, _) = Locked::open(Plan::new(LogChoice::Memory)).await;
    let raw = scene.thief();
    let now = scene.house.now();
    let guesses = (0..64_u8).map(|number| {
        let proof = hex::encode([number; 32]);
        let raw = &raw;
        async move {
            let body = json!({ "password_proof": proof });
            raw.post("credentials/get", &body, now).await.code()
        }
    });
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    for code in join_all(guesses).await {
        *heard.entry(code).or_default() += 1;
    }
    assert_eq!(
        heard,
        BTreeMap::from([(344, TRIES - 1), (343, 64 - TRIES + 1)])
    );
    let owner = scene.issued.owner();
    for (word, result, times) in [
        ("password_attempt", 0, TRIES),
        ("password_failure", 344, TRIES - 1),
        ("password_failure", 343, 1),
        ("get_credentials", 0, 0),
    ] {
        let count = scene.house.count(&owner, word, result).await;
        assert_eq!(count, times, "{word} {result}");
    }
    // The right password comes too late, and the key is blocked until the bank says otherwise.
    let error = scene.unlock(PASSWORD).await.unwrap_err();
    assert!(matches!(
        &error,
        UnlockError::Call(error) if error.code() == Some(ErrorCode::PasswordAttemptsExceeded)
    ));
    let error = phone.list(scene.house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UserIsBlocked));
    let path = format!(
        "/{}/users/{}/unblock",
        scene.bank.system_id(),
        scene.issued.user_id
    );
    let lifted = scene
        .bank
        .call(Method::POST, &path, None, Some(json!({})))
        .await;
    assert_eq!(lifted.unwrap().error_code, 0);
    scene.unlock(PASSWORD).await.unwrap();
    phone.list(scene.house.now()).await.unwrap();
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_thief_has_opens_nothing_but_the_question() {
    let (scene, ..) = Locked::open(Plan::new(LogChoice::Memory)).await;
    let (raw, now) = (scene.thief(), scene.house.now());
    for tail in [
        "credentials/salt",
        "credentials/set",
        "transactions/get_list",
    ] {
        let body = match tail {
            "credentials/set" => json!({ "password_proof": "00".repeat(32) }),
            _ => json!({}),
        };
        assert_eq!(raw.post(tail, &body, now).await.code(), 288, "{tail}");
    }
    // The file does not open with the password alone, nor with another file's lock.
    assert!(scene.file.load(PASSWORD).is_err());
    let nobody = RawDevice {
        user_id: "nobody".parse().unwrap(),
        ..raw.clone()
    };
    let body = json!({ "password_proof": "00".repeat(32) });
    let unknown = nobody.post("credentials/get", &body, now).await;
    let mut stranger = raw;
    stranger.request_key = vec![7; 32];
    let wrong_mac = stranger.post("credentials/get", &body, now).await;
    assert_eq!((unknown.code(), &unknown.body), (288, &wrong_mac.body));
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_whoever_knows_the_old_one() {
    let (scene, phone, old) = Locked::open(Plan::new(LogChoice::Memory)).await;
    let now = scene.house.now();
    let raw = RawDevice::new(&scene.house, &scene.issued.key_text);
    let without_old = json!({ "password_proof": "00".repeat(32) });
    assert_eq!(
        raw.post("credentials/set", &without_old, now).await.code(),
        237
    );

    let new = phone
        .prepare_password_change(&old, "battery staple")
        .unwrap();
    scene.file.save_online(phone.key(), &[&old, &new]).unwrap();
    phone.change_password(&old, &new, now).await.unwrap();
    // Nobody has saved the file since: it opens with the new password, and not with the old one.
    scene.unlock("battery staple").await.unwrap();
    let error = scene.unlock(PASSWORD).await.unwrap_err();
    assert!(matches!(
        &error,
        UnlockError::Call(error) if error.code() == Some(ErrorCode::PasswordIncorrect)
    ));
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flag_decides_and_the_order_is_kept() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_params": { "online_credentials": false } });
    let without = house.issue(&bank, wishes).await;
    let raw = RawDevice::new(&house, &without.key_text);
    let answer = raw.post("credentials/salt", &json!({}), house.now()).await;
    assert_eq!(answer.code(), 219);

    let issued = house.issue(&bank, json!({})).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let mut asks_access = raw.clone();
    asks_access.request_key = raw::derive_from_key(&issued.key_text, "pc/credentials");
    let proof = json!({ "password_proof": "00".repeat(32) });
    let now = house.now();
    assert_eq!(
        asks_access
            .post("credentials/get", &proof, now)
            .await
            .code(),
        346
    );
    assert_eq!(raw.post("credentials/set", &proof, now).await.code(), 346);
    assert_eq!(
        raw.post("credentials/salt", &json!({}), now).await.code(),
        0
    );
    assert_eq!(
        asks_access
            .post("credentials/get", &proof, now)
            .await
            .code(),
        345
    );
    house.end().await;
}
