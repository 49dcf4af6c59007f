//! `POST .../transactions/{transaction_id}/get_binary_data`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionBinaryData;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionBinary;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/transactions/{transaction_id}/get_binary_data";
    Route::post(path, "device_get_binary_data", handle)
        .says("The bytes that go with the text")
        .takes::<PlainDeviceRequest>()
        .answers::<TransactionBinary>("transaction_binary_data")
        .refuses(&[
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionExpired,
            ErrorCode::TimeSyncError,
        ])
}

#[tracing::instrument(name = "gateway.device_get_binary_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let transaction_id = call.ids.transaction_id();
    let command = GetTransactionBinaryData { transaction_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::TransactionBinaryData { binary } => {
            Ok(reply.render("transaction_binary_data", &TransactionBinary::of(binary)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn the_bytes_come_in_base64() {
        let binary = Secret::new(*b"%PDF-");
        let door = TestDoor::answering(AnswerBody::TransactionBinaryData { binary });
        let answer = door
            .device("transactions/invoice-42/get_binary_data", &json!({}))
            .await;
        assert_eq!(
            answer.content("transaction_binary_data")["data"],
            "JVBERi0="
        );
    }
}
