//! `GET /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/attempts/{attempt_id}/scoring`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::{self, AnswerBody};
use schemas::commands::transactions::GetAttemptScoring;
use schemas::{ErrorCode, Secret};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `attempt_scoring`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptScoring {
    transaction_id: String,
    attempt_id: String,
    /// 0 (no trust at all) to 100.
    score: u8,
    /// The least score that was enough by then.
    score_min: u8,
    /// Whether it was enough.
    is_trusted: bool,
    /// ms since the Unix epoch.
    scored_at: i64,
    /// What the service said besides; null when it said nothing.
    details: Option<Map<String, Value>>,
}

impl From<&answers::AttemptScoring> for AttemptScoring {
    fn from(scoring: &answers::AttemptScoring) -> Self {
        let details = scoring.details.as_ref().map(Secret::expose);
        Self {
            transaction_id: scoring.transaction_id.to_string(),
            attempt_id: scoring.attempt_id.to_string(),
            score: scoring.score,
            score_min: scoring.score_min,
            is_trusted: scoring.score >= scoring.score_min,
            scored_at: scoring.scored_at.0,
            details: details.and_then(|details| serde_json::from_slice(details).ok()),
        }
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/attempts/{attempt_id}/scoring";
    Route::get(path, "attempt_scoring_details", handle)
        .says("What the scoring service said of an attempt to confirm automatically")
        .answers::<AttemptScoring>("attempt_scoring")
        .refuses(&[
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::NoResult,
        ])
}

#[tracing::instrument(name = "gateway.attempt_scoring_details", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let command = GetAttemptScoring {
        transaction_id: call.ids.transaction_id(),
        attempt_id: call.ids.attempt_id(),
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::AttemptScored(scoring) => {
            Ok(reply.render("attempt_scoring", &AttemptScoring::from(&**scoring)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::{AnswerBody, AttemptScoring};
    use schemas::{Digest, Secret, Timestamp};
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_score_reads_with_what_was_said_besides() {
        let scoring = AttemptScoring {
            transaction_id: "invoice-42".parse().unwrap(),
            attempt_id: Digest([7; 32]),
            score: 69,
            score_min: 70,
            scored_at: Timestamp(1_703_499_267_298),
            details: Some(Secret::new(r#"{"rule":"calm"}"#)),
        };
        let door = TestDoor::answering(AnswerBody::AttemptScored(Box::new(scoring)));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions/invoice-42/attempts");
        let attempt_id = "07".repeat(32);
        let answer = door.get(&format!("{path}/{attempt_id}/scoring")).await;
        let expected = json!({
            "transaction_id": "invoice-42", "attempt_id": attempt_id, "score": 69, "score_min": 70,
            "is_trusted": false, "scored_at": 1_703_499_267_298_i64, "details": { "rule": "calm" },
        });
        assert_eq!(answer.content("attempt_scoring"), &expected);
        assert_eq!(door.get(&format!("{path}/7/scoring")).await.code(), 236);
    }
}
