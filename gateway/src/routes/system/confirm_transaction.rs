//! `POST /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/confirm`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::transactions::ConfirmTransaction;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::json::SecretText;
use crate::route::Route;
use crate::routes::codes::confirm_code;
use crate::routes::transactions::TransactionNamed;
use crate::state::Shared;

/// The code that the user read from the phone and typed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmOfflineRequest {
    /// As many decimal digits as the transaction asks for, else 64 hex digits.
    #[schema(value_type = String)]
    confirm_code: Option<SecretText>,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/confirm";
    Route::post(path, "confirm_transaction", handle)
        .says("Confirm an offline transaction with the code that the user typed")
        .takes::<ConfirmOfflineRequest>()
        .answers::<TransactionNamed>("transaction_confirmed")
        .refuses(&[
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionChecked,
            ErrorCode::TransactionExpired,
            ErrorCode::IncorrectTransactionType,
            ErrorCode::ConfirmCodeIsNull,
            ErrorCode::ConfirmCodeLengthIsWrong,
            ErrorCode::InvalidOtp,
            ErrorCode::TransactionStatusInvalid,
        ])
}

#[tracing::instrument(name = "gateway.confirm_transaction", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: ConfirmOfflineRequest = call.read()?;
    let transaction_id = call.ids.transaction_id();
    let answer = TransactionNamed::from(&transaction_id);
    let command = ConfirmTransaction {
        transaction_id,
        signature: None,
        confirm_code: Some(confirm_code(request.confirm_code)?),
        device_fingerprint: None,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("transaction_confirmed", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::transactions::TransactionCommand;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    fn path() -> String {
        format!("/pc-api/{SYSTEM}/users/sample-1/transactions/invoice-42/confirm")
    }

    #[tokio::test]
    async fn a_typed_code_is_handed_on() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let answer = door.post(&path(), &json!({"confirm_code": "123456"})).await;
        assert_eq!(
            answer.content("transaction_confirmed")["transaction_id"],
            "invoice-42"
        );
        let Command::Transactions(TransactionCommand::Confirm(command)) = &door.sent()[0].command
        else {
            panic!("another command was sent");
        };
        assert_eq!(command.confirm_code.as_deref(), Some("123456"));
        assert_eq!(command.signature, None);
    }

    #[tokio::test]
    async fn a_wrong_request_has_its_code() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for (body, code) in [
            (json!({}), 255),
            (json!({"confirm_code": ""}), 255),
            (json!({"confirm_code": 123_456}), 283),
            (json!({"confirm_code": "1".repeat(65)}), 283),
            (json!({"confirm_code": "1", "signature": "30"}), 283),
        ] {
            assert_eq!(door.post(&path(), &body).await.code(), code, "{body}");
        }
        let wrong = TestDoor::refusing(ErrorCode::InvalidOtp);
        let answer = wrong.post(&path(), &json!({"confirm_code": "1"})).await;
        assert_eq!(answer.code(), 261);
    }
}
