//! The published vectors: every value the protocol computes, from fixed inputs. Another implementation must arrive at
//! the same ones; a change here is a change of the protocol.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::canonical::{self, TextType, TransactionContent, UserData};
use schemas::password_kdf::{LANES, MEMORY_KIB, NAME, PASSES};
use schemas::pc_auth::PcAuth;
use schemas::{Digest, KeyIndex, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::client::recovery::{CodeWord, renewal_associated, renewal_key, template_message};
use crate::confirm_code::{STEP_S, confirm_code, step_of};
use crate::contents::Reported;
use crate::credentials::{AccessKey, Owner, StretchedPassword};
use crate::door::Door;
use crate::key::DeviceKey;
use crate::request::{BodyContext, Submission};
use crate::secrets::{FirstHalf, MasterKey};
use crate::signer::{KeyPair, autosign_message, autosign_renewal_message, renewal_message};
use crate::store::Cost;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/protocol-v1.json");
const NOW: Timestamp = Timestamp(1_703_499_267_298);
const CODE: &str = "3468045516";
const PASSWORD: &str = "correct horse";
const TEXT: &str = "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»";

#[test]
fn the_published_vectors_are_what_the_code_computes() {
    let computed = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::write(FILE, &computed).unwrap();
    }
    let published = std::fs::read_to_string(FILE).unwrap();
    assert!(
        published == computed,
        "vectors/protocol-v1.json differs from:\n{computed}"
    );
}

fn vectors() -> Value {
    let (system_id, user_id, key_index) = owner();
    json!({
        "owner": {"system_id": system_id, "user_id": user_id, "key_index": key_index},
        "key_text": key_text(),
        "keys": keys(),
        "request": request(),
        "response": response(),
        "activation": activation(),
        "credentials": credentials(),
        "transaction": transaction(),
        "confirm_code": confirm_codes(),
        "data_code": data_codes(),
        "signature": signature(),
        "renewal": renewal(),
        "autosign_renewal": autosign_renewal(),
        "autosign": autosign(),
        "recovery": recovery(),
    })
}

fn owner() -> (SystemId, UserId, KeyIndex) {
    (
        "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap(),
        "sample-1".parse().unwrap(),
        KeyIndex(1),
    )
}

/// `K1` = 00 01 … 1f.
fn first() -> [u8; 32] {
    std::array::from_fn(|index| index as u8)
}

/// `K2` = 03 0a 11 … dc: seven more each time.
fn second() -> [u8; 32] {
    std::array::from_fn(|index| index as u8 * 7 + 3)
}

fn whole() -> [u8; 32] {
    std::array::from_fn(|index| first()[index] ^ second()[index])
}

fn half_key() -> FirstHalf {
    FirstHalf::new(&Zeroizing::new(first()))
}

fn master() -> MasterKey {
    MasterKey::new(&Zeroizing::new(whole()))
}

fn nonce() -> [u8; 16] {
    std::array::from_fn(|index| index as u8)
}

fn key_text() -> Value {
    let (system_id, user_id, key_index) = owner();
    let text = |secret: [u8; 32], enc| {
        let data = STANDARD.encode(secret);
        format!(
            r#"{{"v":1,"type":"pc_user","system_id":"{system_id}","user_id":"{user_id}","key_index":{key_index},"key_flags":67584,"url":"https://pc.example","crypt_type":"ECDSA","valid_to":1735035267,"key":{{"data":"{data}","enc":"{enc}"}}}}"#
        )
    };
    let (whole, half) = (text(whole(), "none"), text(first(), "half"));
    let link: String = half.bytes().map(url_encoded).collect();
    let link = format!("paycontrol://user_key?key_json={link}");
    assert!(DeviceKey::import(&whole).unwrap().is_activated());
    assert!(!DeviceKey::import(&link).unwrap().is_activated());
    json!({"whole": whole, "half": half, "half_as_link": link})
}

fn url_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn keys() -> Value {
    json!({
        "k1": hex::encode(first()),
        "k2": hex::encode(second()),
        "k": hex::encode(whole()),
        "k_auth": hex::encode(master().request_key().expose()),
        "k_conf": hex::encode(master().confirm_key().expose()),
        "k_cred": hex::encode(master().credentials_key().expose()),
        "k_act": hex::encode(half_key().activation_key().expose()),
    })
}

fn request() -> Value {
    let (system_id, user_id, key_index) = owner();
    let body = r#"{"session_id":"7c0f3d3e-5d0c-4f0e-9a53-6d4f4c1b2a10","device_event_id":"0f8fad5b-d9cb-469f-a165-70867728950e","device_time":1703499267298}"#;
    let target = format!("/pc-client-api/v1/{system_id}/users/{user_id}/transactions/get_list");
    let mut auth = PcAuth {
        system_id,
        user_id,
        key_index,
        timestamp: NOW,
        nonce: nonce(),
        mac: Digest([0; 32]),
    };
    let body_sha256 = Digest::sha256(body.as_bytes());
    let message = auth.message("POST", &target, &body_sha256);
    auth.mac = master().request_key().mac(&[&message]);
    json!({
        "method": "POST",
        "target": target,
        "body": body,
        "body_sha256": body_sha256,
        "ts": NOW,
        "nonce": hex::encode(nonce()),
        "message": String::from_utf8(message).unwrap(),
        "mac": auth.mac,
        "pc_auth": auth.to_string(),
    })
}

fn response() -> Value {
    let body = r#"{"answer_type":"reported","answer":{"result":{"error_code":0,"error_message":"Success"},"reported":{}},"answer_version":3}"#;
    let body_sha256 = Digest::sha256(body.as_bytes());
    let key = master().request_key().response_key(&nonce());
    let message = PcAuth::response_message(&nonce(), 200, &body_sha256);
    let mac = key.mac(&[&message]);
    json!({
        "status": 200,
        "body": body,
        "body_sha256": body_sha256,
        "response_key": hex::encode(key.expose()),
        "message": String::from_utf8(message).unwrap(),
        "mac": mac,
        "pc_auth_response": format!("v1 mac={mac}"),
    })
}

fn activation() -> Value {
    let (system_id, user_id, key_index) = owner();
    let release_key = half_key().release_key(CODE);
    let aad = format!("{system_id}/{user_id}/{key_index}");
    let nonce: [u8; 12] = std::array::from_fn(|index| 0xf0 + index as u8);
    let payload = Payload {
        msg: &second(),
        aad: aad.as_bytes(),
    };
    let cipher = Aes256Gcm::new_from_slice(release_key.expose()).unwrap();
    let mut released = nonce.to_vec();
    released.extend(cipher.encrypt(&nonce.into(), payload).unwrap());
    let joined = half_key().join(CODE, &released, (&system_id, &user_id, key_index));
    assert_eq!(joined.unwrap().expose(), &whole());
    json!({
        "code": CODE,
        "proof": half_key().activation_proof(CODE),
        "release_key": hex::encode(release_key.expose()),
        "aad": aad,
        "released": hex::encode(released),
    })
}

fn credentials() -> Value {
    let (system_id, user_id, key_index) = owner();
    let salt: [u8; 16] = std::array::from_fn(|index| index as u8);
    let cost = Cost::offered(MEMORY_KIB, PASSES, LANES).unwrap();
    let stretched = StretchedPassword::of(PASSWORD, &salt, cost).unwrap();
    let access_key: [u8; 32] = std::array::from_fn(|index| 0xff - index as u8);
    let owner = Owner {
        system_id: &system_id,
        user_id: &user_id,
        key_index,
    };
    let nonce: [u8; 12] = std::array::from_fn(|index| 0xe0 + index as u8);
    let aad = owner.associated();
    let payload = Payload {
        msg: &access_key,
        aad: aad.as_bytes(),
    };
    let cipher = Aes256Gcm::new_from_slice(stretched.release_key().expose()).unwrap();
    let mut closed = nonce.to_vec();
    closed.extend(cipher.encrypt(&nonce.into(), payload).unwrap());
    let opened = stretched.open_access_key(&hex::encode(&closed), owner);
    assert!(opened.unwrap() == AccessKey::from_bytes(access_key));
    json!({
        "password": PASSWORD,
        "salt": hex::encode(salt),
        "kdf": NAME,
        "memory_kib": MEMORY_KIB,
        "passes": PASSES,
        "lanes": LANES,
        "stretched": hex::encode(stretched.expose()),
        "proof": hex::encode(stretched.proof().expose()),
        "release_key": hex::encode(stretched.release_key().expose()),
        "aad": aad,
        "access_key": hex::encode(access_key),
        "closed": hex::encode(closed),
    })
}

fn content(binary: Option<&[u8]>, text_type: TextType) -> TransactionContent {
    TransactionContent {
        salt: first().to_vec(),
        text_type,
        text: TEXT.to_owned(),
        binary: binary.map(<[u8]>::to_vec),
    }
}

fn transaction_id() -> TransactionId {
    "invoice-42".parse().unwrap()
}

fn digest() -> Digest {
    let (system_id, user_id, _) = owner();
    content(Some(b"%PDF-1.7"), TextType::Raw).digest(&system_id, &user_id, &transaction_id())
}

fn transaction() -> Value {
    let (system_id, user_id, _) = owner();
    let binary_sha256 = Digest::sha256(b"%PDF-1.7");
    let canonical = canonical::canonical_bytes(&canonical::Shown {
        system_id: system_id.as_str(),
        user_id: user_id.as_str(),
        transaction_id: transaction_id().as_str(),
        salt: &first(),
        text_type: TextType::Raw,
        text: TEXT,
        binary_sha256: Some(&binary_sha256),
    });
    let without = content(None, TextType::Markdown);
    // The same vector as in the tests of `schemas`.
    let published = "2119e443ec9040b99cc5ad5c7d3ca41552fcb236d1348f9d5887d30afded9a9f";
    assert_eq!(digest().to_string(), published);
    json!({
        "transaction_id": transaction_id(),
        "salt": hex::encode(first()),
        "text_type": "raw",
        "text": TEXT,
        "binary": hex::encode(b"%PDF-1.7"),
        "binary_sha256": binary_sha256,
        "canonical": hex::encode(canonical),
        "digest": digest(),
        "digest_as_markdown_without_binary": without.digest(&system_id, &user_id, &transaction_id()),
    })
}

fn confirm_codes() -> Value {
    let key = master().confirm_key();
    let fingerprint = Digest::sha256(b"this phone");
    let step = step_of(NOW, STEP_S);
    let code = |fingerprint, digits| confirm_code(&key, &digest(), step, fingerprint, digits);
    json!({
        "unix_ms": NOW,
        "step_s": STEP_S,
        "step": step,
        "fingerprint": fingerprint,
        "input": hex::encode([&digest().0[..], &step.to_be_bytes()].concat()),
        "input_with_fingerprint": hex::encode([&digest().0[..], &step.to_be_bytes(), &fingerprint.0].concat()),
        "full": code(None, None),
        "digits_8": code(None, Some(8)),
        "digits_10": code(None, Some(10)),
        "full_with_fingerprint": code(Some(&fingerprint), None),
        "digits_8_with_fingerprint": code(Some(&fingerprint), Some(8)),
    })
}

/// For data that is no transaction.
fn data_codes() -> Value {
    let (system_id, user_id, _) = owner();
    let (key, step) = (master().confirm_key(), step_of(NOW, STEP_S));
    let data = "Order 42: 1 500,00 ₽";
    let digest = UserData {
        system_id: &system_id,
        user_id: &user_id,
        data: data.as_bytes(),
    }
    .digest();
    json!({
        "data": data,
        "digest": digest,
        "full": confirm_code(&key, &digest, step, None, None),
        "digits_8": confirm_code(&key, &digest, step, None, Some(8)),
    })
}

/// Private number 01 02 … 20.
fn pair() -> KeyPair {
    KeyPair::from_secret(&Zeroizing::new(std::array::from_fn(|index| {
        index as u8 + 1
    })))
    .unwrap()
}

/// Private number 21 22 … 40.
fn new_pair() -> KeyPair {
    KeyPair::from_secret(&Zeroizing::new(std::array::from_fn(|index| {
        index as u8 + 0x21
    })))
    .unwrap()
}

fn signature() -> Value {
    json!({
        "private_key": hex::encode(*pair().secret()),
        "public_key": hex::encode(pair().public_key_spki()),
        "signature": hex::encode(pair().sign_digest(&digest())),
    })
}

fn renewal() -> Value {
    let (system_id, user_id, key_index) = owner();
    let new = new_pair().public_key_spki();
    let message = renewal_message(&system_id, &user_id, key_index, &new);
    json!({
        "new_private_key": hex::encode(*new_pair().secret()),
        "new_public_key": hex::encode(&new),
        "message": hex::encode(&message),
        "message_sha256": Digest::sha256(&message),
        "signature": hex::encode(pair().sign(&message)),
    })
}

fn autosign_renewal() -> Value {
    let (system_id, user_id, key_index) = owner();
    let new = new_pair().public_key_spki();
    let message = autosign_renewal_message(&system_id, &user_id, key_index, &new);
    json!({
        "message": hex::encode(&message),
        "message_sha256": Digest::sha256(&message),
        "signature": hex::encode(pair().sign(&message)),
    })
}

/// The new pair as the second one, in the attempt 40 41 … 5f.
fn autosign() -> Value {
    let attempt_id = Digest(std::array::from_fn(|index| index as u8 + 0x40));
    let message = autosign_message(&attempt_id, &digest());
    json!({
        "attempt_id": attempt_id,
        "message": hex::encode(&message),
        "message_sha256": Digest::sha256(&message),
        "signature": hex::encode(new_pair().sign(&message)),
    })
}

/// The code word `ромашка`, salt 60 61 … 6f, challenge 70 71 … 8f; the new key is K2 under number 2.
fn recovery() -> Value {
    let (system_id, user_id, key_index) = owner();
    let text = crate::fake_server::WHOLE_KEY;
    let key = DeviceKey::import(text).unwrap();
    assert_eq!(
        (&key.info.system_id, &key.info.user_id),
        (&system_id, &user_id)
    );
    assert_eq!(key.info.key_index, key_index);
    let salt: [u8; 16] = std::array::from_fn(|index| index as u8 + 0x60);
    let challenge = Digest(std::array::from_fn(|index| index as u8 + 0x70));
    let word = CodeWord::of(" ромашка ", &salt).unwrap();
    let requisites = [&salt[..], word.verifier()].concat();
    let template = template_message(&key, "word", "code_word", &requisites);
    let release_key = renewal_key(&master(), word.verifier());
    let aad = renewal_associated(&key.info, KeyIndex(2));
    let nonce: [u8; 12] = std::array::from_fn(|index| 0xf0 + index as u8);
    let payload = Payload {
        msg: &second(),
        aad: aad.as_bytes(),
    };
    let cipher = Aes256Gcm::new_from_slice(release_key.expose()).unwrap();
    let mut released = nonce.to_vec();
    released.extend(cipher.encrypt(&nonce.into(), payload).unwrap());
    json!({
        "code_word": "ромашка",
        "salt": hex::encode(salt),
        "verifier": hex::encode(word.verifier()),
        "template_id": "word",
        "template_message_sha256": Digest::sha256(&template),
        "template_signature": hex::encode(pair().sign(&template)),
        "challenge": challenge,
        "proof": word.proof(&key, &challenge),
        "release_key": hex::encode(release_key.expose()),
        "aad": aad,
        "released": hex::encode(released),
    })
}

/// What a device really sends is what the vectors describe.
#[test]
fn a_prepared_request_is_the_published_one() {
    let expected = request();
    let text = crate::fake_server::WHOLE_KEY.replace(
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        &STANDARD.encode(whole()),
    );
    let key = DeviceKey::import(&text).unwrap();
    let door = Door::new("https://pc.example", &key.info.system_id, &key.info.user_id).unwrap();
    let context = BodyContext {
        session_id: "7c0f3d3e-5d0c-4f0e-9a53-6d4f4c1b2a10",
        device_event_id: &"0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap(),
        device_time: NOW,
        device_info: None,
    };
    let submission: Submission<Reported> =
        Submission::new("transactions/get_list".to_owned(), &context, json!({}));
    let request_key = key.request_key().unwrap();
    let prepared =
        submission.prepare_with_nonce(&door, (&key.info).into(), request_key, NOW, nonce());
    let request = &prepared.request;
    assert_eq!(request.target(), expected["target"]);
    assert_eq!(
        request.body(),
        expected["body"].as_str().unwrap().as_bytes()
    );
    assert_eq!(
        request.headers()[2],
        ("pc-auth", expected["pc_auth"].as_str().unwrap())
    );
    let published = response();
    let body = published["body"].as_str().unwrap();
    assert_eq!(
        prepared.check.header_for(200, body.as_bytes()),
        published["pc_auth_response"]
    );
}
