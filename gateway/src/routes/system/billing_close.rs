//! `POST /pc-api/{system_id}/billing_close`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::systems::CloseBilling;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::billing::{FiguresEntry, day, figures_of};
use crate::state::Shared;

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
