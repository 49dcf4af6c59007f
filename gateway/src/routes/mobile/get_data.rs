//! `POST .../transactions/{transaction_id}/get_data`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionData;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionShown;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path =
        "/pc-client-api/v1/{system_id}/users/{user_id}/transactions/{transaction_id}/get_data";
    Route::post(path, "device_get_data", handle)
        .says("The text to show, and what will be signed")
        .takes::<PlainDeviceRequest>()
        .answers::<TransactionShown<'_>>("transaction_data")
        .refuses(&[
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionExpired,
            ErrorCode::TimeSyncError,
        ])
}

#[tracing::instrument(name = "gateway.device_get_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let transaction_id = call.ids.transaction_id();
    let command = GetTransactionData { transaction_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    let AnswerBody::TransactionData(data) = &reply.body else {
        return Err(reply.unexpected());
    };
    let shown = TransactionShown::of(data).ok_or_else(|| reply.unexpected())?;
    Ok(reply.render("transaction_data", &shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{TestDoor, transaction_data};

    #[tokio::test]
    async fn the_device_gets_what_it_shows_and_signs() {
        let door = TestDoor::answering(transaction_data());
        let answer = door
            .device("transactions/invoice-42/get_data", &json!({}))
            .await;
        let shown = answer.content("transaction_data");
        assert_eq!(shown["digest"].as_str().map(str::len), Some(64));
        assert_eq!(shown["binary_sha256"], json!(null));
        let wrong = door.device("transactions/a%20b/get_data", &json!({})).await;
        assert_eq!(wrong.code(), 231);
    }
}
