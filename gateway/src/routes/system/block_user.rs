//! `POST /pc-api/{system_id}/users/{user_id}/block`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::users::BlockUser;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REASON_LENGTH_MAX, UserNamed};
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// Why a user is blocked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockUserRequest {
    /// In the bank's words, 1 to 1024 bytes. It lies in the vault, and is erased with the user or by `clean_events`.
    #[schema(value_type = String)]
    reason: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/block",
        "block_user",
        handle,
    )
    .says("Block a user: no device is served, and nothing new can be asked of the user")
    .takes::<BlockUserRequest>()
    .answers::<UserNamed>("user_changed")
    .refuses(&[ErrorCode::UserNotFound, ErrorCode::UserIsDeleted])
}

#[tracing::instrument(name = "gateway.block_user", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: BlockUserRequest = call.read()?;
    let reason = request
        .reason
        .filter(|reason| !reason.trim().is_empty())
        .ok_or_else(|| ApiError::at("reason is missing"))?;
    check_length("reason", &reason, REASON_LENGTH_MAX)?;
    let reply = gateway
        .ask(&call, call.user(), BlockUser { reason })
        .await?;
    Ok(reply.render("user_changed", &UserNamed::from(&call.ids.user_id())))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_user_is_blocked_for_a_reason() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/block");
        let answer = door.post(&path, &json!({"reason": "lost phone"})).await;
        assert_eq!(answer.content("user_changed")["user_id"], "sample-1");
        assert_eq!(door.sent()[0].command.word(), "change_user");
        for body in [
            json!({}),
            json!({"reason": " "}),
            json!({"reason": 1}),
            json!({"reason": "r".repeat(1025)}),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), 283, "{body}");
        }
        assert_eq!(door.sent().len(), 1);
    }
}
