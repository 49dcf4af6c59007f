//! `POST .../operations/{operation_id}/get_data`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operations::GetOperationData;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::operations::OperationShown;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/operations/{operation_id}/get_data";
    Route::post(path, "device_operation_get_data", handle)
        .says("The texts of an operation to show, and what will be signed of each")
        .takes::<PlainDeviceRequest>()
        .answers::<OperationShown<'_>>("operation_data")
        .refuses(&[
            ErrorCode::OperationNotExists,
            ErrorCode::OperationStatusInvalid,
            ErrorCode::OperationExpired,
            ErrorCode::TimeSyncError,
        ])
}

#[tracing::instrument(name = "gateway.device_operation_get_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let operation_id = call.ids.operation_id();
    let command = GetOperationData { operation_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    let AnswerBody::OperationData(data) = &reply.body else {
        return Err(reply.unexpected());
    };
    let shown = OperationShown::of(data).ok_or_else(|| reply.unexpected())?;
    Ok(reply.render("operation_data", &shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{TestDoor, operation_data};

    #[tokio::test]
    async fn the_device_gets_what_it_shows_and_signs() {
        let door = TestDoor::answering(operation_data());
        let answer = door
            .device("operations/salaries-11/get_data", &json!({}))
            .await;
        let shown = answer.content("operation_data");
        let first = &shown["transactions"][0];
        assert_eq!(first["data"]["digest"].as_str().map(str::len), Some(64));
        assert!(answer.has_right_seal());
        let wrong = door.device("operations/a%20b/get_data", &json!({})).await;
        assert_eq!(wrong.code(), 310);
    }
}
