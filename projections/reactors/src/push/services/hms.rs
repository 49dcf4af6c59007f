//! Huawei's service. Whether a message was taken, a code in the body says, whatever the status is.

use std::sync::Arc;

use bus::shell::Clock;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::oauth::Bearer;
use super::{Message, Service, seconds_until};
use crate::push::clients::{Answer, Clients, form};
use crate::push::configuration::Hms;
use crate::push::verdict::Verdict;

const TOKENS: &str = "https://oauth-login.cloud.huawei.com/oauth2/v3/token";
const PUSHES: &str = "https://push-api.cloud.huawei.com";

/// Huawei's service for one application.
pub(super) struct HmsService {
    credentials: Hms,
    token_url: String,
    url: String,
    bearer: Bearer,
}

impl std::fmt::Debug for HmsService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

impl HmsService {
    pub(super) fn new(credentials: &Hms, clients: Clients, clock: Arc<dyn Clock>) -> Self {
        let url = credentials.push_url.as_deref().unwrap_or(PUSHES);
        let url = url.trim_end_matches('/');
        Self {
            token_url: credentials
                .token_url
                .as_deref()
                .unwrap_or(TOKENS)
                .to_owned(),
            url: format!("{url}/v1/{}/messages:send", credentials.client_id),
            credentials: credentials.clone(),
            bearer: Bearer::new(clients, clock),
        }
    }

    async fn send(&self, body: &Value) -> Verdict {
        let fetch = || self.fetch();
        self.bearer.post(&self.url, body, fetch, verdict).await
    }

    async fn fetch(&self) -> Result<(String, i64), Verdict> {
        let Hms {
            client_id,
            client_secret,
            ..
        } = &self.credentials;
        let body = form(&[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret),
        ]);
        let request = self.bearer.clients.usual.post(&self.token_url);
        self.bearer.ask(request, body).await
    }
}

impl Service for HmsService {
    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Verdict> {
        async move {
            let mut body = message.body;
            let android = body.get_mut("message").and_then(Value::as_object_mut);
            if let (Some(expires_at), Some(inner)) = (message.expires_at, android) {
                let left_s = seconds_until(expires_at, self.bearer.clock.now());
                let android = inner.entry("android").or_insert_with(|| json!({}));
                let given = android["ttl"]
                    .as_str()
                    .and_then(|ttl| ttl.parse::<i64>().ok());
                if given.is_none_or(|given| given > left_s) && android.is_object() {
                    android["ttl"] = left_s.to_string().into();
                }
            }
            self.send(&body).await
        }
        .boxed()
    }
}

fn verdict(answer: &Answer) -> Verdict {
    match answer.body["code"].as_str() {
        Some("80000000") => Verdict::Taken,
        Some("80200001" | "80200003") => Verdict::Stale,
        Some("80300007" | "80100000") => Verdict::Gone(None),
        Some("80300002" | "80600003") => Verdict::unaccepted(),
        Some("81000001" | "81100001" | "80100004") => {
            Verdict::interrupted("the push service has an error")
        }
        Some("80100003") => Verdict::Refused("the message's structure is wrong"),
        Some("80300008") => Verdict::Refused("the message is too long"),
        Some(_) if answer.status.is_success() => Verdict::Refused("the push service refused it"),
        _ => match Verdict::of_status(answer.status, answer.asked_ms) {
            // A success without a code is no answer of this service.
            Some(Verdict::Taken) => Verdict::interrupted("the answer cannot be understood"),
            Some(verdict) => verdict,
            None if answer.status.as_u16() == 401 => Verdict::Stale,
            None => Verdict::Refused("the push service refused it"),
        },
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
    fn the_code_counts_and_not_the_status() {
        let of = |code: &str| json!({"code": code, "msg": "m", "requestId": "1"});
        assert_eq!(said(200, of("80000000")), Verdict::Taken);
        assert_eq!(said(200, of("80300007")), Verdict::Gone(None));
        assert_eq!(said(200, of("80200003")), Verdict::Stale);
        assert_eq!(said(401, of("80200001")), Verdict::Stale);
        assert!(matches!(said(200, of("80100003")), Verdict::Refused(_)));
        assert!(matches!(said(200, of("81000001")), Verdict::Later { .. }));
        assert!(matches!(said(200, Value::Null), Verdict::Later { .. }));
        assert!(matches!(
            said(503, Value::Null),
            Verdict::Later { holds: true, .. }
        ));
    }
}
