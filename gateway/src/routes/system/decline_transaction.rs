//! `POST /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/decline`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::transactions::DeclineTransaction;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::{TransactionNamed, decline_reason};
use crate::state::Shared;

/// Why the bank declines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclineTransactionRequest {
    /// In words, at most 1024 bytes.
    #[schema(value_type = String)]
    reason: Option<String>,
    /// As a number of the application's.
    code: Option<i64>,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/decline";
    Route::post(path, "decline_transaction", handle)
        .says("Decline a transaction for the user")
        .takes::<DeclineTransactionRequest>()
        .answers::<TransactionNamed>("transaction_declined")
        .refuses(&[
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionChecked,
            ErrorCode::TransactionExpired,
            ErrorCode::DeclineReasonIsNull,
        ])
}

#[tracing::instrument(name = "gateway.decline_transaction", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: DeclineTransactionRequest = call.read()?;
    let transaction_id = call.ids.transaction_id();
    let answer = TransactionNamed::from(&transaction_id);
    let command = DeclineTransaction {
        transaction_id,
        reason: decline_reason(request.reason)?,
        code: request.code,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("transaction_declined", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_bank_declines_with_a_reason() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions/invoice-42/decline");
        let answer = door
            .post(&path, &json!({"reason": "wrong data", "code": 1}))
            .await;
        assert_eq!(
            answer.content("transaction_declined")["transaction_id"],
            "invoice-42"
        );
        for (body, code) in [
            (json!({}), 270),
            (json!({"reason": ""}), 270),
            (json!({"reason": "x".repeat(1025)}), 283),
            (json!({"reason": "x", "code": 1.5}), 283),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), code, "{body}");
        }
    }
}
