//! `GET /pc-api/{system_id}/users/{user_id}/operations/{operation_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operations::GetOperationInfo;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::operations::OperationRecord;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/users/{user_id}/operations/{operation_id}",
        "get_operation_info",
        handle,
    )
    .says("Where an operation and its transactions stand")
    .looks_back()
    .answers::<OperationRecord>("operation_info")
    .refuses(&[
        ErrorCode::NoResult,
        ErrorCode::UserNotFound,
        ErrorCode::OperationNotExists,
    ])
}

#[tracing::instrument(name = "gateway.get_operation_info", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(mut call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.may_look_back(&gateway)?;
    let operation_id = call.ids.operation_id();
    let command = GetOperationInfo { operation_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::Operation(info) => {
            Ok(reply.render("operation_info", &OperationRecord::from(&**info)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor, operation_info};

    #[tokio::test]
    async fn an_operation_tells_of_its_transactions() {
        let door = TestDoor::answering(AnswerBody::Operation(Box::new(operation_info())));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/operations");
        let answer = door.get(&format!("{path}/salaries-11")).await;
        let record = answer.content("operation_info");
        assert_eq!(record["transactions_total"], 2);
        assert_eq!(record["transactions"][0]["operation_id"], "salaries-11");
        assert_eq!(door.get(&format!("{path}/a%20b")).await.code(), 310);
    }
}
