//! `POST .../autoconfirm/get_list`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::{AnswerBody, AutoconfirmOffer};
use schemas::commands::transactions::ListAutoconfirm;
use serde::Serialize;
use utoipa::ToSchema;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionEntry;
use crate::state::Shared;

/// `autoconfirm_list`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AutoconfirmList {
    /// What the device may confirm without its user.
    transactions: Vec<AutoconfirmEntry>,
}

/// A transaction, and the attempt that is offered for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AutoconfirmEntry {
    /// The transaction.
    #[serde(flatten)]
    transaction: TransactionEntry,
    /// Identity of the attempt, hex: it counts once, for a minute, until the next list.
    attempt_id: String,
}

impl From<&AutoconfirmOffer> for AutoconfirmEntry {
    fn from(offer: &AutoconfirmOffer) -> Self {
        Self {
            transaction: TransactionEntry::from(&offer.info),
            attempt_id: offer.attempt_id.to_string(),
        }
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/autoconfirm/get_list";
    Route::post(path, "device_autoconfirm_list", handle)
        .says("The transactions that the device may confirm without its user")
        .takes::<PlainDeviceRequest>()
        .answers::<AutoconfirmList>("autoconfirm_list")
        .refuses(&[
            ErrorCode::AutosignNotAllowed,
            ErrorCode::ScoringSettingsIsNull,
            ErrorCode::ServerScoringSettingsIncorrect,
        ])
}

#[tracing::instrument(name = "gateway.device_autoconfirm_list", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let reply = gateway.ask(&call, call.user(), ListAutoconfirm {}).await?;
    match &reply.body {
        AnswerBody::AutoconfirmList(offers) => {
            let transactions = offers.iter().map(AutoconfirmEntry::from).collect();
            Ok(reply.render("autoconfirm_list", &AutoconfirmList { transactions }))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::Digest;
    use schemas::answers::{AnswerBody, AutoconfirmOffer};
    use serde_json::json;

    use crate::testing::{TestDoor, transaction_info};

    #[tokio::test]
    async fn every_transaction_has_its_attempt() {
        let offer = AutoconfirmOffer {
            info: transaction_info(),
            attempt_id: Digest([7; 32]),
        };
        let door = TestDoor::answering(AnswerBody::AutoconfirmList(vec![offer]));
        let answer = door.device("autoconfirm/get_list", &json!({})).await;
        let first = &answer.content("autoconfirm_list")["transactions"][0];
        assert_eq!(first["transaction_id"], "invoice-42");
        assert_eq!(first["attempt_id"], "07".repeat(32));
        assert!(answer.has_right_seal());
    }
}
