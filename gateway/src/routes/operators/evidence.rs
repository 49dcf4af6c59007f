//! `POST /pc-api/rks/{system_id}/evidence`
//!
//! Ours. It shows what `transactions_data` shows, and the proofs of it, so it is journaled under that word; the record's
//! `request_url` tells the two apart.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemas::commands::operators::LookAtTransaction;
use schemas::{ErrorCode, TransactionId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::owner_of;
use crate::answer::LOG_POSITION;
use crate::call::OperatorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// Of which transaction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvidenceRequest {
    /// The transaction.
    transaction_id: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::post("/pc-api/rks/{system_id}/evidence", "rks_evidence", handle)
        .says("For an operator: everything about one transaction with its proofs, as a zip that is checked without us; 404 for the second it takes until all of it is signed")
        .takes::<EvidenceRequest>()
        .refuses(&[
            ErrorCode::NotSupported,
            ErrorCode::NoResult,
            ErrorCode::TransactionIdIsNull,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionDataError,
        ])
}

#[tracing::instrument(name = "gateway.rks_evidence", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    OperatorCall(call): OperatorCall,
) -> Result<Response<Body>, ApiError> {
    let request: EvidenceRequest = call.read()?;
    let transaction_id = request
        .transaction_id
        .ok_or_else(|| ApiError::new(ErrorCode::TransactionIdIsNull))?;
    let transaction_id: TransactionId = transaction_id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::TransactionIsNull))?;
    let owner = owner_of(&gateway, &call, &transaction_id).await?;
    let command = LookAtTransaction {
        transaction_id: transaction_id.clone(),
    };
    let reply = gateway.ask(&call, owner.clone(), command).await?;
    let zip = gateway.house.evidence.dossier(&owner, &transaction_id);
    let zip = zip
        .await
        .map_err(|failure| ApiError::bug("the evidence cannot be gathered", &failure))?;
    let unsigned = || {
        let error = ApiError::new(ErrorCode::NoResult).status(StatusCode::NOT_FOUND);
        error.sealed(None, reply.position)
    };
    let mut response = Response::new(Body::from(zip.ok_or_else(unsigned)?));
    let headers = response.headers_mut();
    let zip = HeaderValue::from_static("application/zip");
    headers.insert(header::CONTENT_TYPE, zip);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let file = HeaderValue::try_from(format!("attachment; filename=\"{transaction_id}.zip\""));
    let file = file.expect("the id of a transaction is visible ASCII without quotes");
    headers.insert(header::CONTENT_DISPOSITION, file);
    if let Some(position) = reply.position {
        let text = HeaderValue::try_from(position.to_string());
        headers.insert(LOG_POSITION, text.expect("a position is digits and a dash"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor};

    fn path() -> String {
        format!("/pc-api/rks/{SYSTEM}/evidence")
    }

    #[tokio::test]
    async fn the_look_is_journaled_and_the_zip_is_handed_out() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let body = json!({ "transaction_id": "invoice-42" });
        let answer = door.post(&path(), &body).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, "zip of invoice-42")
        );
        assert_eq!(answer.header("content-type"), Some("application/zip"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let file = Some("attachment; filename=\"invoice-42.zip\"");
        assert_eq!(answer.header("content-disposition"), file);
        let sent = door.sent().remove(0);
        assert_eq!(sent.command.word(), "rks_transactions_data");
        assert_eq!(sent.owner.to_string(), format!("{SYSTEM}/sample-1"));
        door.evidence.forget();
        let early = door.post(&path(), &body).await;
        assert_eq!((early.status, early.code()), (404, 236));
    }

    #[tokio::test]
    async fn a_wrong_question_is_refused() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for (body, code) in [
            (json!({}), ErrorCode::TransactionIdIsNull),
            (
                json!({ "transaction_id": "a b" }),
                ErrorCode::TransactionIsNull,
            ),
            (
                json!({ "id": "invoice-42" }),
                ErrorCode::JsonRequestIncorrect,
            ),
        ] {
            let answer = door.post(&path(), &body).await;
            assert_eq!(answer.code(), u64::from(code.number()), "{body}");
        }
        assert!(door.sent().is_empty());
        let door = TestDoor::refusing(ErrorCode::NotSupported);
        let body = json!({ "transaction_id": "invoice-42" });
        assert_eq!(door.post(&path(), &body).await.code(), 289);
    }
}
