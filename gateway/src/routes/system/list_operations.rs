//! `GET /pc-api/{system_id}/users/{user_id}/operations`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operations::ListOperations;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::operations::OperationList;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/users/{user_id}/operations",
        "get_operation_list",
        handle,
    )
    .says("A user's operations")
    .looks_back()
    .answers::<OperationList>("operation_list")
    .refuses(&[
        ErrorCode::NoResult,
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
    ])
}

#[tracing::instrument(name = "gateway.get_operation_list", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(mut call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.may_look_back(&gateway)?;
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

    use crate::testing::{SYSTEM, TestDoor, operation_info};

    #[tokio::test]
    async fn operations_are_listed_with_how_much_waits() {
        let door = TestDoor::answering(AnswerBody::Operations(vec![operation_info()]));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/operations");
        let answer = door.get(&path).await;
        let entry = &answer.content("operation_list")["operations"][0];
        assert_eq!(entry["operation_id"], "salaries-11");
        assert_eq!(
            (&entry["status"], &entry["transactions_waiting"]),
            (&"partly".into(), &1.into())
        );
    }
}
