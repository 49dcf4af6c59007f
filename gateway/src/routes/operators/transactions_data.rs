//! `GET /pc-api/rks/{system_id}/transactions/{transaction_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::operators::LookAtTransaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::owner_of;
use crate::call::OperatorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::{TransactionEntry, TransactionShown};
use crate::state::Shared;

/// `rks_transactions_data`.
#[derive(Serialize, ToSchema)]
pub(crate) struct TransactionSeen<'a> {
    /// Whose it is.
    user_id: &'a str,
    /// Where it stands.
    info: TransactionEntry,
    /// What was shown; null once it was erased.
    data: Option<TransactionShown<'a>>,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/rks/{system_id}/transactions/{transaction_id}";
    Route::get(path, "rks_transactions_data", handle)
        .says("For an operator: where a transaction stands, and its text while that is kept")
        .looks_back()
        .answers::<TransactionSeen<'_>>("rks_transactions_data")
        .refuses(&[
            ErrorCode::NoResult,
            ErrorCode::NotSupported,
            ErrorCode::TransactionIsNull,
        ])
}

#[tracing::instrument(name = "gateway.rks_transactions_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    OperatorCall(mut call): OperatorCall,
) -> Result<Response<Body>, ApiError> {
    call.may_look_back(&gateway)?;
    let transaction_id = call.ids.transaction_id();
    let owner = owner_of(&gateway, &call, &transaction_id).await?;
    let command = LookAtTransaction { transaction_id };
    let reply = gateway.ask(&call, owner, command).await?;
    let AnswerBody::TransactionSeen(seen) = &reply.body else {
        return Err(reply.unexpected());
    };
    let data = match &seen.data {
        None => None,
        Some(data) => Some(TransactionShown::of(data).ok_or_else(|| reply.unexpected())?),
    };
    let seen = TransactionSeen {
        user_id: seen.user_id.as_str(),
        info: TransactionEntry::from(&seen.info),
        data,
    };
    Ok(reply.render("rks_transactions_data", &seen))
}

#[cfg(test)]
mod tests {
    use schemas::answers;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor, transaction_data, transaction_info};

    #[tokio::test]
    async fn a_transaction_is_found_without_its_user() {
        let AnswerBody::TransactionData(data) = transaction_data() else {
            unreachable!("it is a text")
        };
        let seen = answers::TransactionSeen {
            user_id: "sample-1".parse().unwrap(),
            info: transaction_info(),
            data: Some(*data),
        };
        let door = TestDoor::answering(AnswerBody::TransactionSeen(Box::new(seen)));
        let path = format!("/pc-api/rks/{SYSTEM}/transactions/");
        let answer = door
            .with("x-log-position", "17-4211")
            .get(&format!("{path}invoice-42"))
            .await;
        let seen = answer.content("rks_transactions_data");
        assert_eq!(seen["user_id"], "sample-1");
        assert_eq!(seen["info"]["status"], "pushSent");
        assert_eq!(seen["data"]["text"], "Перевод 5 ₽");
        assert_eq!(door.journal.waited(), ["17-4211"]);
        assert_eq!(
            door.sent()[0].owner.to_string(),
            format!("{SYSTEM}/sample-1")
        );

        let unknown = TestDoor::refusing(ErrorCode::TransactionIsNull);
        assert_eq!(unknown.get(&format!("{path}nobodys")).await.code(), 231);
        assert_eq!(unknown.sent()[0].owner.to_string(), SYSTEM);
    }
}
