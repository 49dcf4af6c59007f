//! The witness's one door.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::judging::Refusal;
use crate::memory::Witness;

/// Longest request: a note of a hundred signatures and a proof are shorter.
const BODY_MAX: usize = 64 * 1024;

/// What the door needs: the witness, and the time in seconds since 1970.
#[derive(Clone)]
struct Open {
    witness: Arc<Witness>,
    now: fn() -> u64,
}

/// Serves until `shutdown`. What a witness is asked proves itself, so it serves whoever reaches it. `now` tells the seconds
/// since 1970.
pub async fn serve(
    listener: TcpListener,
    witness: Witness,
    now: fn() -> u64,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/verifier-key", get(verifier_key))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Open {
            witness: Arc::new(witness),
            now,
        });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn verifier_key(State(open): State<Open>) -> String {
    format!("{}\n", open.witness.verifier_key())
}

async fn add_checkpoint(State(open): State<Open>, body: String) -> Response {
    let signed = tokio::task::spawn_blocking(move || open.witness.add(&body, (open.now)())).await;
    match signed.unwrap_or(Err(Refusal::CannotStore)) {
        Ok(line) => line.into_response(),
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).expect("they are statuses");
    match refusal {
        Refusal::Seen(size) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            (status, kind, format!("{size}\n")).into_response()
        }
        refusal => (status, format!("{refusal}\n")).into_response(),
    }
}
