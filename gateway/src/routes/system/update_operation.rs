//! `PATCH /pc-api/{system_id}/users/{user_id}/operations/{operation_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::canonical::TextType;
use schemas::commands::operations::UpdateOperation;
use schemas::{ErrorCode, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::create_operation::{check_frame, described};
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::json::SecretText;
use crate::route::Route;
use crate::routes::operations::OperationRecord;
use crate::state::Shared;

/// What changes; what is not given stays. The transactions of an operation never change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateOperationRequest {
    /// What it is about, at most 16 KiB.
    #[schema(value_type = Option<String>)]
    description: Option<SecretText>,
    /// `Raw` unless given, or `Markdown`; only with a description.
    #[schema(value_type = Option<String>)]
    description_type: Option<TextType>,
    /// Where outcomes are reported; empty text means the system's own address.
    callback_url: Option<String>,
    /// Lifetime from now on, seconds; 0 means without limit.
    ttl: Option<i64>,
    /// JSON for the application, at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    app_extra: Option<Box<RawValue>>,
}

pub(crate) fn route() -> Route {
    Route::patch(
        "/pc-api/{system_id}/users/{user_id}/operations/{operation_id}",
        "update_operation",
        handle,
    )
    .says("Change the frame of an operation that the device has not seen yet")
    .takes::<UpdateOperationRequest>()
    .answers::<OperationRecord>("operation_updated")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::OperationNotExists,
        ErrorCode::OperationStatusInvalid,
        ErrorCode::OperationExpired,
        ErrorCode::CreateOperationError,
    ])
}

#[tracing::instrument(name = "gateway.update_operation", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: UpdateOperationRequest = call.read()?;
    check_frame(
        request.ttl,
        request.callback_url.as_deref(),
        request.app_extra.as_deref(),
    )?;
    let command = UpdateOperation {
        operation_id: call.ids.operation_id(),
        description: described(request.description, request.description_type),
        callback_url: request.callback_url,
        ttl_s: request.ttl,
        app_extra: request.app_extra.map(|extra| Secret::new(extra.get())),
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::Operation(info) => {
            Ok(reply.render("operation_updated", &OperationRecord::from(&**info)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::operations::OperationCommand;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor, operation_info};

    #[tokio::test]
    async fn only_the_frame_changes() {
        let door = TestDoor::answering(AnswerBody::Operation(Box::new(operation_info())));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/operations/salaries-11");
        let body = json!({"description": "Salaries, corrected", "ttl": 0, "callback_url": ""});
        let answer = door.patch(&path, &body).await;
        assert_eq!(
            answer.content("operation_updated")["operation_id"],
            "salaries-11"
        );
        let Command::Operations(OperationCommand::Update(command)) = &door.sent()[0].command else {
            panic!("another command was sent");
        };
        assert_eq!(
            (command.ttl_s, command.callback_url.as_deref()),
            (Some(0), Some(""))
        );
        for body in [
            json!({"transactions": []}),
            json!({"ttl": -1}),
            json!({"app_extra": []}),
            json!({"callback_url": "x"}),
        ] {
            assert_eq!(door.patch(&path, &body).await.code(), 283, "{body}");
        }
    }
}
