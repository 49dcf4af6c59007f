//! A server in a few lines, for the tests: it checks what a device sends, answers, and can be told to lie.

use std::collections::HashMap;
use std::sync::Mutex;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use schemas::canonical::{TextType, TransactionContent};
use schemas::pc_auth::PcAuth;
use schemas::{Digest, ErrorCode, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::confirm_code::{STEP_S, confirm_code, step_of};
use crate::request::HttpRequest;
use crate::response::{AnswerCheck, HttpAnswer};
use crate::secrets::{FirstHalf, MacKey, MasterKey};
use crate::signer::renewal_message;
use crate::transport::{NetworkError, Transport};

/// `K` = 00 01 … 1f, whole.
pub const WHOLE_KEY: &str = r#"{"v":1,"type":"pc_user","system_id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53","user_id":"sample-1","key_index":1,"key_flags":67584,"url":"https://pc.example","crypt_type":"ECDSA","valid_to":1735689600,"key":{"data":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","enc":"none"}}"#;
/// `K1` = 00 01 … 1f; the server holds `K2` = 55 … 55.
pub const HALF_KEY: &str = r#"{"v":1,"type":"pc_user","system_id":"f13e4375-e429-496c-ad1e-0fc3c3ecfb53","user_id":"sample-1","key_index":1,"key_flags":67584,"url":"https://pc.example","crypt_type":"ECDSA","valid_to":1735689600,"key":{"data":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","enc":"half"}}"#;

/// The right activation code.
pub const CODE: &str = "3468045516";
/// The server's clock.
pub const NOW: Timestamp = Timestamp(1_703_499_267_298);
/// The pending transaction.
pub const TRANSACTION: &str = "invoice-42";

/// The pending operation: the transaction above, and one more.
pub const OPERATION: &str = "salaries-11";

/// Changes a message on its way.
type Change<M> = fn(&mut M);

/// The server, and a record of what it heard.
pub struct FakeServer {
    half: FirstHalf,
    second: [u8; 32],
    request_key: MacKey,
    confirm_key: MacKey,
    credentials_key: MacKey,
    pub content: TransactionContent,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Tail and body of every authenticated request.
    heard: Vec<(String, Value)>,
    nonces: Vec<[u8; 16]>,
    newest: Option<Timestamp>,
    answered: HashMap<String, (String, Vec<u8>, Value)>,
    activated: bool,
    public_key: Option<Vec<u8>>,
    fingerprint: Option<Digest>,
    attempts: u32,
    /// The password's proof and the wrong ones since the last right one.
    password: Option<(String, u32)>,
    /// Changes an envelope before its MAC is made: a server that lies.
    lie: Option<Change<Value>>,
    /// Changes an answer after its MAC was made: somebody in between.
    tamper: Option<Change<HttpAnswer>>,
    /// How many answers are still to be lost.
    lost: u32,
}

impl FakeServer {
    /// For [`WHOLE_KEY`].
    pub fn whole() -> Self {
        Self::with_second([0; 32])
    }

    /// For [`HALF_KEY`].
    pub fn half() -> Self {
        Self::with_second([0x55; 32])
    }

    fn with_second(second: [u8; 32]) -> Self {
        let first: [u8; 32] = std::array::from_fn(|index| index as u8);
        let whole: [u8; 32] = std::array::from_fn(|index| first[index] ^ second[index]);
        let master = MasterKey::new(&Zeroizing::new(whole));
        Self {
            half: FirstHalf::new(&Zeroizing::new(first)),
            second,
            request_key: master.request_key(),
            confirm_key: master.confirm_key(),
            credentials_key: master.credentials_key(),
            content: TransactionContent {
                salt: (0..32).collect(),
                text_type: TextType::Raw,
                text: "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»".to_owned(),
                binary: Some(b"%PDF-1.7".to_vec()),
            },
            memory: Mutex::default(),
        }
    }

    /// From now on it lies like this.
    pub fn lie(&self, lie: Change<Value>) {
        self.memory.lock().unwrap().lie = Some(lie);
    }

    /// From now on somebody changes its answers like this.
    pub fn tamper(&self, tamper: Change<HttpAnswer>) {
        self.memory.lock().unwrap().tamper = Some(tamper);
    }

    /// The next answers are lost on their way.
    pub fn lose(&self, answers: u32) {
        self.memory.lock().unwrap().lost = answers;
    }

    /// The bodies of what it heard at one place.
    pub fn heard(&self, tail: &str) -> Vec<Value> {
        let memory = self.memory.lock().unwrap();
        let at = memory.heard.iter().filter(|(heard, _)| heard == tail);
        at.map(|(_, body)| body.clone()).collect()
    }

    /// The public key it holds.
    pub fn public_key(&self) -> Option<Vec<u8>> {
        self.memory.lock().unwrap().public_key.clone()
    }

    fn digest(&self) -> Digest {
        let (system_id, user_id) = owner();
        self.content.digest(
            &system_id,
            &user_id,
            &TRANSACTION.parse::<TransactionId>().unwrap(),
        )
    }

    fn decide(&self, memory: &mut Memory, tail: &str, body: &Value) -> Result<Value, Refused> {
        match tail {
            "activate" => self.activate(memory, body),
            "credentials/salt" => Ok(json!({"credentials_salt": {
                "salt": "07".repeat(16), "kdf": "argon2id", "memory_kib": 19_456, "passes": 2, "lanes": 1,
            }})),
            "credentials/set" => set_password(memory, body),
            "credentials/get" => {
                check_password(memory, text(body, "password_proof"))?;
                let access_key = access_key(text(body, "password_proof"));
                Ok(json!({"credentials": {"access_key": access_key}}))
            }
            "register" => register(memory, body),
            "fingerprint" => {
                let fingerprint = text(body, "device_fingerprint");
                memory.fingerprint = Some(fingerprint.parse().unwrap());
                Ok(json!({"fingerprint_set": {}}))
            }
            "events" => Ok(json!({"reported": {}})),
            "transactions/get_list" => Ok(json!({"transaction_list": {"transactions": [{
                "transaction_id": TRANSACTION, "status": "pushSent", "created_at": NOW, "expires_at": null,
                "has_binary": true,
            }]}})),
            "transactions/invoice-42/get_data" => Ok(json!({"transaction_data": self.data()})),
            "transactions/invoice-42/get_binary_data" => {
                let data = STANDARD.encode(self.content.binary.as_deref().unwrap());
                Ok(json!({"transaction_binary_data": {"data": data}}))
            }
            "transactions/invoice-42/confirm" => self.confirm(memory, body),
            "transactions/invoice-42/decline" => {
                Ok(json!({"transaction_declined": {"transaction_id": TRANSACTION}}))
            }
            "operations/get_list" => {
                Ok(json!({"operation_list": {"operations": [standing("partly")]}}))
            }
            "operations/salaries-11/get_data" => {
                let mut data = standing("partly");
                data["description"] = "Salaries".into();
                data["app_extra"] = json!({"batch": 1});
                data["transactions"] = json!([{
                    "transaction_id": TRANSACTION, "status": "pushSent", "created_at": NOW, "expires_at": null,
                    "has_binary": true, "operation_id": OPERATION, "snippet": "5 ₽", "data": self.data(),
                }, {
                    "transaction_id": "invoice-43", "status": "declined", "created_at": NOW, "expires_at": null,
                    "has_binary": false, "operation_id": OPERATION, "snippet": null, "data": null,
                }]);
                Ok(json!({ "operation_data": data }))
            }
            "operations/salaries-11/process" => {
                self.confirm(memory, &body["transactions"][0])?;
                let processed = json!({"operation_id": OPERATION, "status": "processed"});
                Ok(json!({ "operation_processed": processed }))
            }
            _ => Err(Refused(ErrorCode::TransactionIsNull, json!({}))),
        }
    }

    fn data(&self) -> Value {
        json!({
            "transaction_id": TRANSACTION, "text": self.content.text, "text_type": "raw",
            "salt": hex::encode(&self.content.salt),
            "binary_sha256": self.content.binary.as_deref().map(Digest::sha256),
            "digest": self.digest(), "expires_at": null, "confirm_code_length": 8,
        })
    }

    fn activate(&self, memory: &mut Memory, body: &Value) -> Result<Value, Refused> {
        if text(body, "activation_code_proof") != self.half.activation_proof(CODE).to_string() {
            memory.attempts += 1;
            let left = json!({"activation_refused": {"attempts_left": 5 - memory.attempts}});
            return Err(Refused(ErrorCode::ActivationCodeIncorrect, left));
        }
        if std::mem::replace(&mut memory.activated, true) {
            return Err(Refused(ErrorCode::RequestError, json!({})));
        }
        let (system_id, user_id) = owner();
        let key = self.half.release_key(CODE);
        let cipher = Aes256Gcm::new_from_slice(key.expose()).unwrap();
        let aad = format!("{system_id}/{user_id}/1");
        let payload = Payload {
            msg: &self.second,
            aad: aad.as_bytes(),
        };
        let mut released = vec![8; 12];
        released.extend(cipher.encrypt(&[8; 12].into(), payload).unwrap());
        Ok(json!({"key_activated": {"released": hex::encode(released)}}))
    }

    fn confirm(&self, memory: &Memory, body: &Value) -> Result<Value, Refused> {
        let key = memory
            .public_key
            .as_deref()
            .expect("a device registers before it confirms");
        let digest = self.digest();
        if !verifies(key, &digest, text(body, "signature")) {
            return Err(Refused(ErrorCode::SignatureIsInvalid, json!({})));
        }
        let step = step_of(NOW, STEP_S);
        let fingerprint = memory.fingerprint.as_ref();
        let code = confirm_code(&self.confirm_key, &digest, step, fingerprint, Some(8));
        if code != text(body, "confirm_code") {
            return Err(Refused(ErrorCode::InvalidHmac, json!({})));
        }
        Ok(json!({"transaction_confirmed": {"transaction_id": TRANSACTION}}))
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, NetworkError> {
        let memory = &mut *self.memory.lock().unwrap();
        let (system_id, user_id) = owner();
        let tail = request
            .target()
            .strip_prefix(&format!("/pc-client-api/v1/{system_id}/users/{user_id}/"))
            .expect("the target is the mobile door's");
        let [.., (_, header)] = request.headers();
        let auth: PcAuth = header.parse().unwrap();
        let activation_key = self.half.activation_key();
        let key = match tail {
            "activate" => &activation_key,
            "credentials/get" => &self.credentials_key,
            _ => &self.request_key,
        };
        let message = auth.message("POST", request.target(), &Digest::sha256(request.body()));
        assert!(!memory.nonces.contains(&auth.nonce), "a nonce is used once");
        memory.nonces.push(auth.nonce);
        assert!(
            memory.newest.is_none_or(|newest| auth.timestamp != newest),
            "the time grows"
        );
        memory.newest = Some(auth.timestamp);
        let is_known = key.accepts(&[&message], &auth.mac);
        let reply = if is_known && NOW.distance_ms(auth.timestamp) > 180_000 {
            (
                401,
                envelope(Err(Refused(ErrorCode::TimeSyncError, json!({})))),
            )
        } else if is_known {
            self.reply_once(memory, tail, request.body())
        } else {
            (
                401,
                envelope(Err(Refused(ErrorCode::HttpAuthCodeInvalid, json!({})))),
            )
        };
        let (status, mut envelope) = reply;
        if let Some(lie) = memory.lie {
            lie(&mut envelope);
        }
        let body = serde_json::to_vec(&envelope).unwrap();
        let mut headers = vec![("pc-server-time".to_owned(), NOW.to_string())];
        if is_known {
            let check = AnswerCheck::new(auth.nonce, key.response_key(&auth.nonce));
            headers.push((
                "pc-auth-response".to_owned(),
                check.header_for(status, &body),
            ));
        }
        let mut answer = HttpAnswer {
            status,
            headers,
            body,
        };
        if let Some(tamper) = memory.tamper {
            tamper(&mut answer);
        }
        if memory.lost > 0 {
            memory.lost -= 1;
            return Err(NetworkError::Failed("the answer was lost".into()));
        }
        Ok(answer)
    }

    /// The same event id with the same body is answered from memory; with another body it is refused.
    fn reply_once(&self, memory: &mut Memory, tail: &str, bytes: &[u8]) -> (u16, Value) {
        let body: Value = serde_json::from_slice(bytes).unwrap();
        memory.heard.push((tail.to_owned(), body.clone()));
        let event_id = text(&body, "device_event_id").to_owned();
        let asked = (tail, bytes);
        let envelope = match memory.answered.get(&event_id) {
            Some((tail, bytes, answer)) if (tail.as_str(), &bytes[..]) == asked => answer.clone(),
            Some(_) => envelope(Err(Refused(ErrorCode::RequestError, json!({})))),
            None => {
                let envelope = envelope(self.decide(memory, tail, &body));
                let answered = (tail.to_owned(), bytes.to_vec(), envelope.clone());
                memory.answered.insert(event_id, answered);
                envelope
            }
        };
        let success = envelope["answer"]["result"]["error_code"] == 0;
        (if success { 200 } else { 400 }, envelope)
    }
}

impl Transport for FakeServer {
    async fn send(&self, request: HttpRequest) -> Result<HttpAnswer, NetworkError> {
        self.answer(&request)
    }
}

/// A code, and what goes beside it.
struct Refused(ErrorCode, Value);

fn standing(status: &str) -> Value {
    json!({
        "operation_id": OPERATION, "status": status, "created_at": NOW, "expires_at": null,
        "transactions_total": 2, "transactions_waiting": 1,
    })
}

fn set_password(memory: &mut Memory, body: &Value) -> Result<Value, Refused> {
    if memory.password.is_some() {
        let Some(old) = body["old_password_proof"].as_str() else {
            return Err(Refused(ErrorCode::PinIsEmpty, json!({})));
        };
        check_password(memory, old)?;
    }
    let proof = text(body, "password_proof");
    memory.password = Some((proof.to_owned(), 0));
    Ok(json!({"credentials_set": {"access_key": access_key(proof)}}))
}

fn check_password(memory: &mut Memory, proof: &str) -> Result<(), Refused> {
    let (right, wrong) = memory.password.as_mut().expect("a password is set");
    if proof == right {
        *wrong = 0;
        return Ok(());
    }
    *wrong += 1;
    let left = json!({"password_refused": {"attempts_left": 10 - *wrong}});
    Err(Refused(ErrorCode::PasswordIncorrect, left))
}

/// The access key 33 … 33, closed for whoever has the proof.
fn access_key(proof: &str) -> String {
    let (system_id, user_id) = owner();
    let proof = hex::decode(proof).unwrap();
    let key = MacKey::derive(&proof, "pc/access-release");
    let cipher = Aes256Gcm::new_from_slice(key.expose()).unwrap();
    let aad = format!("{system_id}/{user_id}/1/access");
    let payload = Payload {
        msg: &[0x33; 32],
        aad: aad.as_bytes(),
    };
    let mut closed = vec![9; 12];
    closed.extend(cipher.encrypt(&[9; 12].into(), payload).unwrap());
    hex::encode(closed)
}

fn register(memory: &mut Memory, body: &Value) -> Result<Value, Refused> {
    let new = hex::decode(text(body, "public_key")).unwrap();
    let another = memory.public_key.as_ref().filter(|old| **old != new);
    if let Some(old) = another {
        let (system_id, user_id) = owner();
        let message = renewal_message(&system_id, &user_id, schemas::KeyIndex(1), &new);
        let Some(signature) = body["public_key_signature"].as_str() else {
            return Err(Refused(ErrorCode::PubkeySignatureIsEmpty, json!({})));
        };
        if !verifies(old, &Digest::sha256(&message), signature) {
            return Err(Refused(ErrorCode::SignatureIsInvalid, json!({})));
        }
    }
    memory.public_key = Some(new);
    Ok(json!({"registered": {}}))
}

fn verifies(spki: &[u8], digest: &Digest, signature: &str) -> bool {
    let signature = Signature::from_der(&hex::decode(signature).unwrap()).unwrap();
    let key = VerifyingKey::from_public_key_der(spki).unwrap();
    key.verify_prehash(digest.as_bytes(), &signature).is_ok()
}

fn envelope(outcome: Result<Value, Refused>) -> Value {
    let (code, kind, mut answer) = match outcome {
        Ok(content) => {
            let kind = content.as_object().unwrap().keys().next().unwrap().clone();
            (ErrorCode::Normal, kind, content)
        }
        Err(Refused(code, extra)) => (code, "error".to_owned(), extra),
    };
    answer["result"] = json!({"error_code": code, "error_message": code.text()});
    json!({"answer_type": kind, "answer": answer, "answer_version": 3})
}

fn owner() -> (SystemId, UserId) {
    (
        "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap(),
        "sample-1".parse().unwrap(),
    )
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().expect(name)
}
