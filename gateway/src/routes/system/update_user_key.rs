//! `POST /pc-api/{system_id}/users/{user_id}/key`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
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
use crate::route::Route;
use crate::state::Shared;

/// The wishes for the user's next key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUserKeyRequest {
    /// Delayed keys are not offered: only `false`.
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
    /// Only `ECDSA`.
    crypt_type: Option<String>,
    /// JSON for the application, carried inside the key.
    #[schema(value_type = Option<Object>)]
    app_extra: Option<Box<RawValue>>,
    /// Template with `%KEY_URLENCODED%` and `%USER_ID%`, for `DEEPLINK`.
    deeplink_template: Option<String>,
    /// Scheme of the link where no template is given, instead of the system's.
    qr_url_scheme: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/key",
        "update_user_key",
        handle,
    )
    .says("Issue the user's next key; the one before is replaced at once")
    .takes::<UpdateUserKeyRequest>()
    .answers::<KeyAnswer>("key_updated")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::UrlSchemeNotDefined,
        ErrorCode::QrGenerationError,
        ErrorCode::FeatureIsNotLicensed,
    ])
}

#[tracing::instrument(name = "gateway.update_user_key", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: UpdateUserKeyRequest = call.read()?;
    if request.is_delayed == Some(true) {
        return Err(ApiError::because(
            ErrorCode::FeatureIsNotLicensed,
            "is_delayed",
        ));
    }
    let wishes = KeyWishes {
        key_params: request.key_params,
        key_encryption_password: request.key_encryption_password,
        activation_code_length: request.activation_code_length,
        return_key_method: request.return_key_method,
        app_extra: request.app_extra,
        crypt_type: request.crypt_type,
        deeplink_template: request.deeplink_template,
        qr_url_scheme: request.qr_url_scheme,
    };
    let key = wishes.key_request(&gateway.house.settings.current())?;
    let mut reply = gateway
        .ask(&call, call.user(), UpdateUserKey { key })
        .await?;
    match std::mem::replace(&mut reply.body, AnswerBody::Nothing) {
        AnswerBody::KeyIssued(issued) => {
            let answer = wishes
                .answer(&gateway, call.ids.system_id(), *issued)
                .await?;
            Ok(reply.render("key_updated", &answer))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            door.post(&path, &json!({"is_delayed": true})).await.code(),
            352
        );
        assert_eq!(
            door.post(&path.replace("sample-1", "a%20b"), &body)
                .await
                .code(),
            208
        );
    }
}
