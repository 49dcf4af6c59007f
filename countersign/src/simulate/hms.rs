//! Huawei's push service: `POST /oauth2/v3/token`, `POST /v1/<client_id>/messages:send`, a code in every answer.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::server::{Answer, Asked, Behavior};

/// The simulator.
#[derive(Debug, Default)]
pub struct Hms(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    issued: u64,
    good: HashSet<String>,
    gone: HashSet<String>,
    messages: Vec<Value>,
}

/// Messages that are remembered.
const REMEMBERED: usize = 10_000;

impl Hms {
    /// From now on this device is known no more.
    pub fn forget(&self, device: &str) {
        self.lock().gone.insert(device.to_owned());
    }

    /// Every access token so far is taken no more.
    pub fn expire_access_tokens(&self) {
        self.lock().good.clear();
    }

    /// How many access tokens were issued.
    pub fn issued(&self) -> u64 {
        self.lock().issued
    }

    /// The messages that were taken.
    pub fn messages(&self) -> Vec<Value> {
        self.lock().messages.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, asked: &Asked) -> Answer {
        let form = asked.form();
        let has = |name: &str| {
            form.iter()
                .any(|(known, value)| known == name && !value.is_empty())
        };
        let grant = ("grant_type".to_owned(), "client_credentials".to_owned());
        if !form.contains(&grant) || !has("client_id") || !has("client_secret") {
            return Answer::json(400, json!({ "error": 1101, "sub_error": 20001 }));
        }
        let mut state = self.lock();
        state.issued += 1;
        let token = format!("access-{}", state.issued);
        state.good.insert(token.clone());
        Answer::json(
            200,
            json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" }),
        )
    }

    fn message(&self, asked: &Asked) -> Answer {
        let mut state = self.lock();
        if !state.good.contains(asked.bearer()) {
            return said("80200003");
        }
        let body = asked.json();
        let tokens = body["message"]["token"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let known = |token: &Value| {
            token
                .as_str()
                .is_some_and(|token| !state.gone.contains(token))
        };
        if tokens.is_empty() {
            return said("80100003");
        }
        if !tokens.iter().any(known) {
            return said("80300007");
        }
        if state.messages.len() < REMEMBERED {
            state.messages.push(body);
        }
        said("80000000")
    }
}

impl Behavior for Hms {
    fn answer(&self, asked: &Asked) -> Answer {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/oauth2/v3/token") => self.token(asked),
            ("POST", path) if path.starts_with("/v1/") && path.ends_with("/messages:send") => {
                self.message(asked)
            }
            _ => Answer::json(404, Value::Null),
        }
    }
}

fn said(code: &str) -> Answer {
    Answer::json(
        200,
        json!({ "code": code, "msg": "simulated", "requestId": "1" }),
    )
}
