//! `POST .../remote_update/set_template`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::recovery::{Requisites, SetRecoveryTemplate};
use schemas::{ErrorCode, Secret};

use super::confirm::SIGNATURE_LENGTH_MAX;
use super::{Done, hex_bytes, hex_digest};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// Length of a salt, bytes.
const SALT_LENGTH: usize = 16;
/// Longest text for a service, and longest name of a template, bytes.
pub(super) const TEXT_LENGTH_MAX: usize = 256;

device_request! {
    /// Sets up an additional authentication: with `salt` and `verifier` of a code word, or with a text for a service.
    SetTemplateRequest {
        /// Which one.
        #[schema(value_type = String)]
        template_id: Option<String>,
        /// Of a code word: 16 random bytes, hex.
        salt: Option<String>,
        /// Of a code word: what follows from it, 32 bytes, hex.
        verifier: Option<String>,
        /// For a service: what it is to know about the user, at most 256 bytes.
        requisites: Option<String>,
        /// ECDSA P-256 SHA-256 by the registered pair over all of it, DER, lower-case hex.
        #[schema(value_type = String)]
        signature: Option<String>,
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/remote_update/set_template";
    Route::post(path, "device_recovery_set_template", handle)
        .says("Set up an additional authentication by which the key can be recovered")
        .takes::<SetTemplateRequest>()
        .answers::<Done>("recovery_template_set")
        .refuses(&[
            ErrorCode::RemoteUpdateDisabled,
            ErrorCode::ExtAuthTemplateNotFound,
            ErrorCode::ExtAuthTypeNotSupported,
            ErrorCode::PubkeyIsEmpty,
            ErrorCode::PubkeyIsNotEmpty,
            ErrorCode::SignatureIsNull,
            ErrorCode::SignatureIsInvalid,
        ])
}

#[tracing::instrument(name = "gateway.device_recovery_set_template", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: SetTemplateRequest = call.read_device()?;
    let template_id = request.template_id.unwrap_or_default();
    check_length("template_id", &template_id, TEXT_LENGTH_MAX)?;
    let requisites = match (request.salt, request.verifier, request.requisites) {
        (Some(salt), Some(verifier), None) => {
            let salt = hex_bytes("salt", &salt, SALT_LENGTH)?;
            if salt.len() != SALT_LENGTH {
                return Err(ApiError::at("salt is not 32 hex digits"));
            }
            let verifier = Secret::new(hex_digest("verifier", &verifier)?.0);
            Requisites::CodeWord { salt, verifier }
        }
        (None, None, text) => {
            let text = text.unwrap_or_default();
            check_length("requisites", &text, TEXT_LENGTH_MAX)?;
            Requisites::Text(Secret::new(text))
        }
        _ => {
            return Err(ApiError::at(
                "either salt and verifier are given, or requisites",
            ));
        }
    };
    let signature = request.signature.filter(|text| !text.is_empty());
    let signature = signature.ok_or_else(|| ApiError::new(ErrorCode::SignatureIsNull))?;
    let command = SetRecoveryTemplate {
        template_id,
        requisites,
        signature: hex_bytes("signature", &signature, SIGNATURE_LENGTH_MAX)?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("recovery_template_set", &Done {}))
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::recovery::{RecoveryCommand, Requisites};
    use serde_json::{Value, json};

    use crate::testing::TestDoor;

    const PATH: &str = "remote_update/set_template";

    #[tokio::test]
    async fn both_kinds_are_sent() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let word = json!({
            "template_id": "word", "salt": "09".repeat(16), "verifier": "05".repeat(32),
            "signature": "3006020101020101",
        });
        let text = json!({
            "template_id": "bank", "requisites": "+7 900", "signature": "3006020101020101",
        });
        for body in [&word, &text] {
            let answer = door.device(PATH, body).await;
            assert_eq!(answer.content("recovery_template_set"), &json!({}));
        }
        let sent: Vec<Requisites> = door
            .sent()
            .into_iter()
            .map(|sent| match sent.command {
                Command::Recovery(RecoveryCommand::SetTemplate(command)) => command.requisites,
                other => panic!("another command was sent: {other:?}"),
            })
            .collect();
        let code_word = Requisites::CodeWord {
            salt: vec![9; 16],
            verifier: Secret::new([5; 32]),
        };
        assert_eq!(sent, [code_word, Requisites::Text(Secret::new("+7 900"))]);
    }

    #[tokio::test]
    async fn what_is_missing_or_malformed_has_its_code() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let right = json!({
            "template_id": "word", "salt": "09".repeat(16), "verifier": "05".repeat(32),
            "signature": "3006020101020101",
        });
        for (member, value, code) in [
            ("template_id", json!("x".repeat(257)), 283),
            ("salt", json!("09"), 283),
            ("salt", Value::Null, 283),
            ("verifier", json!("05"), 283),
            ("requisites", json!("both"), 283),
            ("signature", Value::Null, 279),
            ("signature", json!("3"), 283),
        ] {
            let mut body = right.clone();
            body[member] = value;
            assert_eq!(door.device(PATH, &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }
}
