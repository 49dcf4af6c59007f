//! `POST /pc-api/{system_id}/users/{user_id}/unblock`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::users::UnblockUser;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{REASON_LENGTH_MAX, UserNamed};
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// Why the block is lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnblockUserRequest {
    /// In the bank's words, at most 1024 bytes. It lies in the vault, and is erased with the user or by `clean_events`.
    reason: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/unblock",
        "unblock_user",
        handle,
    )
    .says("Lift every block of a user, and give keys whose tries were used up all of them back")
    .takes::<UnblockUserRequest>()
    .answers::<UserNamed>("user_changed")
    .refuses(&[ErrorCode::UserNotFound, ErrorCode::UserIsDeleted])
}

#[tracing::instrument(name = "gateway.unblock_user", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: UnblockUserRequest = call.read()?;
    let reason = request.reason.filter(|reason| !reason.trim().is_empty());
    check_length(
        "reason",
        reason.as_deref().unwrap_or_default(),
        REASON_LENGTH_MAX,
    )?;
    let reply = gateway
        .ask(&call, call.user(), UnblockUser { reason })
        .await?;
    Ok(reply.render("user_changed", &UserNamed::from(&call.ids.user_id())))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_user_is_unblocked_with_or_without_a_reason() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/unblock");
        for body in [json!({}), json!({"reason": "the phone was found"})] {
            let answer = door.post(&path, &body).await;
            assert_eq!(answer.content("user_changed")["user_id"], "sample-1");
        }
        for body in [json!({"reason": 1}), json!({"reason": "r".repeat(1025)})] {
            assert_eq!(door.post(&path, &body).await.code(), 283, "{body}");
        }
        assert_eq!(door.sent().len(), 2);
    }
}
