//! Where the measured service sends its callbacks: each wakes the flow that waits for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::sync::{oneshot, watch};

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// What the receiver's handler sees.
type Seen = (Waiting, watch::Receiver<bool>);

/// A receiver of callbacks.
#[derive(Clone, Debug)]
pub struct Callbacks {
    address: SocketAddr,
    waiting: Waiting,
    hangs: watch::Sender<bool>,
}

impl Callbacks {
    /// Listens on a free loopback port.
    pub async fn start() -> std::io::Result<Self> {
        let waiting = Waiting::default();
        let (hangs, seen) = watch::channel(false);
        let router = Router::new()
            .route("/callback", post(take))
            .with_state((Arc::clone(&waiting), seen));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            waiting,
            hangs,
        })
    }

    /// From now on it takes connections and answers nobody, or it answers again.
    pub fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    /// Where callbacks go.
    pub fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// Resolves when the callback about this transaction has come. Ask before it can come.
    pub fn expect(&self, transaction_id: &str) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(transaction_id.to_owned(), sender);
        receiver
    }
}

async fn take(State((waiting, mut hangs)): State<Seen>, body: Bytes) -> StatusCode {
    // Without a sender the bench is over.
    hangs.wait_for(|hangs| !hangs).await.ok();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let transaction_id = body["pc_callback"]["transaction_callback"]["transaction_id"]
        .as_str()
        .unwrap_or_default();
    if let Some(sender) = waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(transaction_id)
    {
        // A flow that gave up waits no more.
        sender.send(()).ok();
    }
    StatusCode::OK
}
