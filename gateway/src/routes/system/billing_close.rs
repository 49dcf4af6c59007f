//! `POST /pc-api/{system_id}/billing_close`

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::{AnswerBody, BillingPeriod};
use schemas::commands::systems::CloseBilling;
use schemas::{ErrorCode, Position};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::system_report::day;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::journal::Figures;
use crate::route::Route;
use crate::state::{Gateway, Shared};

/// Through which day billing is closed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BillingCloseRequest {
    /// The last day that is closed, YYYY-MM-DD, UTC; yesterday unless given.
    date: Option<String>,
}

/// `billing_closed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingClosed {
    /// The first moment of the period, ms since the Unix epoch.
    from: i64,
    /// The first moment after it, ms since the Unix epoch.
    to: i64,
    figures: FiguresEntry,
}

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

pub(crate) fn route() -> Route {
    Route::post("/pc-api/{system_id}/billing_close", "billing_close", handle)
        .says("Close the billing period of a system that pays after the fact, through a day that is over")
        .takes::<BillingCloseRequest>()
        .answers::<BillingClosed>("billing_closed")
        .refuses(&[
            ErrorCode::BillDateCorrupted,
            ErrorCode::BillRequestAlreadyProcessed,
            ErrorCode::UnsupportedBillingType,
        ])
}

#[tracing::instrument(name = "gateway.billing_close", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: BillingCloseRequest = call.read()?;
    let date = request.date.map(|text| day("date", &text)).transpose()?;
    let reply = gateway
        .ask(&call, call.system(), CloseBilling { date })
        .await?;
    let AnswerBody::Billing(period) = &reply.body else {
        return Err(reply.unexpected());
    };
    let figures = figures_of(&gateway, reply.position, period).await?;
    let answer = BillingClosed {
        from: period.from.0,
        to: period.to.0,
        figures: figures.into(),
    };
    Ok(reply.render("billing_closed", &answer))
}

/// The figures of a period, once the read models know of the event that named it.
pub(super) async fn figures_of(
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

#[cfg(test)]
mod tests {
    use schemas::Timestamp;
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::systems::SystemCommand;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor, period};

    #[tokio::test]
    async fn a_day_or_none_is_sent_and_the_figures_come_back() {
        let door = TestDoor::answering(AnswerBody::Billing(Box::new(period())));
        let path = format!("/pc-api/{SYSTEM}/billing_close");
        for (body, date) in [
            (json!({}), None),
            (
                json!({"date": "2026-11-30"}),
                Timestamp::of_day("2026-11-30"),
            ),
        ] {
            let answer = door.post(&path, &body).await;
            assert_eq!(answer.content("billing_closed")["figures"]["users"], 7);
            let sent = door.sent().pop().unwrap();
            let Command::Systems(SystemCommand::CloseBilling(asked)) = sent.command else {
                panic!("another command was sent");
            };
            assert_eq!(asked.date, date);
        }
        for body in [
            json!({"date": "30.11.2026"}),
            json!({"date": 1}),
            json!({"day": "x"}),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), 283, "{body}");
        }
    }
}
