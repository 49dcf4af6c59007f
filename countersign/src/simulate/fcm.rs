//! Google's push service, HTTP v1: `POST /token` for a service account's assertion, `POST /v1/projects/<id>/messages:send`.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::jwt;
use super::server::{Answer, Asked, Behavior};

/// The simulator.
#[derive(Debug, Default)]
pub struct Fcm(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    issued: u64,
    good: HashSet<String>,
    gone: HashSet<String>,
    messages: Vec<Value>,
    taken: u64,
}

/// Messages that are remembered; of those after only the number is.
const REMEMBERED: usize = 10_000;

impl Fcm {
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

    /// How many messages were taken.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, asked: &Asked) -> Answer {
        let form = asked.form();
        let field = |name: &str| {
            let found = form.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let is_right = field("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            && jwt::parts(field("assertion")).is_some_and(|(header, claims)| {
                header["alg"] == "RS256"
                    && claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
                    && claims["aud"]
                        .as_str()
                        .is_some_and(|aud| aud.ends_with("/token"))
            });
        if !is_right {
            return Answer::json(400, json!({ "error": "invalid_grant" }));
        }
        let mut state = self.lock();
        state.issued += 1;
        let token = format!("access-{}", state.issued);
        state.good.insert(token.clone());
        Answer::json(
            200,
            json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }),
        )
    }

    fn message(&self, asked: &Asked) -> Answer {
        let mut state = self.lock();
        if !state.good.contains(asked.bearer()) {
            return refused(401, "UNAUTHENTICATED", None);
        }
        let body = asked.json();
        let Some(device) = body["message"]["token"]
            .as_str()
            .filter(|token| !token.is_empty())
        else {
            return refused(400, "INVALID_ARGUMENT", Some("INVALID_ARGUMENT"));
        };
        if state.gone.contains(device) {
            return refused(404, "NOT_FOUND", Some("UNREGISTERED"));
        }
        state.taken += 1;
        let name = format!("projects/simulated/messages/{}", state.taken);
        if state.messages.len() < REMEMBERED {
            state.messages.push(body);
        }
        Answer::json(200, json!({ "name": name }))
    }
}

impl Behavior for Fcm {
    fn answer(&self, asked: &Asked) -> Answer {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/token") => self.token(asked),
            ("POST", path)
                if path.starts_with("/v1/projects/") && path.ends_with("/messages:send") =>
            {
                self.message(asked)
            }
            _ => refused(404, "NOT_FOUND", None),
        }
    }
}

fn refused(status: u16, word: &str, code: Option<&str>) -> Answer {
    let details: Vec<Value> = code
        .map(|code| {
            json!({
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": code,
            })
        })
        .into_iter()
        .collect();
    Answer::json(
        status,
        json!({ "error": { "code": status, "message": word, "status": word, "details": details } }),
    )
}
