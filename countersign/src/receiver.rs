//! The bank's end of callbacks: receives them, checks their signatures as the integrator's guide says, keeps them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::{hmac, signature};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tokio::sync::Notify;

/// A callback or event post as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The header `webhook-id`: the same over retries.
    pub webhook_id: String,
    /// The header `webhook-timestamp`, unix seconds.
    pub timestamp: String,
    /// The header `webhook-signature`.
    pub signature: String,
    /// Every header, in lower case, as received.
    pub headers: Vec<(String, String)>,
    /// The body as received.
    pub body: Vec<u8>,
}

/// What a bank was told at registration about the signatures of callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookKeys {
    secret: Vec<u8>,
    public_key: Vec<u8>,
}

/// A running receiver.
#[derive(Clone, Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    refused: Mutex<Vec<Received>>,
    arrived: Notify,
    /// So many requests are refused with that status.
    refuse_next: Mutex<(u32, StatusCode)>,
}

impl WebhookKeys {
    /// The keys of the `webhook` object in the answer to a registration; `None` when it has none.
    pub fn from_registration(webhook: &Value) -> Option<Self> {
        let secret = BASE64
            .decode(webhook["secret"].as_str()?.strip_prefix("whsec_")?)
            .ok()?;
        let public_key = BASE64
            .decode(webhook["public_key"].as_str()?.strip_prefix("whpk_")?)
            .ok()?;
        Some(Self { secret, public_key })
    }

    /// Are both signatures of this callback right?
    pub fn accept(&self, received: &Received) -> bool {
        let mut signed = format!("{}.{}.", received.webhook_id, received.timestamp).into_bytes();
        signed.extend_from_slice(&received.body);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let public_key = signature::UnparsedPublicKey::new(&signature::ED25519, &self.public_key);
        let is_right = |scheme: &str, check: &dyn Fn(&[u8]) -> bool| {
            let given = received
                .signature
                .split(' ')
                .filter_map(|part| part.strip_prefix(scheme)?.strip_prefix(','));
            given
                .filter_map(|text| BASE64.decode(text).ok())
                .any(|bytes| check(&bytes))
        };
        is_right("v1", &|tag| hmac::verify(&secret, &signed, tag).is_ok())
            && is_right("v1a", &|signature| {
                public_key.verify(&signed, signature).is_ok()
            })
    }
}

impl Received {
    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Receiver {
    /// Listens on a free loopback port.
    pub async fn start() -> std::io::Result<Self> {
        let state = Arc::new(Shared::default());
        let router = Router::new()
            .route("/callback", post(take))
            .route("/events", post(take))
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, state })
    }

    /// Where callbacks go.
    pub fn callback_url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// Where event posts go.
    pub fn events_url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// Answers the next `count` requests with 503.
    pub fn refuse_next(&self, count: u32) {
        self.refuse_next_with(count, StatusCode::SERVICE_UNAVAILABLE);
    }

    /// Answers the next `count` requests with this status.
    pub fn refuse_next_with(&self, count: u32, status: StatusCode) {
        *self
            .state
            .refuse_next
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = (count, status);
    }

    /// Everything received and accepted so far.
    pub fn received(&self) -> Vec<Received> {
        self.state
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Everything that was answered with 503 so far.
    pub fn refused(&self) -> Vec<Received> {
        self.state
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many were received and accepted so far.
    pub fn count(&self) -> usize {
        self.state
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Waits for one that fits; `None` when the time is up.
    pub async fn wait_for(
        &self,
        patience: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<Received> {
        let search = async {
            loop {
                let arrived = self.state.arrived.notified();
                if let Some(found) = self
                    .received()
                    .into_iter()
                    .find(|received| fits(&received.json()))
                {
                    return found;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(patience, search).await.ok()
    }
}

async fn take(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let refused = {
        let mut order = state
            .refuse_next
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let refused = (order.0 > 0).then_some(order.1);
        order.0 = order.0.saturating_sub(1);
        refused
    };
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let received = Received {
        webhook_id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.to_string(), value.into_owned())
            })
            .collect(),
        body: body.to_vec(),
    };
    if let Some(status) = refused {
        state
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(received);
        return status;
    }
    state
        .received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(received);
    state.arrived.notify_waiters();
    StatusCode::OK
}
