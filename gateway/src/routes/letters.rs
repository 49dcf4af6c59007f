//! Letters, for the bank they are for: what was put aside, how its receivers are, and what it orders.
//!
//! Ours: the manual sends a callback once, and forgets it.

pub(crate) mod drop;
pub(crate) mod list;
pub(crate) mod receivers;
pub(crate) mod replay;
pub(crate) mod retry;

use axum::http::StatusCode;
use schemas::commands::systems::GetLetters;
use schemas::{ErrorCode, LetterId};

use crate::call::Call;
use crate::error::ApiError;
use crate::letters::LettersFailure;
use crate::state::Gateway;

fn unreadable(failure: &LettersFailure) -> ApiError {
    ApiError::bug("the outbox cannot be read", failure)
}

/// How many letters an order is about: of all that were put aside, or of that one. An order about a letter that is not there
/// is a look, and refused.
async fn wanted(
    gateway: &Gateway,
    call: &Call,
    letter_id: Option<&LetterId>,
) -> Result<u64, ApiError> {
    let (letters, system_id) = (&gateway.house.letters, call.ids.system_id());
    let count = letters.count_put_aside(&system_id, letter_id).await;
    let count = count.map_err(|failure| unreadable(&failure))?;
    if count == 0 && letter_id.is_some() {
        return Err(not_there(gateway, call).await?);
    }
    Ok(count)
}

/// What somebody hears who ordered something of what is not there; the look is in the journal.
async fn not_there(gateway: &Gateway, call: &Call) -> Result<ApiError, ApiError> {
    let reply = gateway.ask(call, call.system(), GetLetters {}).await?;
    let error = ApiError::new(ErrorCode::NoResult).status(StatusCode::NOT_FOUND);
    Ok(error.sealed(None, reply.position))
}
