//! `POST .../transactions/{transaction_id}/confirm`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::transactions::ConfirmTransaction;
use schemas::{Digest, ErrorCode};

use super::{hex_bytes, hex_digest};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::check_length;
use crate::routes::transactions::TransactionNamed;
use crate::state::Shared;

/// Longest signature in DER, bytes. A longer one cannot be P-256; how it is encoded is judged with the key.
pub(super) const SIGNATURE_LENGTH_MAX: usize = 80;
/// Longest confirmation code: 64 hex digits.
const CONFIRM_CODE_LENGTH_MAX: usize = 64;

device_request! {
    /// The user agrees; at least one of the two must be given.
    ConfirmRequest {
        /// ECDSA P-256 SHA-256 over the canonical bytes, DER, lower-case hex.
        signature: Option<String>,
        /// 64 hex digits, or as many decimal digits as the transaction asks for.
        confirm_code: Option<String>,
        /// The device's fingerprint, 32 bytes, hex; for keys that are bound to a device.
        device_fingerprint: Option<String>,
    }
}

pub(crate) fn route() -> Route {
    let path =
        "/pc-client-api/v1/{system_id}/users/{user_id}/transactions/{transaction_id}/confirm";
    Route::post(path, "device_confirm", handle)
        .says("Confirm a transaction")
        .takes::<ConfirmRequest>()
        .answers::<TransactionNamed>("transaction_confirmed")
        .refuses(&[
            ErrorCode::SignatureAndConfirmCodeAreNull,
            ErrorCode::SignatureIsInvalid,
            ErrorCode::InvalidHmac,
            ErrorCode::FprintIsEmpty,
            ErrorCode::DeviceFingerprintMismatch,
            ErrorCode::TransactionIsNull,
            ErrorCode::TransactionChecked,
            ErrorCode::TransactionExpired,
            ErrorCode::TimeSyncError,
        ])
}

#[tracing::instrument(name = "gateway.device_confirm", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: ConfirmRequest = call.read_device()?;
    let (signature, confirm_code) = proof(request.signature, request.confirm_code)?;
    let transaction_id = call.ids.transaction_id();
    let answer = TransactionNamed::from(&transaction_id);
    let command = ConfirmTransaction {
        transaction_id,
        signature,
        confirm_code,
        device_fingerprint: device_fingerprint(request.device_fingerprint)?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("transaction_confirmed", &answer))
}

/// Which device it says it is; empty text is none.
pub(super) fn device_fingerprint(text: Option<String>) -> Result<Option<Digest>, ApiError> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| hex_digest("device_fingerprint", &text))
        .transpose()
}

/// Signature and code, at least one of them; empty text is none.
pub(super) fn proof(
    signature: Option<String>,
    confirm_code: Option<String>,
) -> Result<(Option<Vec<u8>>, Option<String>), ApiError> {
    let signature = signature.filter(|text| !text.is_empty());
    let confirm_code = confirm_code.filter(|text| !text.is_empty());
    if signature.is_none() && confirm_code.is_none() {
        return Err(ApiError::new(ErrorCode::SignatureAndConfirmCodeAreNull));
    }
    let signature = signature.map(|text| hex_bytes("signature", &text, SIGNATURE_LENGTH_MAX));
    check_length(
        "confirm_code",
        confirm_code.as_deref().unwrap_or_default(),
        CONFIRM_CODE_LENGTH_MAX,
    )?;
    Ok((signature.transpose()?, confirm_code))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::AnswerBody;
    use schemas::commands::transactions::TransactionCommand;
    use schemas::commands::{Caller, Command};
    use serde_json::json;

    use crate::testing::{TestDoor, USER};

    const PATH: &str = "transactions/invoice-42/confirm";

    #[tokio::test]
    async fn a_confirmation_is_sent_with_the_device_s_claim() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let body = json!({"signature": "3006020101020101", "device_event_id": "e-1"});
        let answer = door.device(PATH, &body).await;
        assert_eq!(
            answer.content("transaction_confirmed")["transaction_id"],
            "invoice-42"
        );
        assert!(answer.has_right_seal());
        let sent = door.sent().remove(0);
        let Caller::Device(claim) = &sent.caller else {
            panic!("the caller is a device");
        };
        assert_eq!(claim.auth.user_id.as_str(), USER);
        assert!(claim.message.starts_with(b"v1\n"));
        assert_eq!(sent.context.request_hmac, Some(claim.auth.mac));
        let Command::Transactions(TransactionCommand::Confirm(command)) = sent.command else {
            panic!("another command was sent");
        };
        assert_eq!(command.signature, Some(vec![0x30, 6, 2, 1, 1, 2, 1, 1]));
    }

    #[tokio::test]
    async fn a_device_s_retry_keeps_its_identity() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let body = |event: &str| json!({"confirm_code": "12345678", "device_event_id": event});
        for event in ["e-1", "e-1", "e-2"] {
            door.device(PATH, &body(event)).await;
        }
        let sent = door.sent();
        assert_eq!(sent[0].command_id, sent[1].command_id);
        assert_ne!(sent[0].command_id, sent[2].command_id);
        assert_ne!(sent[0].request_id, sent[1].request_id);
    }

    #[tokio::test]
    async fn a_wrong_confirmation_has_its_code() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for (body, code) in [
            (json!({}), 280),
            (json!({"signature": "", "confirm_code": ""}), 280),
            (json!({"signature": "3"}), 283),
            (json!({"signature": "AB"}), 283),
            (json!({"signature": "00".repeat(81)}), 283),
            (json!({"confirm_code": "1".repeat(65)}), 283),
            (json!({"confirm_code": 12_345_678}), 283),
        ] {
            assert_eq!(door.device(PATH, &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
        let door = TestDoor::refusing(ErrorCode::SignatureIsInvalid);
        let answer = door.device(PATH, &json!({"signature": "00"})).await;
        assert_eq!((answer.status, answer.code()), (400, 278));
        assert!(
            answer.has_right_seal(),
            "a refusal of the runner is authenticated too"
        );
    }
}
