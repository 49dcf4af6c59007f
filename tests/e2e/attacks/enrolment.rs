//! Enrolment, recovery and the binding to a device: A13 to A26, as far as no other story tells them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use schemas::KeyIndex;
use schemas::flags::{FLAGS, KeyFlags};
use serde_json::{Value, json};
use tests::house::TestHouse;

use super::{CarelessPair, Scene, unbroken};
use crate::raw::RawDevice;

const CODE: &str = "7305512864";

#[tokio::test(flavor = "multi_thread")]
async fn attack_13_of_two_devices_with_one_key_the_first_is_the_users() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_params": { "deny_renew_public_key": true } });
    let issued = house.issue(&bank, wishes).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let crowd = (0..32).map(|_| {
        let body = json!({ "public_key": CarelessPair::new().public_key() });
        let (raw, now) = (&raw, house.now());
        async move {
            let answer = raw.post("register", &body, now).await;
            unbroken(answer.status, &answer.body);
            answer.code()
        }
    });
    let mut heard: BTreeMap<u64, usize> = BTreeMap::new();
    for code in join_all(crowd).await {
        *heard.entry(code).or_default() += 1;
    }
    assert_eq!(heard, BTreeMap::from([(0, 1), (277, 31)]));
    let owner = issued.owner();
    assert_eq!(house.count(&owner, "register_public_key", 0).await, 1);
    assert_eq!(house.count(&owner, "register_public_key", 277).await, 31);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_14_the_qr_code_tells_no_right_code_from_a_wrong_one() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let mut shapes = Vec::new();
    for code in [CODE, "0000000000"] {
        let wishes = json!({ "key_encryption_password": code });
        let issued = house.issue(&bank, wishes).await;
        assert!(!issued.key_text.contains(code));
        let mut key: Value = serde_json::from_str(&issued.key_text).unwrap();
        let half = STANDARD.decode(key["key"]["data"].as_str().unwrap());
        assert_eq!(half.unwrap().len(), 32, "the first half and nothing else");
        // What differs from user to user: if anything depended on the code, it would have to be among these.
        for place in ["user_id", "valid_to", "created_at"] {
            key.as_object_mut().unwrap().remove(place);
        }
        key["key"].as_object_mut().unwrap().remove("data");
        shapes.push(key);
    }
    assert_eq!(shapes[0], shapes[1]);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_16_whoever_has_no_key_locks_nobody_out() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_encryption_password": CODE });
    let issued = house.issue(&bank, wishes).await;
    let heads = house.heads().await;
    let garbage = RawDevice {
        request_key: vec![7; 32],
        ..RawDevice::new(&house, &issued.key_text)
    };
    let body = json!({ "activation_code_proof": "00".repeat(32) });
    for _ in 0..20 {
        let crowd = (0..50).map(|_| garbage.post("activate", &body, house.now()));
        for answer in join_all(crowd).await {
            assert_eq!(answer.code(), 288);
        }
    }
    assert_eq!(house.heads().await, heads, "no counter moved");
    let mut phone = house.scanned(&issued.key_text);
    let wrong = phone.activate("0000000000", house.now()).await.unwrap_err();
    let device::Error::Server(refusal) = wrong else {
        panic!("the server refuses")
    };
    assert_eq!(refusal.attempts_left, Some(4), "all tries were there");
    phone.activate(CODE, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_21_flags_bent_in_the_qr_code_bend_nothing_here() {
    let scene = Scene::on(
        TestHouse::open().await,
        json!({ "key_params": { "deny_renew_public_key": true, "with_finger_print": true } }),
    )
    .await;
    let key: Value = serde_json::from_str(&scene.issued.key_text).unwrap();
    let flags = key["key_flags"].as_u64().unwrap();
    let info = async || {
        let path = format!("/users/{}", scene.issued.user_id);
        let reply = scene.bank.get(&path).await.unwrap().success().unwrap();
        reply["key_flags"].clone()
    };
    let before = info().await;
    for flag in FLAGS {
        let mut bent = key.clone();
        let mut bits = KeyFlags::from_bits(u32::try_from(flags).unwrap());
        bits.set(flag, u32::from(!bits.has(flag)));
        bent["key_flags"] = bits.bits().into();
        let raw = RawDevice::new(&scene.house, &bent.to_string());
        let body = json!({ "public_key": CarelessPair::new().public_key() });
        let renewed = raw.post("register", &body, scene.house.now()).await;
        assert_eq!(renewed.code(), 277, "{}", flag.constant);
        let id = scene.ask().await;
        let tail = format!("transactions/{id}/confirm");
        let body = json!({ "confirm_code": "0".repeat(64) });
        let confirmed = raw.post(&tail, &body, scene.house.now()).await;
        assert_eq!(confirmed.code(), 238, "{}", flag.constant);
        assert_eq!(info().await, before, "{}", flag.constant);
    }
    let refused = scene.journaled("register_public_key", 277).await;
    assert_eq!(refused, FLAGS.len());
    scene.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_24_a_push_address_is_changed_by_the_holder_of_the_key_only() {
    let scene = Scene::open().await;
    let other = scene.house.issue(&scene.bank, json!({})).await;
    let public_key = scene.phone.key().public_key_spki().unwrap();
    let push = |token: &str| {
        json!({
            "public_key": hex::encode(&public_key),
            "push": { "device_push_id": token, "device_type": "Android" },
        })
    };
    let answer = scene.post("register", push("token-of-the-user")).await;
    assert_eq!(answer.code(), 0, "{}", answer.body);
    let info = async || {
        let path = format!("/users/{}", scene.issued.user_id);
        scene.bank.get(&path).await.unwrap().success().unwrap()
    };
    let before = info().await;
    let other_key = RawDevice::new(&scene.house, &other.key_text).request_key;
    for (about, request_key, key_index) in [
        ("another user's key", other_key, 1),
        ("no key", vec![0; 32], 1),
        ("a key of another number", scene.raw.request_key.clone(), 2),
    ] {
        let thief = RawDevice {
            request_key,
            key_index: KeyIndex(key_index),
            ..scene.raw.clone()
        };
        let answer = thief
            .post("register", &push("token-of-the-thief"), scene.house.now())
            .await;
        unbroken(answer.status, &answer.body);
        assert_ne!(answer.code(), 0, "{about}");
        assert!(!answer.body.contains("token-of"), "{about}");
    }
    assert_eq!(info().await, before);
    assert_eq!(scene.journaled("register_public_key", 0).await, 2);
    scene.house.end().await;
}
