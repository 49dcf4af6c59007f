//! `DELETE /pc-api/{system_id}/users/{user_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::users::DeleteUser;

use super::UserNamed;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::delete("/pc-api/{system_id}/users/{user_id}", "delete_user", handle)
        .says("Delete a user, the keys and everything erasable")
        .answers::<UserNamed>("user_deleted")
        .refuses(&[ErrorCode::UserNotFound, ErrorCode::UserIsDeleted])
}

#[tracing::instrument(name = "gateway.delete_user", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.read_nothing()?;
    let reply = gateway.ask(&call, call.user(), DeleteUser {}).await?;
    Ok(reply.render("user_deleted", &UserNamed::from(&call.ids.user_id())))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_user_is_deleted() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let answer = door
            .delete(&format!("/pc-api/{SYSTEM}/users/sample-1"))
            .await;
        assert_eq!(answer.content("user_deleted")["user_id"], "sample-1");
        assert_eq!(door.sent()[0].command.word(), "delete_user");
    }
}
