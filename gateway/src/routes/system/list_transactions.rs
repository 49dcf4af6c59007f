//! `GET /pc-api/{system_id}/users/{user_id}/transactions`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::{ListTransactions, TransactionStatus};
use serde::Deserialize;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionList;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    status: Option<String>,
    as_of: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/users/{user_id}/transactions",
        "get_transactions",
        handle,
    )
    .says("A user's transactions")
    .asks(
        "status",
        "statuses, separated by commas; the pending ones unless given",
    )
    .looks_back()
    .answers::<TransactionList>("transaction_list")
    .refuses(&[
        ErrorCode::NoResult,
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::StatusListIsEmpty,
        ErrorCode::StatusListIsIncorrect,
    ])
}

#[tracing::instrument(name = "gateway.get_transactions", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(mut call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let filter: Filter = call.read_query()?;
    call.look_back(&gateway, filter.as_of.as_deref())?;
    let statuses = filter.status.as_deref().map_or(Ok(Vec::new()), statuses)?;
    let reply = gateway
        .ask(&call, call.user(), ListTransactions { statuses })
        .await?;
    match &reply.body {
        AnswerBody::Transactions(list) => {
            Ok(reply.render("transaction_list", &TransactionList::from(list)))
        }
        _ => Err(reply.unexpected()),
    }
}

fn statuses(list: &str) -> Result<Vec<TransactionStatus>, ApiError> {
    if list.is_empty() {
        return Err(ApiError::new(ErrorCode::StatusListIsEmpty));
    }
    list.split(',')
        .map(TransactionStatus::from_word)
        .collect::<Option<_>>()
        .ok_or_else(|| ApiError::new(ErrorCode::StatusListIsIncorrect))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::transactions::TransactionCommand;
    use schemas::commands::transactions::TransactionStatus;

    use crate::testing::{SYSTEM, TestDoor, transaction_info};

    #[tokio::test]
    async fn transactions_are_listed_by_status() {
        let door = TestDoor::answering(AnswerBody::Transactions(vec![transaction_info()]));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/transactions");
        let answer = door.get(&path).await;
        let list = answer.content("transaction_list");
        assert_eq!(list["transactions"][0]["status"], "pushSent");
        door.get(&format!("{path}?status=confirmed,declined")).await;
        let Command::Transactions(TransactionCommand::List(command)) = &door.sent()[1].command
        else {
            panic!("another command was sent");
        };
        assert_eq!(
            command.statuses,
            [TransactionStatus::Confirmed, TransactionStatus::Declined]
        );
        door.get(&format!("{path}?as_of=2023-12-25T10:14:27Z"))
            .await;
        let as_of = door.sent()[2].context.as_of.map(|as_of| as_of.to_string());
        assert_eq!(as_of.as_deref(), Some("1703499267000"));
        for (query, code) in [
            ("as_of=then", 283),
            ("as_of=2023-12-25T10:14:28Z", 283),
            ("status=", 257),
            ("status=lost", 269),
            ("status=confirmed,", 269),
            ("state=a", 283),
            ("status=confirmed&status=declined", 283),
        ] {
            assert_eq!(
                door.get(&format!("{path}?{query}")).await.code(),
                code,
                "{query}"
            );
        }
    }
}
