//! `POST .../operations/get_list`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operations::ListOperations;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::operations::OperationList;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/operations/get_list";
    Route::post(path, "device_operations_get_list", handle)
        .says("The operations in which something waits for the user")
        .takes::<PlainDeviceRequest>()
        .answers::<OperationList>("operation_list")
        .refuses(&[
            ErrorCode::TimeSyncError,
            ErrorCode::KeyIndexObsoleted,
            ErrorCode::KeyExpired,
        ])
}

#[tracing::instrument(name = "gateway.device_operations_get_list", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let reply = gateway.ask(&call, call.user(), ListOperations {}).await?;
    match &reply.body {
        AnswerBody::Operations(list) => {
            Ok(reply.render("operation_list", &OperationList::from(list)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{TestDoor, operation_info};

    #[tokio::test]
    async fn what_waits_is_listed() {
        let door = TestDoor::answering(AnswerBody::Operations(vec![operation_info()]));
        let answer = door.device("operations/get_list", &json!({})).await;
        let first = &answer.content("operation_list")["operations"][0];
        assert_eq!(first["operation_id"], "salaries-11");
        assert!(answer.has_right_seal());
        let wrong = door.device("operations/get_list", &json!([])).await;
        assert_eq!(wrong.code(), 283);
    }
}
