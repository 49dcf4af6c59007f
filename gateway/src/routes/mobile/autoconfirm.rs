//! `POST .../transactions/{transaction_id}/autoconfirm`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::transactions::AutoconfirmTransaction;
use schemas::{ErrorCode, Secret};

use super::confirm::SIGNATURE_LENGTH_MAX;
use super::{hex_bytes, hex_digest};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::transactions::TransactionNamed;
use crate::state::Shared;

/// Longest name of a session of the scoring service's library, bytes.
const SESSION_LENGTH_MAX: usize = 1024;

device_request! {
    /// The device agrees without its user.
    AutoconfirmRequest {
        /// The attempt that the list offered, hex.
        #[schema(value_type = String)]
        attempt_id: Option<String>,
        /// ECDSA P-256 SHA-256 by the second pair over attempt and digest, DER, lower-case hex.
        #[schema(value_type = String)]
        signature: Option<String>,
        /// The session of the scoring service's library on the device, 1 to 1024 visible ASCII characters.
        #[schema(value_type = String)]
        scoring_session: Option<String>,
        /// The device's fingerprint, 32 bytes, hex; for keys that are bound to a device.
        device_fingerprint: Option<String>,
    }
}

pub(crate) fn route() -> Route {
    let path =
        "/pc-client-api/v1/{system_id}/users/{user_id}/transactions/{transaction_id}/autoconfirm";
    Route::post(path, "device_autoconfirm", handle)
        .says("Confirm a transaction without its user, if the scoring service trusts the device")
        .takes::<AutoconfirmRequest>()
        .answers::<TransactionNamed>("transaction_autoconfirmed")
        .refuses(&[
            ErrorCode::AttemptIdIsNull,
            ErrorCode::SignatureIsNull,
            ErrorCode::AutosignNotAllowed,
            ErrorCode::AutosignFailed,
            ErrorCode::AutosingSignatureIsInvalid,
            ErrorCode::ScoringFailed,
            ErrorCode::HighScoringRiskLevel,
            ErrorCode::TransactionChecked,
            ErrorCode::TransactionExpired,
        ])
}

#[tracing::instrument(name = "gateway.device_autoconfirm", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: AutoconfirmRequest = call.read_device()?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let attempt_id =
        given(request.attempt_id).ok_or_else(|| ApiError::new(ErrorCode::AttemptIdIsNull))?;
    let signature =
        given(request.signature).ok_or_else(|| ApiError::new(ErrorCode::SignatureIsNull))?;
    let session = request.scoring_session.unwrap_or_default();
    let is_session = (1..=SESSION_LENGTH_MAX).contains(&session.len())
        && session.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_session {
        return Err(ApiError::at(
            "scoring_session is not 1 to 1024 visible ASCII characters",
        ));
    }
    let device_fingerprint = given(request.device_fingerprint)
        .map(|text| hex_digest("device_fingerprint", &text))
        .transpose()?;
    let transaction_id = call.ids.transaction_id();
    let answer = TransactionNamed::from(&transaction_id);
    let command = AutoconfirmTransaction {
        transaction_id,
        attempt_id: hex_digest("attempt_id", &attempt_id)?,
        signature: hex_bytes("signature", &signature, SIGNATURE_LENGTH_MAX)?,
        scoring_session: Secret::new(session),
        device_fingerprint,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("transaction_autoconfirmed", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::transactions::TransactionCommand;
    use schemas::{Digest, Secret};
    use serde_json::{Value, json};

    use crate::testing::TestDoor;

    const PATH: &str = "transactions/invoice-42/autoconfirm";

    fn body() -> Value {
        json!({
            "attempt_id": "07".repeat(32), "signature": "3006020101020101",
            "scoring_session": "session-1",
        })
    }

    #[tokio::test]
    async fn a_consent_of_the_device_alone_is_sent() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let answer = door.device(PATH, &body()).await;
        let named = answer.content("transaction_autoconfirmed");
        assert_eq!(named["transaction_id"], "invoice-42");
        let Command::Transactions(TransactionCommand::Autoconfirm(command)) =
            door.sent().remove(0).command
        else {
            panic!("another command was sent");
        };
        assert_eq!(command.attempt_id, Digest([7; 32]));
        assert_eq!(command.scoring_session, Secret::new("session-1"));
        assert_eq!(command.device_fingerprint, None);
    }

    #[tokio::test]
    async fn what_is_missing_or_malformed_has_its_code() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for (member, value, code) in [
            ("attempt_id", json!(null), 306),
            ("attempt_id", json!(""), 306),
            ("attempt_id", json!("07"), 283),
            ("signature", json!(null), 279),
            ("signature", json!("3"), 283),
            ("scoring_session", json!(null), 283),
            ("scoring_session", json!("a b"), 283),
            ("scoring_session", json!("a".repeat(1025)), 283),
            ("device_fingerprint", json!("00"), 283),
            ("confirm_code", json!("1234"), 283),
        ] {
            let mut body = body();
            body[member] = value;
            assert_eq!(door.device(PATH, &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }
}
