//! `POST /pc-api/{system_id}/users/{user_id}/confirm_code/check`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::codes::CheckConfirmCode;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::codes::{CheckCodeRequest, CodeChecked};
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/confirm_code/check",
        "check_confirm_code",
        handle,
    )
    .says("Is this the code the user's phone shows for this data?")
    .takes::<CheckCodeRequest>()
    .answers::<CodeChecked>("confirm_code_checked")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsBlocked,
        ErrorCode::KeyExpired,
        ErrorCode::KeyNotActivated,
        ErrorCode::TransactionDataIsNull,
        ErrorCode::ConfirmCodeIsNull,
        ErrorCode::ConfirmCodeLengthIsWrong,
        ErrorCode::InvalidOtp,
        ErrorCode::TransactionStatusInvalid,
    ])
}

#[tracing::instrument(name = "gateway.check_confirm_code", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let (data, confirm_code, confirm_code_length) = call.read::<CheckCodeRequest>()?.parts()?;
    let command = CheckConfirmCode {
        data,
        confirm_code,
        confirm_code_length,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("confirm_code_checked", &CodeChecked {}))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::codes::CodeCommand;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_code_is_handed_on_with_its_data() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/confirm_code/check");
        let body = json!({"data": "order 42", "confirm_code": "123456", "confirm_code_length": 6});
        let answer = door.post(&path, &body).await;
        assert_eq!(answer.content("confirm_code_checked"), &json!({}));
        let Command::Codes(CodeCommand::Check(command)) = &door.sent()[0].command else {
            panic!("another command was sent");
        };
        assert_eq!(command.data.expose(), b"order 42");
        assert_eq!(command.confirm_code, "123456");
        for (body, code) in [
            (json!({"confirm_code": "1"}), 217),
            (json!({"data": "x"}), 255),
            (json!({"data": "x", "confirm_code": ""}), 255),
            (json!({"data": "x", "confirm_code": "1".repeat(65)}), 283),
            (
                json!({"data": "x", "confirm_code": "1", "confirm_code_length": 11}),
                254,
            ),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), code, "{body}");
        }
    }
}
