//! `POST .../transactions/get_list`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::ListTransactions;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionList;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/transactions/get_list";
    Route::post(path, "device_get_list", handle)
        .says("The user's pending transactions")
        .takes::<PlainDeviceRequest>()
        .answers::<TransactionList>("transaction_list")
        .refuses(&[
            ErrorCode::TimeSyncError,
            ErrorCode::KeyIndexObsoleted,
            ErrorCode::KeyExpired,
        ])
}

#[tracing::instrument(name = "gateway.device_get_list", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let statuses = Vec::new();
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

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{TestDoor, transaction_info};

    #[tokio::test]
    async fn the_pending_ones_are_listed() {
        let door = TestDoor::answering(AnswerBody::Transactions(vec![transaction_info()]));
        let answer = door.device("transactions/get_list", &json!({})).await;
        let first = &answer.content("transaction_list")["transactions"][0];
        assert_eq!(
            (&first["transaction_id"], &first["has_binary"]),
            (&"invoice-42".into(), &false.into())
        );
        assert!(answer.has_right_seal());
        assert_eq!(answer.header("pc-server-time"), Some("1703499267298"));
        assert_eq!(
            door.device("transactions/get_list", &json!([]))
                .await
                .code(),
            283
        );
    }
}
