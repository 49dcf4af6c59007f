//! The operators' part of the banks' door, `/pc-api/rks/`: looks, journaled under words of their own.

pub(crate) mod check_confirmation;
pub(crate) mod evidence;
pub(crate) mod transactions_data;
pub(crate) mod user_details;
pub(crate) mod user_events;

use schemas::{Owner, TransactionId};

use crate::call::Call;
use crate::error::ApiError;
use crate::routes::system::get_events::awaited_position;
use crate::state::Gateway;

/// Whose transaction it is. Of one that is nobody's the system is asked, so that also this look is journaled.
async fn owner_of(
    gateway: &Gateway,
    call: &Call,
    transaction_id: &TransactionId,
) -> Result<Owner, ApiError> {
    let journal = &gateway.house.journal;
    if let Some(position) = awaited_position(&call.headers)? {
        let shown = journal
            .wait_for(position, gateway.options.limits.journal_wait)
            .await;
        tracing::debug!(shown, "waited for the read models");
    }
    let system_id = call.ids.system_id();
    let found = journal
        .owner_of(&system_id, transaction_id)
        .await
        .map_err(|failure| ApiError::bug("the read models cannot be read", &failure))?;
    Ok(match found {
        Some(user_id) => Owner::User(system_id, user_id),
        None => Owner::System(system_id),
    })
}
