//! What Google's and Huawei's services have in common: a token that is asked for (OAuth 2.0), and messages that are posted
//! with it.

use std::sync::Arc;

use bus::shell::Clock;
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::push::access::Access;
use crate::push::clients::{Answer, Clients};
use crate::push::verdict::Verdict;

/// Life of a token whose issuer does not say, seconds.
const LIFE_S: i64 = 3600;

/// So long before its end a token is not used any more, ms.
const MARGIN_MS: i64 = 60_000;

/// A token that is refused before this age is refused for another reason, ms.
const YOUNG_MS: i64 = 60_000;

/// A token, and calls with it.
#[derive(Debug)]
pub(super) struct Bearer {
    access: Access,
    pub(super) clients: Clients,
    pub(super) clock: Arc<dyn Clock>,
}

impl Bearer {
    pub(super) fn new(clients: Clients, clock: Arc<dyn Clock>) -> Self {
        Self {
            access: Access::default(),
            clients,
            clock,
        }
    }

    /// Posts a message. With a token that is not accepted any more it is posted once again, with another.
    pub(super) async fn post<F>(
        &self,
        url: &str,
        body: &Value,
        fetch: impl Fn() -> F,
        verdict: fn(&Answer) -> Verdict,
    ) -> Verdict
    where
        F: Future<Output = Result<(String, i64), Verdict>>,
    {
        let mut stale: Option<String> = None;
        for _ in 0..2 {
            let (clock, stale_now) = (&*self.clock, stale.as_deref());
            let token = self.access.token(clock, stale_now, YOUNG_MS, &fetch).await;
            let token = match token {
                Ok(token) => token,
                Err(verdict) => return verdict,
            };
            let request = self.clients.usual.post(url).bearer_auth(&token).json(body);
            match self.clients.call(request).await {
                Ok(answer) => match verdict(&answer) {
                    Verdict::Stale => stale = Some(token),
                    verdict => return verdict,
                },
                Err(verdict) => return verdict,
            }
        }
        Verdict::unaccepted()
    }

    /// Asks for a token; it comes with its life, ms. What is not one concerns every push of the application.
    pub(super) async fn ask(
        &self,
        request: RequestBuilder,
        form: String,
    ) -> Result<(String, i64), Verdict> {
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = self.clients.call(request.body(form)).await?;
        let token = answer.body["access_token"].as_str();
        match (answer.status.is_success(), token) {
            (true, Some(token)) => {
                let life_s = answer.body["expires_in"].as_i64().unwrap_or(LIFE_S);
                let life_ms = life_s.saturating_mul(1000).saturating_sub(MARGIN_MS);
                Ok((token.to_owned(), life_ms))
            }
            (true, None) => Err(Verdict::unaccepted()),
            (false, _) => match Verdict::of_status(answer.status, answer.asked_ms) {
                Some(later @ Verdict::Later { .. }) => Err(later),
                _ => Err(Verdict::unaccepted()),
            },
        }
    }
}
