//! `GET /pc-api/{system_id}/users/{user_id}/operations/{operation_id}/data`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operations::GetOperationData;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::operations::OperationShown;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/users/{user_id}/operations/{operation_id}/data",
        "get_operation_data_list",
        handle,
    )
    .says("The texts of an operation, and what is signed of each")
    .answers::<OperationShown<'_>>("operation_data")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::OperationNotExists,
        ErrorCode::TransactionDataError,
    ])
}

#[tracing::instrument(name = "gateway.get_operation_data_list", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
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

    use crate::testing::{SYSTEM, TestDoor, operation_data};

    #[tokio::test]
    async fn the_texts_read_as_the_bank_gave_them() {
        let door = TestDoor::answering(operation_data());
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/operations/salaries-11/data");
        let answer = door.get(&path).await;
        let shown = answer.content("operation_data");
        assert_eq!(shown["description"], "# Salaries");
        assert_eq!(shown["description_type"], "markdown");
        assert_eq!(shown["app_extra"], json!({"batch": 1}));
        let members = shown["transactions"].as_array().unwrap();
        assert_eq!(members[0]["data"]["text"], "Перевод 5 ₽");
        assert_eq!(members[0]["snippet"], "5 ₽");
        assert_eq!(members[1]["data"], json!(null));
    }
}
