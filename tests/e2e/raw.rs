//! A client that can do everything wrong: it knows a key and nothing of the rules.

use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device::{HttpAnswer, HttpRequest, Transport as _};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schemas::pc_auth::PcAuth;
use schemas::{Digest, KeyIndex, SystemId, Timestamp, UserId};
use serde_json::Value;
use tests::coverage::note_code;
use tests::house::TestHouse;

/// An answer of either door, as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("the answer is text"),
        }
    }

    /// The envelope; the test fails when there is none.
    pub fn envelope(&self) -> Value {
        let envelope: Value = serde_json::from_str(&self.body)
            .unwrap_or_else(|_| panic!("not an envelope: {} {}", self.status, self.body));
        assert_eq!(envelope["answer_version"], 3, "{}", self.body);
        assert!(envelope["answer_type"].is_string(), "{}", self.body);
        let result = &envelope["answer"]["result"];
        assert!(result["error_message"].is_string(), "{}", self.body);
        envelope
    }

    /// The error code in the envelope.
    pub fn code(&self) -> u64 {
        let code = &self.envelope()["answer"]["result"]["error_code"];
        let code = code.as_u64().expect("a code is a number");
        note_code(code);
        code
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The error code in the answer to a device's request.
pub fn code_of(answer: &HttpAnswer) -> u64 {
    let envelope: Value = serde_json::from_slice(&answer.body).expect("an envelope");
    let code = &envelope["answer"]["result"]["error_code"];
    let code = code.as_u64().expect("a code is a number");
    note_code(code);
    code
}

/// Sends a device's request byte for byte, as often as it is called.
pub async fn send(house: &TestHouse, request: &HttpRequest) -> HttpAnswer {
    let answer = house.transport().send(request.clone()).await;
    answer.expect("the door answers")
}

/// A device made of a key and nothing else.
#[derive(Clone, Debug)]
pub struct RawDevice {
    pub system_id: SystemId,
    pub user_id: UserId,
    pub key_index: KeyIndex,
    /// The key under the MAC of its requests.
    pub request_key: Vec<u8>,
    pub origin: String,
    pub http: reqwest::Client,
}

impl RawDevice {
    /// From a key's text: with the key of ordinary requests for a whole key, with that of activations for half of one.
    pub fn new(house: &TestHouse, key_text: &str) -> Self {
        let key: Value = serde_json::from_str(key_text).expect("a key is JSON");
        let data = key["key"]["data"].as_str().expect("a key has a secret");
        let secret = STANDARD.decode(data).expect("a secret is base64");
        let label = match key["key"]["enc"].as_str() {
            Some("half") => "pc/activate",
            _ => "pc/auth",
        };
        let id = |name: &str| key[name].as_str().expect("a key has ids");
        Self {
            system_id: id("system_id").parse().expect("ids read back"),
            user_id: id("user_id").parse().expect("ids read back"),
            key_index: KeyIndex(key["key_index"].as_u64().expect("a key has a number") as u32),
            request_key: derive(&secret, label).to_vec(),
            origin: house.origin(),
            http: client(),
        }
    }

    /// Path of a request.
    pub fn target(&self, tail: &str) -> String {
        let Self {
            system_id, user_id, ..
        } = self;
        format!("/pc-client-api/v1/{system_id}/users/{user_id}/{tail}")
    }

    /// A right header for this body.
    pub fn header(&self, target: &str, body: &[u8], at: Timestamp) -> String {
        let mut auth = PcAuth {
            system_id: self.system_id.clone(),
            user_id: self.user_id.clone(),
            key_index: self.key_index,
            timestamp: at,
            nonce: bus::shell::random_bytes(),
            mac: Digest([0; 32]),
        };
        let message = auth.message("POST", target, &Digest::sha256(body));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.request_key);
        auth.mac = hmac::sign(&key, &message)
            .as_ref()
            .try_into()
            .map(Digest)
            .expect("HMAC-SHA256 has 32 bytes");
        auth.to_string()
    }

    /// Sends a body under a right header.
    pub async fn post(&self, tail: &str, body: &Value, at: Timestamp) -> Answer {
        self.post_bytes(tail, body.to_string().into_bytes(), at)
            .await
    }

    /// Sends any bytes under a right header.
    pub async fn post_bytes(&self, tail: &str, body: Vec<u8>, at: Timestamp) -> Answer {
        let target = self.target(tail);
        let header = self.header(&target, &body, at);
        let headers = [("content-type", "application/json"), ("pc-auth", &*header)];
        let url = format!("{}{target}", self.origin);
        call(&self.http, Method::POST, &url, &headers, body).await
    }
}

/// Any request at all.
pub async fn call(
    http: &reqwest::Client,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let mut request = http.request(method, url).body(body);
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a header's name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        request = request.header(name, value);
    }
    let response = request.send().await;
    Answer::of(response.unwrap_or_else(|error| panic!("{url}: {error:?}"))).await
}

/// A client with a pool of its own.
pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.build().expect("a client without special wishes")
}

/// A key that follows from the secret of a whole key.
pub fn derive_from_key(key_text: &str, label: &str) -> Vec<u8> {
    let key: Value = serde_json::from_str(key_text).expect("a key is JSON");
    let data = key["key"]["data"].as_str().expect("a key has a secret");
    let secret = STANDARD.decode(data).expect("a secret is base64");
    derive(&secret, label).to_vec()
}

/// HKDF-SHA256 with an empty salt, as the protocol derives its keys.
pub fn derive(secret: &[u8], label: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let info = [label.as_bytes()];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(secret)
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("thirty-two bytes are within the reach of HKDF-SHA256");
    key
}
