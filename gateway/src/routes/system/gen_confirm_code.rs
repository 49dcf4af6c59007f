//! `POST /pc-api/{system_id}/users/{user_id}/confirm_code/gen`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::codes::GenerateConfirmCode;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::codes::{CodeAnswer, GenerateCodeRequest};
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/confirm_code/gen",
        "gen_confirm_code",
        handle,
    )
    .says("A code on the user's symmetric key, the one the phone shows for the same data")
    .takes::<GenerateCodeRequest>()
    .answers::<CodeAnswer<'_>>("confirm_code")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsBlocked,
        ErrorCode::KeyExpired,
        ErrorCode::KeyNotActivated,
        ErrorCode::TransactionDataIsNull,
        ErrorCode::ConfirmCodeLengthIsWrong,
    ])
}

#[tracing::instrument(name = "gateway.gen_confirm_code", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let (data, confirm_code_length) = call.read::<GenerateCodeRequest>()?.parts()?;
    let command = GenerateConfirmCode {
        data,
        confirm_code_length,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    let step_s = gateway.house.settings.current().confirm_code_step_s();
    let answer = CodeAnswer::of(&reply, step_s).ok_or_else(|| reply.unexpected())?;
    Ok(reply.render("confirm_code", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_code_is_answered_with_how_long_it_holds() {
        let code = Secret::new("123456");
        let door = TestDoor::answering(AnswerBody::ConfirmCode { code });
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/confirm_code/gen");
        let body = json!({"data": "order 42", "confirm_code_length": 6});
        let answer = door.post(&path, &body).await;
        assert_eq!(
            answer.content("confirm_code"),
            &json!({"confirm_code": "123456", "time_step_s": 180})
        );
        for (body, code) in [
            (json!({}), 217),
            (json!({"data": ""}), 217),
            (json!({"data": "x".repeat(49_153)}), 216),
            (json!({"data": "x", "confirm_code_length": 3}), 254),
            (json!({"data": 1}), 283),
            (json!({"data": "x", "digits": 6}), 283),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), code);
        }
    }
}
