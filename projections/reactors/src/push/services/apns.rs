//! Apple's service: HTTP/2, one request for each message, known by a token of ours or by a client certificate.

use std::sync::Arc;

use bus::shell::Clock;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::Client;
use schemas::{Digest, Timestamp};
use serde_json::json;

use super::{Message, Service, controls};
use crate::push::access::Access;
use crate::push::clients::{Answer, Clients};
use crate::push::configuration::{Apns, ApnsKey};
use crate::push::jwt::{SigningKey, WrongKey};
use crate::push::verdict::Verdict;

/// Life of a token. Apple takes one for an hour, and does not want another within twenty minutes.
const TOKEN_LIFE_MS: i64 = 50 * 60_000;
const TOKEN_YOUNG_MS: i64 = 20 * 60_000;

/// Longest token of a device.
const DEVICE_TOKEN_MAX: usize = 200;

/// Apple's service for one application.
#[derive(Debug)]
pub(super) struct ApnsService {
    topic: String,
    url: String,
    signer: Option<Signer>,
    access: Access,
    client: Client,
    clients: Clients,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Signer {
    key: SigningKey,
    key_id: String,
    team_id: String,
}

impl ApnsService {
    pub(super) fn new(
        app_id: &str,
        apns: Apns,
        client: Client,
        clients: Clients,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WrongKey> {
        let signer = match apns.key {
            ApnsKey::P8 {
                key_id,
                team_id,
                pem,
            } => Some(Signer {
                key: SigningKey::es256(&pem)?,
                key_id,
                team_id,
            }),
            ApnsKey::P12 { .. } => None,
        };
        Ok(Self {
            topic: app_id.to_owned(),
            url: apns.url.trim_end_matches('/').to_owned(),
            signer,
            access: Access::default(),
            client,
            clients,
            clock,
        })
    }

    async fn send(&self, message: Message<'_>) -> Verdict {
        let is_token = (1..=DEVICE_TOKEN_MAX).contains(&message.token.len())
            && message
                .token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric());
        if !is_token {
            return Verdict::Refused("the device's token is none of Apple's");
        }
        match self.attempt(&message, None).await {
            Ok(Verdict::Stale) => Verdict::unaccepted(),
            Ok(verdict) => verdict,
            // One more try with a token that is not the stale one.
            Err(stale) => match self.attempt(&message, Some(&stale)).await {
                Ok(Verdict::Stale) | Err(_) => Verdict::unaccepted(),
                Ok(verdict) => verdict,
            },
        }
    }

    /// `Err` is our token, when it was not accepted.
    async fn attempt(&self, message: &Message<'_>, stale: Option<&str>) -> Result<Verdict, String> {
        let now = self.clock.now();
        let mut payload = message.body.clone();
        let headers = controls::take(&mut payload, message.expires_at, now);
        let url = format!("{}/3/device/{}", self.url, message.token);
        let mut request = self.client.post(url).header("apns-topic", &self.topic);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = request
            .header("apns-id", apns_id(&message.id))
            .json(&payload);
        let mut token = None;
        if let Some(signer) = &self.signer {
            let sign = async || Ok((signer.sign(now), TOKEN_LIFE_MS));
            let access = &self.access;
            match access
                .token(&*self.clock, stale, TOKEN_YOUNG_MS, sign)
                .await
            {
                Ok(ours) => {
                    request = request.bearer_auth(&ours);
                    token = Some(ours);
                }
                Err(verdict) => return Ok(verdict),
            }
        }
        let answer = match self.clients.call(request).await {
            Ok(answer) => answer,
            Err(verdict) => return Ok(verdict),
        };
        match (verdict(&answer), token) {
            (Verdict::Stale, Some(token)) => Err(token),
            (verdict, _) => Ok(verdict),
        }
    }
}

impl Service for ApnsService {
    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Verdict> {
        self.send(message).boxed()
    }
}

impl Signer {
    fn sign(&self, now: Timestamp) -> String {
        let claims = json!({ "iss": self.team_id, "iat": now.0 / 1000 });
        self.key.sign(Some(&self.key_id), &claims)
    }
}

/// An identity in Apple's form: 8-4-4-4-12 hex digits.
fn apns_id(id: &str) -> String {
    let hex = hex::encode(&Digest::sha256(id.as_bytes()).0[..16]);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// What an answer means. A wrong token may as well be the other gate's, so it is not forgotten for that.
fn verdict(answer: &Answer) -> Verdict {
    let reason = answer.body["reason"].as_str().unwrap_or_default();
    match (answer.status.as_u16(), reason) {
        (410, _) => {
            let since = answer.body["timestamp"].as_i64();
            return Verdict::Gone(since.map(Timestamp));
        }
        (403, "ExpiredProviderToken" | "InvalidProviderToken") => return Verdict::Stale,
        (403, _) => return Verdict::unaccepted(),
        _ => {}
    }
    Verdict::of_status(answer.status, answer.asked_ms).unwrap_or(Verdict::Refused(match reason {
        "BadDeviceToken" => "BadDeviceToken",
        "DeviceTokenNotForTopic" => "DeviceTokenNotForTopic",
        "PayloadTooLarge" => "PayloadTooLarge",
        "TopicDisallowed" => "TopicDisallowed",
        "BadTopic" => "BadTopic",
        _ => "the push service refused it",
    }))
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::Value;

    use super::*;

    fn said(status: u16, body: Value) -> Verdict {
        verdict(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            asked_ms: None,
            body,
        })
    }

    #[test]
    fn apples_answers_are_understood() {
        assert_eq!(said(200, Value::Null), Verdict::Taken);
        let gone = json!({"reason": "Unregistered", "timestamp": 7});
        assert_eq!(said(410, gone), Verdict::Gone(Some(Timestamp(7))));
        assert_eq!(said(410, Value::Null), Verdict::Gone(None));
        let stale = json!({"reason": "ExpiredProviderToken"});
        assert_eq!(said(403, stale), Verdict::Stale);
        assert_eq!(
            said(403, json!({"reason": "Forbidden"})),
            Verdict::unaccepted()
        );
        let bad = json!({"reason": "BadDeviceToken"});
        assert_eq!(said(400, bad), Verdict::Refused("BadDeviceToken"));
        assert!(matches!(
            said(429, Value::Null),
            Verdict::Later { holds: true, .. }
        ));
        assert!(matches!(said(413, Value::Null), Verdict::Refused(_)));
    }

    #[test]
    fn an_identity_is_a_uuid_and_stays() {
        let id = apns_id("push_1/0");
        assert_eq!(id.len(), 36);
        assert_eq!(id, apns_id("push_1/0"));
        assert_ne!(id, apns_id("push_1/1"));
    }
}
