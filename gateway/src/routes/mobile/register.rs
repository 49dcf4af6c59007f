//! `POST .../register`

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::keys::{DeviceType, PushAddress, RegisterPublicKey};
use schemas::{ErrorCode, Secret};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Done, hex_bytes};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::json::Members;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// What every SubjectPublicKeyInfo of an uncompressed P-256 point begins with: `id-ecPublicKey`, the named curve, and the
/// point's first byte.
const SPKI_HEAD: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// Length of such a SubjectPublicKeyInfo, bytes.
const SPKI_LENGTH: usize = 91;
/// Longest signature in DER, bytes.
const SIGNATURE_LENGTH_MAX: usize = 72;
/// Longest push token, bytes.
const PUSH_ID_LENGTH_MAX: usize = 4096;

device_request! {
    /// A device's public key, and where pushes reach it.
    RegisterRequest {
        /// SubjectPublicKeyInfo of a P-256 key, DER, hex: named curve, uncompressed point.
        #[schema(value_type = String)]
        public_key: Option<String>,
        /// Signature of the new key by the old one, DER, hex; when a key is renewed.
        public_key_signature: Option<String>,
        /// Public key of the pair for automatic confirmations, in the same form; for keys with `autosign_enabled`.
        autosign_public_key: Option<String>,
        /// Signature of the new key of that pair by the old one of that pair, DER, hex; when it is renewed.
        autosign_public_key_signature: Option<String>,
        /// Where pushes reach the device.
        #[schema(value_type = Option<PushRequest>)]
        push: Option<Members<PushRequest>>,
        /// The chat in which the user let the bank's bot of Telegram write; for keys with `telegram_enabled`.
        telegram_chat_id: Option<String>,
    }
}

/// Where pushes reach the device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushRequest {
    /// The token of the push service.
    #[schema(value_type = String)]
    device_push_id: Option<String>,
    /// `Android`, `iOS` or `Huawei`.
    #[schema(value_type = String)]
    device_type: Option<String>,
    /// The application's identifier there.
    app_id: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/register",
        "device_register",
        handle,
    )
    .says("Register a device: its public key, and where pushes reach it")
    .takes::<RegisterRequest>()
    .answers::<Done>("registered")
    .refuses(&[
        ErrorCode::PubkeyIsEmpty,
        ErrorCode::PubkeyIsNotEmpty,
        ErrorCode::PubkeySignatureIsEmpty,
        ErrorCode::SignatureIsInvalid,
        ErrorCode::AutosignNotAllowed,
        ErrorCode::AutosignPubkeySignatureIsEmpty,
        ErrorCode::AutosingSignatureIsInvalid,
        ErrorCode::DeviceIdIsNull,
        ErrorCode::DeviceTypeIsNull,
        ErrorCode::DeviceTypeIsIncorrect,
        ErrorCode::KeyNotActivated,
        ErrorCode::KeyIndexObsoleted,
        ErrorCode::TimeSyncError,
    ])
}

#[tracing::instrument(name = "gateway.device_register", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: RegisterRequest = call.read_device()?;
    let autosign = request.autosign_public_key.as_deref();
    let autosign = autosign.filter(|text| !text.is_empty());
    let command = RegisterPublicKey {
        public_key: public_key(
            "public_key",
            request.public_key.as_deref().unwrap_or_default(),
        )?,
        public_key_signature: signature("public_key_signature", request.public_key_signature)?,
        autosign_public_key: autosign
            .map(|text| public_key("autosign_public_key", text))
            .transpose()?,
        autosign_public_key_signature: signature(
            "autosign_public_key_signature",
            request.autosign_public_key_signature,
        )?,
        push: request
            .push
            .map(|Members(push)| push_address(push))
            .transpose()?,
        telegram_chat_id: chat_id(request.telegram_chat_id)?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    Ok(reply.render("registered", &Done {}))
}

/// A signature, when one was given.
fn signature(place: &str, text: Option<String>) -> Result<Option<Vec<u8>>, ApiError> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| hex_bytes(place, &text, SIGNATURE_LENGTH_MAX))
        .transpose()
}

/// The key in its one form, with a point that lies on the curve.
fn public_key(place: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    if text.is_empty() {
        return Err(ApiError::new(ErrorCode::PubkeyIsEmpty));
    }
    let spki = hex_bytes(place, text, SPKI_LENGTH)?;
    // The head but its last byte: the point begins with that one.
    let point = spki.get(SPKI_HEAD.len() - 1..).unwrap_or_default();
    let fits = spki.len() == SPKI_LENGTH
        && spki.starts_with(&SPKI_HEAD)
        && ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_ok();
    if !fits {
        return Err(ApiError::at(format_args!(
            "{place} is not an uncompressed P-256 point under its named curve"
        )));
    }
    Ok(spki)
}

/// A number, as Telegram has it; those of groups are below zero.
fn chat_id(text: Option<String>) -> Result<Option<Secret>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(_) => Ok(Some(Secret::new(text))),
        Err(_) => Err(ApiError::at("telegram_chat_id is no number")),
    }
}

fn push_address(push: PushRequest) -> Result<PushAddress, ApiError> {
    let given = |text: Option<String>, code| {
        let text = text.filter(|text| !text.is_empty());
        text.ok_or_else(|| ApiError::new(code))
    };
    let device_push_id = given(push.device_push_id, ErrorCode::DeviceIdIsNull)?;
    check_length("push.device_push_id", &device_push_id, PUSH_ID_LENGTH_MAX)?;
    check_length(
        "push.app_id",
        push.app_id.as_deref().unwrap_or_default(),
        255,
    )?;
    let device_type = match given(push.device_type, ErrorCode::DeviceTypeIsNull)?.as_str() {
        "Android" => DeviceType::Android,
        "iOS" => DeviceType::Ios,
        "Huawei" => DeviceType::Huawei,
        _ => return Err(ApiError::new(ErrorCode::DeviceTypeIsIncorrect)),
    };
    Ok(PushAddress {
        device_push_id,
        device_type,
        app_id: push.app_id,
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::TestDoor;

    fn public_key() -> String {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        hex::encode(pair.public_key().as_der().unwrap().as_ref())
    }

    #[tokio::test]
    async fn a_device_registers_its_key_and_its_push_address() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let push = json!({"device_push_id": "token", "device_type": "iOS", "app_id": "ru.bank"});
        let body = json!({"public_key": public_key(), "autosign_public_key": public_key(), "push": push, "session_id": "s"});
        let answer = door.device("register", &body).await;
        assert_eq!(answer.content("registered"), &json!({}));
        assert_eq!(door.sent()[0].context.session_id.as_deref(), Some("s"));
    }

    #[tokio::test]
    async fn a_wrong_key_or_address_is_refused() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let key = public_key();
        let off_curve = format!("{}{}", &key[..54], "11".repeat(64));
        let with_push = |push| json!({"public_key": key, "push": push});
        for (body, code) in [
            (json!({}), 276),
            (json!({"public_key": ""}), 276),
            (json!({"public_key": key.to_uppercase()}), 283),
            (json!({"public_key": off_curve}), 283),
            (json!({"public_key": &key[..180]}), 283),
            (json!({"public_key": key.replacen("3059", "3058", 1)}), 283),
            (
                json!({"public_key": key, "public_key_signature": "zz"}),
                283,
            ),
            (
                json!({"public_key": key, "autosign_public_key": "3059"}),
                283,
            ),
            (
                json!({"public_key": key, "autosign_public_key_signature": "ZZ"}),
                283,
            ),
            (with_push(json!({"device_type": "iOS"})), 258),
            (json!({"public_key": key, "telegram_chat_id": "@bank"}), 283),
            (with_push(json!({"device_push_id": "t"})), 251),
            (
                with_push(json!({"device_push_id": "t", "device_type": "Nokia"})),
                259,
            ),
            (with_push(json!(["t", "iOS"])), 283),
        ] {
            assert_eq!(door.device("register", &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }
}
