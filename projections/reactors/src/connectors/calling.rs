//! One call outside: a POST of JSON, answered by JSON, bounded in time and size.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::LiveSettings;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use schemas::Secret;
use schemas::settings::Service;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{ClientError, LiveClient, NotCalled};
use crate::egress::{EgressPolicy, forbidden};

/// Longest a call may take, connection and answer together. The runner waits a little longer.
const CALL_MAX: Duration = Duration::from_secs(4);

/// Longest answer, bytes. A longer one is no answer.
const ANSWER_MAX: usize = 64 * 1024;

/// Makes calls.
#[derive(Debug)]
pub(super) struct Calls(LiveClient);

/// Why there is no answer. Nothing of what was sent or received is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The setting does not say whom to ask.
    NobodyToAsk,
    /// The operator does not permit the address.
    Forbidden,
    /// Not in time.
    Late,
    /// No connection, or it broke off.
    Unreachable,
    /// Another status than 200.
    Refused,
    /// Too long, or not what was asked for.
    NotUnderstood,
}

impl NoAnswer {
    /// A word for metrics and log lines.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NobodyToAsk => "nobody_to_ask",
            Self::Forbidden => "forbidden",
            Self::Late => "late",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::NotUnderstood => "not_understood",
        }
    }
}

impl Calls {
    /// Prepares calls.
    pub(super) fn new(
        settings: Arc<LiveSettings>,
        egress: Arc<EgressPolicy>,
    ) -> Result<Self, ClientError> {
        LiveClient::new(settings, egress, CALL_MAX).map(Self)
    }

    /// Asks once.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        service: &Service,
        question: &impl Serialize,
    ) -> Result<T, NoAnswer> {
        let request = self.0.post(&service.url).map_err(|error| match error {
            NotCalled::Forbidden(_) => NoAnswer::Forbidden,
            NotCalled::Hindered => NoAnswer::Unreachable,
        })?;
        let mut request = request.header(ACCEPT, "application/json").json(question);
        if let Some(token) = service.token.as_ref().and_then(Secret::expose_text) {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(lost)?;
        if response.status() != StatusCode::OK {
            return Err(NoAnswer::Refused);
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if answer.len() + chunk.len() > ANSWER_MAX {
                return Err(NoAnswer::NotUnderstood);
            }
            answer.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&answer).map_err(|_| NoAnswer::NotUnderstood)
    }
}

/// The library's own words may repeat the address, and that may hold a secret of the bank's.
#[expect(clippy::needless_pass_by_value, reason = "it ends here")]
fn lost(error: reqwest::Error) -> NoAnswer {
    if forbidden(&error).is_some() {
        NoAnswer::Forbidden
    } else if error.is_timeout() {
        NoAnswer::Late
    } else {
        NoAnswer::Unreachable
    }
}
