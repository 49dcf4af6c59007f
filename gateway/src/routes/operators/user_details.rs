//! `GET /pc-api/rks/{system_id}/users/{user_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operators::LookAtUser;

use crate::call::OperatorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::system::get_user_info::UserEntry;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/rks/{system_id}/users/{user_id}";
    Route::get(path, "rks_user_details", handle)
        .says("For an operator: a user's record and the state of the key")
        .looks_back()
        .answers::<UserEntry>("rks_user_details")
        .refuses(&[
            ErrorCode::NoResult,
            ErrorCode::NotSupported,
            ErrorCode::UserNotFound,
            ErrorCode::UserIsDeleted,
        ])
}

#[tracing::instrument(name = "gateway.rks_user_details", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    OperatorCall(mut call): OperatorCall,
) -> Result<Response<Body>, ApiError> {
    call.may_look_back(&gateway)?;
    let reply = gateway.ask(&call, call.user(), LookAtUser {}).await?;
    match &reply.body {
        AnswerBody::User(info) => Ok(reply.render("rks_user_details", &UserEntry::from(&**info))),
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::Caller;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor, user_info};

    #[tokio::test]
    async fn an_operator_sees_a_user() {
        let door = TestDoor::answering(user_info());
        let path = format!("/pc-api/rks/{SYSTEM}/users/sample-1");
        let answer = door.get(&path).await;
        assert_eq!(answer.content("rks_user_details")["user_name"], "Anna");
        let sent = door.sent().remove(0);
        assert_eq!(sent.caller, Caller::Operator);
        assert_eq!(sent.command.word(), "rks_user_details");
        let off = TestDoor::refusing(ErrorCode::NotSupported).get(&path).await;
        assert_eq!((off.status, off.code()), (404, 289));
    }
}
