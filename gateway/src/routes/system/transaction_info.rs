//! `GET /pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionInfo;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionEntry;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/users/{user_id}/transactions/{transaction_id}";
    Route::get(path, "get_transaction_info", handle)
        .says("Status and outcome of a transaction")
        .looks_back()
        .answers::<TransactionEntry>("transaction_info")
        .refuses(&[
            ErrorCode::NoResult,
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionIsDeleted,
        ])
}

#[tracing::instrument(name = "gateway.get_transaction_info", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(mut call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.may_look_back(&gateway)?;
    let transaction_id = call.ids.transaction_id();
    let command = GetTransactionInfo { transaction_id };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::Transaction(info) => {
            Ok(reply.render("transaction_info", &TransactionEntry::from(&**info)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor, transaction_info};

    #[tokio::test]
    async fn a_transaction_reads_with_its_status() {
        let door = TestDoor::answering(AnswerBody::Transaction(Box::new(transaction_info())));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions/");
        let answer = door.get(&format!("{path}invoice-42")).await;
        let entry = answer.content("transaction_info");
        assert_eq!(
            (&entry["transaction_id"], &entry["finished_at"]),
            (&"invoice-42".into(), &().into())
        );
        assert_eq!(door.get(&format!("{path}a%2Fb")).await.code(), 231);
        assert_eq!(door.get(&format!("{path}%ff")).await.status, 400);
    }
}
