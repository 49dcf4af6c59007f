//! `GET /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/data`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionData;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionShown;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}/data";
    Route::get(path, "get_transaction_data", handle)
        .says("The text of a transaction, and what is signed")
        .answers::<TransactionShown<'_>>("transaction_data")
        .refuses(&[
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionIsDeleted,
        ])
}

#[tracing::instrument(name = "gateway.get_transaction_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let transaction_id = call.ids.transaction_id();
    let command = GetTransactionData { transaction_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    let AnswerBody::TransactionData(data) = &reply.body else {
        return Err(reply.unexpected());
    };
    let shown = TransactionShown::of(data).ok_or_else(|| reply.unexpected())?;
    Ok(reply.render("transaction_data", &shown))
}

#[cfg(test)]
mod tests {
    use crate::testing::{SYSTEM, TestDoor, transaction_data};

    #[tokio::test]
    async fn the_text_reads_as_the_bank_gave_it() {
        let door = TestDoor::answering(transaction_data());
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions/invoice-42/data");
        let answer = door.get(&path).await;
        let shown = answer.content("transaction_data");
        assert_eq!(
            (&shown["text"], &shown["text_type"]),
            (&"Перевод 5 ₽".into(), &"raw".into())
        );
        assert_eq!(shown["salt"].as_str().map(str::len), Some(64));
    }
}
