//! Google's service, HTTP v1: a service account gets a token by an assertion it signs, and messages go to its project.

use std::sync::Arc;

use bus::shell::Clock;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::oauth::Bearer;
use super::{Message, Service, controls, seconds_until};
use crate::push::clients::{Answer, Clients, form};
use crate::push::configuration::Fcm;
use crate::push::jwt::{SigningKey, WrongKey};
use crate::push::verdict::Verdict;

const FCM: &str = "https://fcm.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Life of an assertion, seconds: the longest Google takes.
const ASSERTION_LIFE_S: i64 = 3600;

/// Google's service for one application.
#[derive(Debug)]
pub(super) struct FcmService {
    key: SigningKey,
    key_id: Option<String>,
    email: String,
    token_uri: String,
    url: String,
    bearer: Bearer,
}

/// The same service on the way to iPhones (`use_fcm`).
#[derive(Debug)]
pub(super) struct ToIphones {
    service: FcmService,
    app_id: String,
    clock: Arc<dyn Clock>,
}

impl FcmService {
    pub(super) fn new(
        account: &Fcm,
        clients: Clients,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WrongKey> {
        let url = account.url.as_deref().unwrap_or(FCM).trim_end_matches('/');
        Ok(Self {
            key: SigningKey::rs256(&account.private_key)?,
            key_id: account.private_key_id.clone(),
            email: account.client_email.clone(),
            token_uri: account.token_uri.clone(),
            url: format!("{url}/v1/projects/{}/messages:send", account.project_id),
            bearer: Bearer::new(clients, clock),
        })
    }

    async fn send(&self, body: &Value) -> Verdict {
        let fetch = || self.fetch();
        self.bearer.post(&self.url, body, fetch, verdict).await
    }

    /// A new token and its life, ms.
    async fn fetch(&self) -> Result<(String, i64), Verdict> {
        let now_s = self.bearer.clock.now().0 / 1000;
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri,
            "iat": now_s, "exp": now_s + ASSERTION_LIFE_S,
        });
        let assertion = self.key.sign(self.key_id.as_deref(), &claims);
        let body = form(&[("grant_type", GRANT), ("assertion", &assertion)]);
        let request = self.bearer.clients.usual.post(&self.token_uri);
        self.bearer.ask(request, body).await
    }
}

impl Service for FcmService {
    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Verdict> {
        async move {
            let mut body = message.body;
            if let (Some(expires_at), Some(inner)) = (message.expires_at, body.get_mut("message")) {
                // Google keeps messages for four weeks unless told otherwise.
                let left_s = seconds_until(expires_at, self.bearer.clock.now());
                keep_no_longer(inner, left_s);
            }
            self.send(&body).await
        }
        .boxed()
    }
}

impl ToIphones {
    pub(super) fn new(service: FcmService, app_id: &str, clock: &Arc<dyn Clock>) -> Self {
        Self {
            service,
            app_id: app_id.to_owned(),
            clock: Arc::clone(clock),
        }
    }
}

impl Service for ToIphones {
    /// A template in Google's syntax goes as it is; one in Apple's is put into Google's.
    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Verdict> {
        async move {
            if message.body.get("message").is_some() {
                return self.service.send(&message.body).await;
            }
            let mut payload = message.body.clone();
            let headers = controls::take(&mut payload, message.expires_at, self.clock.now());
            let headers = headers
                .into_iter()
                .chain([("apns-topic", self.app_id.clone())]);
            let headers: serde_json::Map<String, Value> = headers
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect();
            let apns = json!({ "headers": headers, "payload": payload });
            let body = json!({ "message": { "token": message.token, "apns": apns } });
            self.service.send(&body).await
        }
        .boxed()
    }
}

/// Shortens the life of a message, given in seconds with an `s` behind them.
fn keep_no_longer(message: &mut Value, left_s: i64) {
    let Some(members) = message.as_object_mut() else {
        return;
    };
    let android = members.entry("android").or_insert_with(|| json!({}));
    let Some(android) = android.as_object_mut() else {
        return;
    };
    let given = android.get("ttl").and_then(Value::as_str);
    let given = given.and_then(|ttl| ttl.strip_suffix('s')?.parse::<f64>().ok());
    if given.is_none_or(|given| given > left_s as f64) {
        android.insert("ttl".to_owned(), format!("{left_s}s").into());
    }
}

fn verdict(answer: &Answer) -> Verdict {
    let error = &answer.body["error"];
    let details = error["details"].as_array();
    let mut codes = details.into_iter().flatten();
    let code = codes.find_map(|detail| detail["errorCode"].as_str());
    let code = code
        .or_else(|| error["status"].as_str())
        .unwrap_or_default();
    match (answer.status.as_u16(), code) {
        (404, "UNREGISTERED" | "NOT_FOUND") => Verdict::Gone(None),
        (401, "THIRD_PARTY_AUTH_ERROR") => Verdict::Refused("THIRD_PARTY_AUTH_ERROR"),
        (401, _) => Verdict::Stale,
        (403, "SENDER_ID_MISMATCH") => Verdict::Refused("SENDER_ID_MISMATCH"),
        (403, _) => Verdict::unaccepted(),
        (400, "INVALID_ARGUMENT") => Verdict::Refused("INVALID_ARGUMENT"),
        _ => Verdict::of_status(answer.status, answer.asked_ms)
            .unwrap_or(Verdict::Refused("the push service refused it")),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn said(status: u16, body: Value) -> Verdict {
        verdict(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            asked_ms: None,
            body,
        })
    }

    #[test]
    fn googles_answers_are_understood() {
        assert_eq!(
            said(200, json!({"name": "projects/p/messages/1"})),
            Verdict::Taken
        );
        let of = |code: &str| json!({"error": {"status": "X", "details": [{"errorCode": code}]}});
        assert_eq!(said(404, of("UNREGISTERED")), Verdict::Gone(None));
        assert_eq!(said(401, of("UNAUTHENTICATED")), Verdict::Stale);
        let mismatch = said(403, of("SENDER_ID_MISMATCH"));
        assert_eq!(mismatch, Verdict::Refused("SENDER_ID_MISMATCH"));
        let denied = json!({"error": {"status": "PERMISSION_DENIED"}});
        assert_eq!(said(403, denied), Verdict::unaccepted());
        assert!(matches!(
            said(400, of("INVALID_ARGUMENT")),
            Verdict::Refused(_)
        ));
        assert!(matches!(
            said(429, Value::Null),
            Verdict::Later { holds: true, .. }
        ));
        assert!(matches!(
            said(500, Value::Null),
            Verdict::Later { holds: false, .. }
        ));
    }

    #[test]
    fn a_message_lives_no_longer_than_its_transaction() {
        for (given, expected) in [
            (json!({"token": "t"}), "60s"),
            (json!({"android": {"ttl": "3600s"}}), "60s"),
            (json!({"android": {"ttl": "5s"}}), "5s"),
            (json!({"android": {"ttl": "soon"}}), "60s"),
        ] {
            let mut message = given;
            keep_no_longer(&mut message, 60);
            assert_eq!(message["android"]["ttl"], expected);
        }
    }
}
