//! Requests: a body that is fixed once, and a header that is new for every sending.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemas::pc_auth::PcAuth;
use schemas::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chance;
use crate::credentials::Owner;
use crate::door::Door;
use crate::error::LocalError;
use crate::response::AnswerCheck;
use crate::secrets::MacKey;

/// Identity of one thing the device did. A repetition under the same identity happens at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEventId(String);

impl DeviceEventId {
    /// A new one.
    pub fn fresh() -> Self {
        Self(chance::uuid())
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceEventId {
    type Err = LocalError;

    fn from_str(text: &str) -> Result<Self, LocalError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(LocalError::EventIdRefused)
        }
    }
}

/// What is asked, fixed byte for byte. Sending it again, after an unknown outcome, is the protocol's retry: the same
/// `device_event_id` in the same body under a fresh header.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Submission<C> {
    /// What follows the user in the path, for example `register`.
    pub(crate) tail: String,
    /// The JSON body.
    pub(crate) body: String,
    #[serde(skip)]
    content: PhantomData<fn() -> C>,
}

impl<C> fmt::Debug for Submission<C> {
    /// Only what it is: a body holds codes and proofs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Submission({})", self.tail)
    }
}

/// What every body carries besides its own content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyContext<'a> {
    /// Session on the device.
    pub session_id: &'a str,
    /// Identity of the act.
    pub device_event_id: &'a DeviceEventId,
    /// The device's clock at the act.
    pub device_time: Timestamp,
    /// Facts about the device; `None` unless the key's flags ask for them.
    pub device_info: Option<&'a serde_json::Value>,
}

#[derive(Serialize)]
struct Body<'a, B> {
    session_id: &'a str,
    device_event_id: &'a str,
    device_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_info: Option<&'a serde_json::Value>,
    #[serde(flatten)]
    content: B,
}

impl<C> Submission<C> {
    /// Fixes the body.
    pub(crate) fn new(tail: String, context: &BodyContext<'_>, content: impl Serialize) -> Self {
        let body = Body {
            session_id: context.session_id,
            device_event_id: context.device_event_id.as_str(),
            device_time: context.device_time,
            device_info: context.device_info,
            content,
        };
        Self {
            tail,
            body: serde_json::to_string(&body).expect("the bodies are maps with text keys"),
            content: PhantomData,
        }
    }

    /// Puts a fresh header before the body.
    pub(crate) fn prepare(
        &self,
        door: &Door,
        owner: Owner<'_>,
        key: &MacKey,
        now: Timestamp,
    ) -> Prepared<C> {
        self.prepare_with_nonce(door, owner, key, now, chance::bytes())
    }

    /// The same with a given nonce; only the vectors know it beforehand.
    pub(crate) fn prepare_with_nonce(
        &self,
        door: &Door,
        owner: Owner<'_>,
        key: &MacKey,
        now: Timestamp,
        nonce: [u8; 16],
    ) -> Prepared<C> {
        let request = HttpRequest {
            url: door.url(&self.tail),
            origin_length: door.origin_length(),
            pc_auth: String::new(),
            body: self.body.clone().into_bytes(),
        };
        let mut auth = PcAuth {
            system_id: owner.system_id.clone(),
            user_id: owner.user_id.clone(),
            key_index: owner.key_index,
            timestamp: now,
            nonce,
            mac: Digest([0; 32]),
        };
        let body_hash = Digest::sha256(&request.body);
        auth.mac = key.mac(&[&auth.message(HttpRequest::METHOD, request.target(), &body_hash)]);
        Prepared {
            request: HttpRequest {
                pc_auth: auth.to_string(),
                ..request
            },
            check: AnswerCheck::new(nonce, key.response_key(&nonce)),
            content: PhantomData,
        }
    }
}

/// A request ready to be sent, and what its answer is checked with.
#[derive(Debug)]
pub struct Prepared<C> {
    /// What to send.
    pub request: HttpRequest,
    /// How to check the answer.
    pub check: AnswerCheck,
    content: PhantomData<fn() -> C>,
}

/// A request as it goes over the wire. Every request of this protocol is a `POST` of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    url: String,
    origin_length: usize,
    pc_auth: String,
    body: Vec<u8>,
}

impl HttpRequest {
    /// The method.
    pub const METHOD: &'static str = "POST";

    /// The whole address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Path and query, exactly as under the MAC.
    pub fn target(&self) -> &str {
        &self.url[self.origin_length..]
    }

    /// The headers this protocol needs; the transport adds its own.
    pub fn headers(&self) -> [(&'static str, &str); 3] {
        [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            (PcAuth::HEADER, &self.pc_auth),
        ]
    }

    /// The bytes of the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The bytes of the body, taken.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_is_short_and_plain() {
        assert_eq!(DeviceEventId::fresh().as_str().len(), 36);
        assert!("event-1".parse::<DeviceEventId>().is_ok());
        for text in ["", "a b", "\u{451}", &"x".repeat(65)] {
            assert_eq!(
                text.parse::<DeviceEventId>(),
                Err(LocalError::EventIdRefused)
            );
        }
    }
}
