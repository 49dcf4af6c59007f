//! `POST .../transactions/{transaction_id}/decline`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::transactions::DeclineTransaction;

use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::{TransactionNamed, decline_reason};
use crate::state::Shared;

device_request! {
    /// The user does not agree.
    DeclineRequest {
        /// Why, in words the application chose, at most 1024 bytes.
        #[schema(value_type = String)]
        reason: Option<String>,
        /// Why, as a number of the application's.
        code: Option<i64>,
    }
}

pub(crate) fn route() -> Route {
    let path =
        "/pc-client-api/v1/{system_id}/users/{user_id}/transactions/{transaction_id}/decline";
    Route::post(path, "device_decline", handle)
        .says("Decline a transaction")
        .takes::<DeclineRequest>()
        .answers::<TransactionNamed>("transaction_declined")
        .refuses(&[
            ErrorCode::DeclineReasonIsNull,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionChecked,
            ErrorCode::TransactionExpired,
            ErrorCode::TimeSyncError,
        ])
}

#[tracing::instrument(name = "gateway.device_decline", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: DeclineRequest = call.read_device()?;
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

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn a_user_declines_with_a_reason() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = "transactions/invoice-42/decline";
        let answer = door
            .device(path, &json!({"reason": "not mine", "code": 2}))
            .await;
        assert_eq!(
            answer.content("transaction_declined")["transaction_id"],
            "invoice-42"
        );
        assert_eq!(door.device(path, &json!({})).await.code(), 270);
    }
}
