//! One attempt: one POST, signed, bounded in time and size, and never redirected.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock, LiveSettings};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use schemas::Digest;

use crate::client::{ClientError, LiveClient, NotCalled};
use crate::delivery::Delivery;
use crate::egress::{EgressPolicy, distrust, forbidden};
use crate::outbox::{Fate, Settled};
use crate::receivers::GONE;
use crate::schedule::{next_attempt, retry_after_ms};
use crate::signing::Signing;

/// Longest an attempt may take, connection and answer together.
const ATTEMPT_MAX: Duration = Duration::from_secs(15);

/// Most of an answer that is read, bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// Sends letters.
#[derive(Debug)]
pub(crate) struct Sender {
    client: LiveClient,
    signing: Signing,
    clock: Arc<dyn Clock>,
}

/// What came of an attempt.
enum Answer {
    /// The status, what `Retry-After` said, SHA-256 of the body.
    Status(StatusCode, Option<String>, Option<Digest>),
    /// There was none.
    None(&'static str),
    /// The address must not be called: nothing was sent.
    Forbidden(&'static str),
}

impl Sender {
    /// A sender that waits for a connection to be accepted as long as NETWORK_TIMEOUT says at that time.
    pub fn new(
        signing: Signing,
        clock: Arc<dyn Clock>,
        settings: Arc<LiveSettings>,
        egress: Arc<EgressPolicy>,
    ) -> Result<Self, ClientError> {
        let client = LiveClient::new(settings, egress, ATTEMPT_MAX)?;
        Ok(Self {
            client,
            signing,
            clock,
        })
    }

    /// Makes one attempt, and says what becomes of the delivery.
    pub async fn attempt(&self, mut delivery: Delivery) -> Settled {
        let answer = self.post(&delivery).await;
        delivery.attempt += 1;
        let now = self.clock.now();
        let again = |asked_ms| {
            let next = next_attempt(&delivery.id, delivery.attempt, now, asked_ms);
            next.map_or(Fate::Parked, Fate::Again)
        };
        let read = match answer {
            Answer::Status(_, _, read) => read,
            Answer::None(_) | Answer::Forbidden(_) => None,
        };
        let (fate, status, error) = match answer {
            Answer::Status(status, ..) if status.is_success() => {
                (Fate::Delivered, Some(status), None)
            }
            Answer::Status(StatusCode::GONE, ..) => {
                metrics::counter!("reactor_letters_gone_total").increment(1);
                (Fate::Gone, Some(StatusCode::GONE), Some(GONE))
            }
            Answer::Status(status, asked, _) => {
                let asked = asked.filter(|_| may_ask_for_patience(status));
                let asked_ms = asked.and_then(|asked| retry_after_ms(&asked, now));
                (again(asked_ms), Some(status), Some("refused"))
            }
            Answer::None(error) => (again(None), None, Some(error)),
            Answer::Forbidden(reason) => {
                metrics::counter!("reactor_letters_forbidden_total").increment(1);
                (Fate::Forbidden, None, Some(reason))
            }
        };
        Settled {
            delivery,
            fate,
            status: status.map(|status| status.as_u16()),
            error,
            answer: read,
        }
    }

    async fn post(&self, delivery: &Delivery) -> Answer {
        let now = self.clock.now();
        let Delivery {
            id,
            system_id,
            body,
            ..
        } = delivery;
        let signature = match self.signing.sign(system_id, id, now, body).await {
            Ok(signature) => signature,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, delivery.id = id, "a letter cannot be signed");
                return Answer::None("it could not be signed");
            }
        };
        let request = self.client.post_for(&delivery.system_id, &delivery.url);
        let mut request = match request {
            Ok(request) => request,
            Err(NotCalled::Forbidden(reason)) => return Answer::Forbidden(reason),
            Err(NotCalled::Hindered) => return Answer::None("no client for outgoing calls"),
        };
        // Ours come last: none of them can be carried through, and if one ever were, ours would count.
        for (name, value) in &delivery.headers {
            request = request.header(name, value);
        }
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", now.seconds())
            .header("webhook-signature", signature)
            .body(delivery.body.clone());
        match request.send().await {
            Ok(response) => {
                let asked = response
                    .headers()
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok());
                let asked = asked.map(ToOwned::to_owned);
                Answer::Status(response.status(), asked, read(response).await)
            }
            Err(error) => not_answered(&error),
        }
    }
}

/// SHA-256 of the body; `None` when it breaks off or is too long. Nothing else in it matters; reading it lets the connection be
/// used again.
async fn read(mut response: reqwest::Response) -> Option<Digest> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            return None;
        }
    }
    Some(Digest::sha256(&body))
}

/// The library's own words may repeat the address, and that may hold a secret of the bank's.
fn not_answered(error: &reqwest::Error) -> Answer {
    if let Some(reason) = forbidden(error) {
        Answer::Forbidden(reason.reason())
    } else if let Some(reason) = distrust(error) {
        Answer::None(reason)
    } else if error.is_timeout() {
        Answer::None("no answer in time")
    } else if error.is_connect() {
        Answer::None("cannot connect")
    } else {
        Answer::None("the exchange broke off")
    }
}

fn may_ask_for_patience(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}
