//! `POST /pc-api/rks/{system_id}/check_confirmation`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::{self, AnswerBody};
use schemas::commands::operators::CheckConfirmation;
use schemas::{ErrorCode, TransactionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::owner_of;
use crate::call::OperatorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// Which confirmation to check.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckConfirmationRequest {
    /// The transaction it confirmed.
    transaction_id: Option<String>,
}

/// `rks_check_confirmation`. A verdict is `valid`, `invalid`, `absent` (there never was one) or `gone` (what it takes to check
/// it was erased or replaced).
#[derive(Serialize, ToSchema)]
pub(crate) struct ConfirmationCheck<'a> {
    user_id: &'a str,
    transaction_id: &'a str,
    /// ms since the Unix epoch.
    confirmed_at: i64,
    key_index: u32,
    /// SHA-256 of what was signed, hex.
    digest: String,
    /// SPKI DER, hex: the one registered for that key by then.
    public_key: Option<String>,
    /// DER, hex.
    signature: Option<String>,
    /// Only of an automatic confirmation: the second pair signed this attempt and the digest. Hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_id: Option<String>,
    confirm_code: Option<&'a str>,
    /// Is the signature that key's over the digest?
    signature_verdict: &'static str,
    /// Is the code that key's for digest and time, under today's T_CONFIRM_CODE?
    confirm_code_verdict: &'static str,
    /// Do text and bytes have the digest?
    content_verdict: &'static str,
}

impl<'a> From<&'a answers::ConfirmationCheck> for ConfirmationCheck<'a> {
    fn from(check: &'a answers::ConfirmationCheck) -> Self {
        Self {
            user_id: check.user_id.as_str(),
            transaction_id: check.transaction_id.as_str(),
            confirmed_at: check.confirmed_at.0,
            key_index: check.key_index.0,
            digest: check.digest.to_string(),
            public_key: check.public_key.as_ref().map(hex::encode),
            signature: check.signature.as_ref().map(hex::encode),
            attempt_id: check.attempt_id.map(|attempt_id| attempt_id.to_string()),
            confirm_code: check.confirm_code.as_deref(),
            signature_verdict: check.signature_verdict.word(),
            confirm_code_verdict: check.confirm_code_verdict.word(),
            content_verdict: check.content_verdict.word(),
        }
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/rks/{system_id}/check_confirmation";
    Route::post(path, "rks_check_confirmation", handle)
        .says("For an operator: check what confirmed a transaction once more, with whatever is still kept")
        .takes::<CheckConfirmationRequest>()
        .answers::<ConfirmationCheck<'_>>("rks_check_confirmation")
        .refuses(&[
            ErrorCode::NotSupported,
            ErrorCode::TransactionIdIsNull,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionStatusInvalid,
        ])
}

#[tracing::instrument(name = "gateway.rks_check_confirmation", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    OperatorCall(call): OperatorCall,
) -> Result<Response<Body>, ApiError> {
    let request: CheckConfirmationRequest = call.read()?;
    let transaction_id = request
        .transaction_id
        .ok_or_else(|| ApiError::new(ErrorCode::TransactionIdIsNull))?;
    let transaction_id: TransactionId = transaction_id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::TransactionIsNull))?;
    let owner = owner_of(&gateway, &call, &transaction_id).await?;
    let command = CheckConfirmation { transaction_id };
    let reply = gateway.ask(&call, owner, command).await?;
    match &reply.body {
        AnswerBody::ConfirmationChecked(check) => {
            Ok(reply.render("rks_check_confirmation", &ConfirmationCheck::from(&**check)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::Verdict;
    use schemas::{Digest, KeyIndex};
    use serde_json::json;

    use super::*;
    use crate::testing::{NOW, SYSTEM, TestDoor};

    #[tokio::test]
    async fn every_verdict_is_told() {
        let check = answers::ConfirmationCheck {
            user_id: "sample-1".parse().unwrap(),
            transaction_id: "invoice-42".parse().unwrap(),
            confirmed_at: NOW,
            key_index: KeyIndex(1),
            digest: Digest([4; 32]),
            public_key: Some(vec![0x30]),
            signature: Some(vec![0x30, 0x45]),
            attempt_id: None,
            confirm_code: None,
            signature_verdict: Verdict::Valid,
            confirm_code_verdict: Verdict::Absent,
            content_verdict: Verdict::Gone,
        };
        let door = TestDoor::answering(AnswerBody::ConfirmationChecked(Box::new(check)));
        let path = format!("/pc-api/rks/{SYSTEM}/check_confirmation");
        let body = json!({"transaction_id": "invoice-42"});
        let answer = door.post(&path, &body).await;
        let told = answer.content("rks_check_confirmation");
        assert_eq!(
            (&told["signature"], &told["confirm_code"]),
            (&"3045".into(), &json!(null))
        );
        assert_eq!(told["signature_verdict"], "valid");
        assert_eq!(told["confirm_code_verdict"], "absent");
        assert_eq!(told["content_verdict"], "gone");
        assert_eq!(door.sent()[0].command.word(), "rks_check_confirmation");
        for (body, code) in [
            (json!({}), 256),
            (json!({"transaction_id": "a b"}), 231),
            (json!({"transaction_id": 1}), 283),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), code, "{body}");
        }
    }
}
