//! `PATCH /pc-api/{system_id}/users/{user_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::users::ChangeUser;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{USER_NAME_LENGTH_MAX, UserNamed};
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUserRequest {
    /// The new name.
    user_name: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::patch("/pc-api/{system_id}/users/{user_id}", "change_user", handle)
        .says("Change a user's name")
        .takes::<ChangeUserRequest>()
        .answers::<UserNamed>("user_changed")
        .refuses(&[ErrorCode::UserNotFound, ErrorCode::UserIsDeleted])
}

#[tracing::instrument(name = "gateway.change_user", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: ChangeUserRequest = call.read()?;
    let user_name = request
        .user_name
        .ok_or_else(|| ApiError::at("user_name is missing"))?;
    check_length("user_name", &user_name, USER_NAME_LENGTH_MAX)?;
    let reply = gateway
        .ask(&call, call.user(), ChangeUser { user_name })
        .await?;
    Ok(reply.render("user_changed", &UserNamed::from(&call.ids.user_id())))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_user_gets_another_name() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1");
        let answer = door.patch(&path, &json!({"user_name": "Anna"})).await;
        assert_eq!(answer.content("user_changed")["user_id"], "sample-1");
        for body in [
            json!({}),
            json!({"user_name": 1}),
            json!({"user_name": "n".repeat(257)}),
        ] {
            assert_eq!(door.patch(&path, &body).await.code(), 283, "{body}");
        }
    }
}
