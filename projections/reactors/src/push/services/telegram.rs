//! Telegram: a bot writes to the chat in which the user allowed it to.
//!
//! Ours: the manual knows that a key may permit such notifications (`telegram_enabled`) and does not say how they are sent.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Message, Service};
use crate::push::clients::{Answer, Clients};
use crate::push::configuration::Telegram;
use crate::push::verdict::Verdict;

const API: &str = "https://api.telegram.org";

/// A bot.
pub(super) struct TelegramService {
    /// The address holds the bot's token: it is a secret.
    url: String,
    clients: Clients,
}

impl std::fmt::Debug for TelegramService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl TelegramService {
    pub(super) fn new(bot: &Telegram, clients: Clients) -> Self {
        let api = bot.api_url.as_deref().unwrap_or(API).trim_end_matches('/');
        Self {
            url: format!("{api}/bot{}/sendMessage", bot.bot_token),
            clients,
        }
    }
}

impl Service for TelegramService {
    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Verdict> {
        async move {
            let request = self.clients.usual.post(&self.url).json(&message.body);
            match self.clients.call(request).await {
                Ok(answer) => verdict(&answer),
                Err(verdict) => verdict,
            }
        }
        .boxed()
    }
}

fn verdict(answer: &Answer) -> Verdict {
    let described = answer.body["description"].as_str().unwrap_or_default();
    match answer.status.as_u16() {
        // Telegram says in the body how long to wait.
        429 => Verdict::Later {
            reason: "too many requests",
            asked_ms: answer.body["parameters"]["retry_after"]
                .as_i64()
                .map(|seconds| seconds.saturating_mul(1000))
                .or(answer.asked_ms),
            holds: true,
        },
        401 | 404 => Verdict::unaccepted(),
        403 => Verdict::Gone(None),
        400 if described.contains("chat not found") => Verdict::Gone(None),
        _ => Verdict::of_status(answer.status, answer.asked_ms)
            .unwrap_or(Verdict::Refused("the push service refused it")),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn telegrams_answers_are_understood() {
        let said = |status: u16, body: Value| {
            verdict(&Answer {
                status: StatusCode::from_u16(status).unwrap(),
                asked_ms: None,
                body,
            })
        };
        assert_eq!(said(200, json!({"ok": true})), Verdict::Taken);
        assert_eq!(said(403, Value::Null), Verdict::Gone(None));
        assert_eq!(said(401, Value::Null), Verdict::unaccepted());
        let patience = said(429, json!({"parameters": {"retry_after": 3}}));
        assert!(matches!(
            patience,
            Verdict::Later {
                asked_ms: Some(3000),
                ..
            }
        ));
        assert!(matches!(said(400, Value::Null), Verdict::Refused(_)));
    }
}
