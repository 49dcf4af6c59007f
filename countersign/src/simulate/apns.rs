//! Apple's push service: HTTP/2 only, `POST /3/device/<token>`, known by a provider token or a client certificate.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::jwt;
use super::server::{Answer, Asked, Behavior};

/// Longest payload, bytes.
const PAYLOAD_MAX: usize = 4096;

/// The simulator.
#[derive(Debug, Default)]
pub struct Apns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Tokens of devices that are known no more, and since when, ms.
    gone: BTreeMap<String, i64>,
    /// Provider tokens that have expired.
    expired: HashSet<String>,
    last_provider_token: Option<String>,
    /// What each device shows: by the identity it collapses by, or by its own.
    shown: BTreeMap<String, Vec<(String, Value)>>,
}

impl Apns {
    /// From now on this device is known no more; since when, ms.
    pub fn forget(&self, device: &str, since_ms: i64) {
        self.lock().gone.insert(device.to_owned(), since_ms);
    }

    /// The provider token that was used last is taken no more.
    pub fn expire_provider_token(&self) {
        let mut state = self.lock();
        let last = state.last_provider_token.clone();
        state.expired.extend(last);
    }

    /// The alerts a device shows: what collapses with another takes its place.
    pub fn shown(&self, device: &str) -> Vec<Value> {
        let state = self.lock();
        let shown = state.shown.get(device).into_iter().flatten();
        shown.map(|(_, payload)| payload.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Behavior for Apns {
    fn answer(&self, asked: &Asked) -> Answer {
        let Some(device) = asked.path.strip_prefix("/3/device/") else {
            return refused(404, "BadPath");
        };
        if asked.method != "POST" {
            return refused(405, "MethodNotAllowed");
        }
        if !asked.http2 {
            return refused(505, "HttpVersionNotSupported");
        }
        let mut state = self.lock();
        if !asked.certified {
            let token = asked.bearer();
            if token.is_empty() {
                return refused(403, "MissingProviderToken");
            }
            let is_right = jwt::parts(token).is_some_and(|(header, claims)| {
                header["alg"] == "ES256"
                    && header["kid"].is_string()
                    && claims["iss"].is_string()
                    && claims["iat"].is_i64()
            });
            if !is_right {
                return refused(403, "InvalidProviderToken");
            }
            if state.expired.contains(token) {
                return refused(403, "ExpiredProviderToken");
            }
            state.last_provider_token = Some(token.to_owned());
        }
        if asked.header("apns-topic").is_empty() {
            return refused(400, "MissingTopic");
        }
        if device.len() < 8 || !device.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return refused(400, "BadDeviceToken");
        }
        if let Some(since_ms) = state.gone.get(device) {
            return Answer::json(
                410,
                json!({ "reason": "Unregistered", "timestamp": since_ms }),
            );
        }
        if asked.body.len() > PAYLOAD_MAX {
            return refused(413, "PayloadTooLarge");
        }
        let payload = asked.json();
        if !payload.is_object() {
            return refused(400, "PayloadEmpty");
        }
        let id = asked.header("apns-id").to_owned();
        if asked.header("apns-push-type") == "alert" {
            let collapse = asked.header("apns-collapse-id");
            let key = if collapse.is_empty() { &id } else { collapse }.to_owned();
            let shown = state.shown.entry(device.to_owned()).or_default();
            shown.retain(|(known, _)| *known != key);
            shown.push((key, payload));
        }
        Answer {
            status: 200,
            headers: vec![("apns-id", id)],
            body: Value::Null,
        }
    }
}

fn refused(status: u16, reason: &str) -> Answer {
    Answer::json(status, json!({ "reason": reason }))
}
