//! The device's public key: the first is taken, every next must be signed by the one before.

use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePublicKey as _;
use schemas::ErrorCode;
use schemas::commands::keys::{DeviceType, PushAddress};
use serde_json::json;
use tests::house::{TestHouse, owner};

use crate::raw::RawDevice;

/// A public key nobody has the private key of any more.
pub fn new_public_key() -> Vec<u8> {
    // Any 32 bytes are a private key, but for about one in 2^32.
    let private = SigningKey::from_slice(&bus::shell::random_bytes::<32>());
    let public = private
        .expect("chance does not fail us")
        .verifying_key()
        .to_public_key_der();
    public.expect("a public key has its form").into_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_key_hands_over_to_the_new_one() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let mut phone = house.phone(&bank).await;
    let first = phone.key().public_key_spki();
    phone.register(None, house.now()).await.unwrap();
    assert_ne!(phone.key().public_key_spki(), first);
    let id = house.ask(&bank, &phone, "signed by the second").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_without_the_old_ones_signature_is_refused() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let issued = house.issue(&bank, json!({})).await;
    house.registered(&issued).await;
    let raw = RawDevice::new(&house, &issued.key_text);
    let unsigned = json!({ "public_key": hex::encode(new_public_key()) });
    let answer = raw.post("register", &unsigned, house.now()).await;
    assert_eq!(answer.code(), 334);
    // A right signature of something else.
    let stranger = SigningKey::from_slice(&[7; 32]).unwrap();
    let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(&stranger, b"x");
    let signed = json!({
        "public_key": hex::encode(new_public_key()),
        "public_key_signature": hex::encode(signature.to_der()),
    });
    let answer = raw.post("register", &signed, house.now()).await;
    assert_eq!(answer.code(), 278);
    let registered = house.count(&issued.owner(), "register_public_key", 0).await;
    assert_eq!(registered, 1);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_forbids_it_is_not_renewed() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_params": { "deny_renew_public_key": true } });
    let issued = house.issue(&bank, wishes).await;
    let mut phone = house.registered(&issued).await;
    let local = phone.register(None, house.now()).await.unwrap_err();
    assert_eq!(local.code(), None, "the device does not even ask");
    let raw = RawDevice::new(&house, &issued.key_text);
    let body = json!({ "public_key": hex::encode(new_public_key()) });
    assert_eq!(raw.post("register", &body, house.now()).await.code(), 277);
    // The same key again is no renewal.
    let same = phone.key().public_key_spki().unwrap();
    let body = json!({ "public_key": hex::encode(same) });
    assert_eq!(raw.post("register", &body, house.now()).await.code(), 0);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_push_address_leaves_the_key_as_it_is() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let phone = house.phone(&bank).await;
    let push = PushAddress {
        device_push_id: "push-token".to_owned(),
        device_type: DeviceType::Ios,
        app_id: Some("org.example.bank".to_owned()),
    };
    phone.update_push(&push, house.now()).await.unwrap();
    let user_id = &phone.key().info().user_id;
    let info = bank.get(&format!("/users/{user_id}")).await.unwrap();
    let info = info.success().unwrap();
    assert_eq!(info["device_type"], "iOS");
    assert_eq!(info["app_id"], "org.example.bank");
    let registered = house.count(&owner(&phone), "register_public_key", 0).await;
    assert_eq!(registered, 2);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_is_set_once_and_binds_every_code() {
    let house = TestHouse::open().await;
    let bank = house.bank().await;
    let wishes = json!({ "key_params": { "with_finger_print": true } });
    let issued = house.issue(&bank, wishes).await;
    let mut phone = house.registered(&issued).await;
    let this_phone = schemas::Digest::sha256(b"this phone");
    phone
        .set_fingerprint(this_phone, house.now())
        .await
        .unwrap();
    phone
        .set_fingerprint(this_phone, house.now())
        .await
        .unwrap();
    let other = schemas::Digest::sha256(b"another phone");
    let error = phone.set_fingerprint(other, house.now()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::FprintIsNotEmpty));
    let id = house.ask(&bank, &phone, "bound").await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    house.end().await;
}
