//! `POST /pc-api/{system_id}/users/{user_id}/key/export`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::keys::ExportUserKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::key_wishes::KeyWishes;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::json::SecretText;
use crate::render::key::{KeyAnswer, ReturnKeyMethod};
use crate::render::qr::ImageType;
use crate::route::Route;
use crate::state::Shared;

/// In which form the key is handed out anew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportKeyRequest {
    /// An activation code of the bank's own choice, 6 to 64 visible ASCII characters: the key then has two parts.
    #[schema(value_type = Option<String>)]
    key_encryption_password: Option<SecretText>,
    /// In which form the key is answered; `FULL_QR` unless given.
    return_key_method: Option<ReturnKeyMethod>,
    /// Digits of the activation code with `SPLIT_QR`, 6 to 20; 10 unless given.
    activation_code_length: Option<u8>,
    /// JSON for the application, carried inside the key.
    #[schema(value_type = Option<Object>)]
    app_extra: Option<Box<RawValue>>,
    /// Template with `%KEY_URLENCODED%` and `%USER_ID%`, for `DEEPLINK`.
    deeplink_template: Option<String>,
    /// Scheme of the link, instead of the system's.
    qr_url_scheme: Option<String>,
    /// Kind of the QR code's picture; `png` unless given.
    qr_image_type: Option<ImageType>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/key/export",
        "export_user_key",
        handle,
    )
    .says(
        "Hand the key in force out anew, before any device has registered with it; what was handed \
         out before is worthless from then on",
    )
    .takes::<ExportKeyRequest>()
    .answers::<KeyAnswer>("key_exported")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::PubkeyIsNotEmpty,
        ErrorCode::UserIsBlocked,
        ErrorCode::KeyExpired,
        ErrorCode::UrlSchemeNotDefined,
        ErrorCode::SpartLengthIsWrong,
        ErrorCode::QrGenerationError,
    ])
}

#[tracing::instrument(name = "gateway.export_user_key", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: ExportKeyRequest = call.read()?;
    let wishes = KeyWishes {
        key_encryption_password: request.key_encryption_password,
        activation_code_length: request.activation_code_length,
        return_key_method: request.return_key_method,
        app_extra: request.app_extra,
        deeplink_template: request.deeplink_template,
        qr_url_scheme: request.qr_url_scheme,
        qr_image_type: request.qr_image_type,
        ..KeyWishes::default()
    };
    let form = wishes.form()?;
    let command = ExportUserKey {
        parts: form.parts,
        app_extra: form.app_extra,
        carrier: form.carrier,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    wishes
        .render(&gateway, call.ids.system_id(), reply, "key_exported")
        .await
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::commands::Command;
    use schemas::commands::keys::{KeyCarrier, KeyCommand, KeyParts};
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor, key_issued};

    #[tokio::test]
    async fn a_key_is_handed_out_anew_in_the_form_wished() {
        let door = TestDoor::answering(key_issued(None));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/key/export");
        let body =
            json!({"key_encryption_password": "7305512864", "return_key_method": "KEY_JSON"});
        let answer = door.post(&path, &body).await;
        assert!(answer.content("key_exported")["key_json"].is_string());
        let Command::Keys(KeyCommand::Export(command)) = &door.sent()[0].command else {
            panic!("an export was expected");
        };
        let code = Secret::new("7305512864");
        assert_eq!(command.parts, KeyParts::TwoGivenCode { code });
        assert_eq!(command.carrier, KeyCarrier::Text);
        let drawn = json!({"return_key_method": "SPLIT_QR"});
        assert!(door.post(&path, &drawn).await.content("key_exported")["key_QR"].is_string());
        for (body, code) in [
            (json!({"key_encryption_password": "short"}), 242),
            (json!({"key_params": {}}), 283),
            (json!({"return_key_method": "PAPER"}), 283),
            (json!({"qr_image_type": "gif"}), 283),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), code, "{body}");
        }
    }
}
