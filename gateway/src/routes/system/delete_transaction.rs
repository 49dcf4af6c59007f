//! `DELETE /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::transactions::DeleteTransaction;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionNamed;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}";
    Route::delete(path, "delete_transaction", handle)
        .says("Take a pending transaction back")
        .answers::<TransactionNamed>("transaction_deleted")
        .refuses(&[
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionChecked,
        ])
}

#[tracing::instrument(name = "gateway.delete_transaction", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.read_nothing()?;
    let transaction_id = call.ids.transaction_id();
    let answer = TransactionNamed::from(&transaction_id);
    let command = DeleteTransaction { transaction_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("transaction_deleted", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_transaction_is_taken_back() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions/invoice-42");
        let answer = door.delete(&path).await;
        assert_eq!(
            answer.content("transaction_deleted")["transaction_id"],
            "invoice-42"
        );
    }
}
