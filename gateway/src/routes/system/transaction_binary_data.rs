//! `GET /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/binary_data`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionBinaryData;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionBinary;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/binary_data";
    Route::get(path, "get_transaction_binary_data", handle)
        .says("The bytes that go with a transaction's text")
        .answers::<TransactionBinary>("transaction_binary_data")
        .refuses(&[
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionIsDeleted,
        ])
}

#[tracing::instrument(name = "gateway.get_transaction_binary_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let transaction_id = call.ids.transaction_id();
    let command = GetTransactionBinaryData { transaction_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::TransactionBinaryData { binary } => {
            Ok(reply.render("transaction_binary_data", &TransactionBinary::of(binary)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn the_bytes_read_in_base64() {
        let binary = Secret::new(*b"%PDF-");
        let door = TestDoor::answering(AnswerBody::TransactionBinaryData { binary });
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions/invoice-42/binary_data");
        let answer = door.get(&path).await;
        assert_eq!(
            answer.content("transaction_binary_data")["data"],
            "JVBERi0="
        );
    }
}
