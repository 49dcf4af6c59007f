//! `POST /pc-api/{system_id}/users/{user_id}/key`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::keys::UpdateUserKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::key_wishes::KeyWishes;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::flags::KeyParams;
use crate::json::SecretText;
use crate::render::key::{KeyAnswer, ReturnKeyMethod};
use crate::render::qr::ImageType;
use crate::route::Route;
use crate::state::Shared;

/// The wishes for the user's next key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUserKeyRequest {
    /// Whether the key in force stays in force until the new one is activated; `false` unless given.
    is_delayed: Option<bool>,
    /// Key flags by name; the settings give the rest.
    #[schema(value_type = Option<Object>)]
    key_params: Option<KeyParams>,
    /// An activation code of the bank's own choice, 6 to 64 visible ASCII characters: the key then has two parts.
    #[schema(value_type = Option<String>)]
    key_encryption_password: Option<SecretText>,
    /// In which form the key is answered; `FULL_QR` unless given.
    return_key_method: Option<ReturnKeyMethod>,
    /// Digits of the activation code with `SPLIT_QR`, 6 to 20; 10 unless given.
    activation_code_length: Option<u8>,
    /// Only `ECDSA`; the setting `DEFAULT_CRYPT_TYPE` unless given.
    crypt_type: Option<String>,
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
        "/pc-api/{system_id}/users/{user_id}/key",
        "update_user_key",
        handle,
    )
    .says("Issue the user's next key; the one before is replaced at once, or once a delayed key is activated")
    .takes::<UpdateUserKeyRequest>()
    .answers::<KeyAnswer>("key_updated")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::UrlSchemeNotDefined,
        ErrorCode::SpartLengthIsWrong,
        ErrorCode::QrGenerationError,
        ErrorCode::CryptTypeIsNotDefined,
    ])
}

#[tracing::instrument(name = "gateway.update_user_key", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: UpdateUserKeyRequest = call.read()?;
    let wishes = KeyWishes {
        key_params: request.key_params,
        key_encryption_password: request.key_encryption_password,
        activation_code_length: request.activation_code_length,
        return_key_method: request.return_key_method,
        app_extra: request.app_extra,
        crypt_type: request.crypt_type,
        deeplink_template: request.deeplink_template,
        qr_url_scheme: request.qr_url_scheme,
        qr_image_type: request.qr_image_type,
    };
    let command = UpdateUserKey {
        key: wishes.key_request(&gateway.house.settings.current())?,
        is_delayed: request.is_delayed.unwrap_or(false),
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    wishes
        .render(&gateway, call.ids.system_id(), reply, "key_updated")
        .await
}

#[cfg(test)]
mod tests {
    use schemas::commands::Command;
    use schemas::commands::keys::KeyCommand;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor, key_issued};

    #[tokio::test]
    async fn the_next_key_is_answered_as_text() {
        let door = TestDoor::answering(key_issued(None));
        let path = format!("/pc-api/{SYSTEM}/users/sample-1/key");
        let body = json!({"is_delayed": false, "return_key_method": "KEY_JSON"});
        let answer = door.post(&path, &body).await;
        let text = answer.content("key_updated")["key_json"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(text.contains(SYSTEM));
        let delayed = json!({"is_delayed": true, "return_key_method": "NONE"});
        door.post(&path, &delayed).await.content("key_updated");
        let asked: Vec<bool> = door
            .sent()
            .iter()
            .map(|sent| match &sent.command {
                Command::Keys(KeyCommand::Update(command)) => command.is_delayed,
                other => panic!("{} was sent", other.word()),
            })
            .collect();
        assert_eq!(asked, [false, true]);
        assert_eq!(
            door.post(&path.replace("sample-1", "a%20b"), &body)
                .await
                .code(),
            208
        );
    }
}
