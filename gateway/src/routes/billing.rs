//! What the close of a billing period and the functional report have in common.

use std::collections::BTreeMap;

use schemas::answers::BillingPeriod;
use schemas::journal::Figures;
use schemas::{Position, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::Gateway;

/// What happened in a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FiguresEntry {
    /// Users that were there at some moment of it: what is billed.
    users: i64,
    /// Users that came.
    users_created: i64,
    /// Users that went.
    users_deleted: i64,
    /// Transactions that were created.
    transactions_created: i64,
    /// Transactions that were confirmed.
    transactions_confirmed: i64,
    /// Transactions that were declined.
    transactions_declined: i64,
    /// Transactions whose time ran out.
    transactions_expired: i64,
    /// Records of the journal, by the event's word.
    events: BTreeMap<String, i64>,
}

impl From<Figures> for FiguresEntry {
    fn from(figures: Figures) -> Self {
        Self {
            users: figures.users,
            users_created: figures.users_created,
            users_deleted: figures.users_deleted,
            transactions_created: figures.transactions_created,
            transactions_confirmed: figures.transactions_confirmed,
            transactions_declined: figures.transactions_declined,
            transactions_expired: figures.transactions_expired,
            events: figures.events,
        }
    }
}

/// The figures of a period, once the read models know of the event that named it.
pub(crate) async fn figures_of(
    gateway: &Gateway,
    position: Option<Position>,
    period: &BillingPeriod,
) -> Result<Figures, ApiError> {
    let journal = &gateway.house.journal;
    if let Some(position) = position {
        let wait = gateway.options.limits.journal_wait;
        let shown = journal.wait_for(position, wait).await;
        tracing::debug!(shown, "waited for the read models");
    }
    journal
        .figures(&period.system.system_id, period.from, period.to)
        .await
        .map_err(|failure| ApiError::bug("the figures cannot be read", &failure))
}

/// A day of a request.
pub(crate) fn day(place: &str, text: &str) -> Result<Timestamp, ApiError> {
    Timestamp::of_day(text)
        .ok_or_else(|| ApiError::at(format_args!("{place} is not a day, YYYY-MM-DD")))
}
