//! `POST /pc-api/{system_id}/users`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::users::CreateUser;
use schemas::{CommandId, ErrorCode, Owner, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::USER_NAME_LENGTH_MAX;
use super::key_wishes::KeyWishes;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::flags::KeyParams;
use crate::json::SecretText;
use crate::render::key::{KeyAnswer, ReturnKeyMethod};
use crate::render::qr::ImageType;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

/// Longest prefix of a user's id, characters.
const PREFIX_LENGTH_MAX: usize = 64;

/// A new user and the wishes for the first key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUserRequest {
    /// What the user's id begins with, at most 64 characters; a UUID follows.
    id_prefix: Option<String>,
    /// The name the phone shows.
    user_name: Option<String>,
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
    Route::post("/pc-api/{system_id}/users", "create_user", handle)
        .says("Create a user and issue the first key")
        .takes::<CreateUserRequest>()
        .answers::<KeyAnswer>("user_created")
        .refuses(&[
            ErrorCode::UserIdPrefTooLong,
            ErrorCode::UrlSchemeNotDefined,
            ErrorCode::SpartLengthIsWrong,
            ErrorCode::QrGenerationError,
            ErrorCode::CryptTypeIsNotDefined,
        ])
}

#[tracing::instrument(name = "gateway.create_user", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: CreateUserRequest = call.read()?;
    check_length(
        "user_name",
        request.user_name.as_deref().unwrap_or_default(),
        USER_NAME_LENGTH_MAX,
    )?;
    let user_id = user_id(
        request.id_prefix.as_deref().unwrap_or_default(),
        &call.command_id,
    )?;
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
    let command = CreateUser {
        user_name: request.user_name,
        key: wishes.key_request(&gateway.house.settings.current())?,
    };
    let system_id = call.ids.system_id();
    let owner = Owner::User(system_id.clone(), user_id);
    let reply = gateway.ask(&call, owner, command).await?;
    wishes
        .render(&gateway, system_id, reply, "user_created")
        .await
}

/// The prefix and a UUID that follows from the command's identity: a repetition names the same user.
fn user_id(prefix: &str, command_id: &CommandId) -> Result<UserId, ApiError> {
    if prefix.chars().count() > PREFIX_LENGTH_MAX {
        return Err(ApiError::new(ErrorCode::UserIdPrefTooLong));
    }
    format!("{prefix}{}", command_id.derived_uuid("user"))
        .parse()
        .map_err(|_| ApiError::at("id_prefix holds other characters than A-Z a-z 0-9 . _ : -"))
}

#[cfg(test)]
mod tests {
    use schemas::Secret;
    use schemas::commands::Command;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::users::UserCommand;
    use serde_json::{Value, json};

    use crate::testing::{SYSTEM, TestDoor, key_issued};

    fn path() -> String {
        format!("/pc-api/{SYSTEM}/users")
    }

    async fn parts_of(body: Value) -> KeyParts {
        let door = TestDoor::answering(key_issued(None));
        assert_eq!(door.post(&path(), &body).await.status, 200, "{body}");
        match &door.sent()[0].command {
            Command::Users(UserCommand::Create(command)) => command.key.parts.clone(),
            other => panic!("{} was sent", other.word()),
        }
    }

    #[tokio::test]
    async fn a_user_is_created_in_every_form_of_key() {
        let door = TestDoor::answering(key_issued(Some("3468045516")));
        for (method, member) in [
            ("FULL_QR", Some("key_QR")),
            ("SPLIT_QR", Some("key_QR")),
            ("KEY_JSON", Some("key_json")),
            ("DEEPLINK", Some("key_deeplink")),
            ("NONE", None),
        ] {
            let body = json!({"id_prefix": "sample-", "return_key_method": method, "qr_url_scheme": "ourbank"});
            let answer = door.post(&path(), &body).await;
            let created = answer.content("user_created");
            assert_eq!(created["user_id"], "sample-1");
            assert_eq!(created["activation_code"], "3468045516");
            for name in ["key_QR", "key_json", "key_deeplink"] {
                assert_eq!(
                    created[name].is_string(),
                    member == Some(name),
                    "{method} {name}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_repeated_request_names_the_same_user() {
        let door = TestDoor::answering(key_issued(None));
        let body = json!({"id_prefix": "sample-"});
        for key in ["a", "a", "b"] {
            door.keyed(key).post(&path(), &body).await;
        }
        let owners: Vec<String> = door
            .sent()
            .iter()
            .map(|sent| sent.owner.to_string())
            .collect();
        assert!(owners[0].starts_with(&format!("{SYSTEM}/sample-")));
        assert_eq!(owners[0], owners[1]);
        assert_ne!(owners[0], owners[2]);
        assert_eq!(door.sent()[0].fingerprint, door.sent()[1].fingerprint);
        assert_ne!(door.sent()[0].request_id, door.sent()[1].request_id);
    }

    #[tokio::test]
    async fn the_key_has_two_parts_when_a_code_is_wanted() {
        assert_eq!(parts_of(json!({})).await, KeyParts::Whole);
        let drawn = parts_of(json!({"return_key_method": "SPLIT_QR"})).await;
        assert_eq!(drawn, KeyParts::TwoDrawCode { digits: 10 });
        let drawn =
            parts_of(json!({"return_key_method": "SPLIT_QR", "activation_code_length": 6})).await;
        assert_eq!(drawn, KeyParts::TwoDrawCode { digits: 6 });
        let given =
            parts_of(json!({"return_key_method": "KEY_JSON", "key_encryption_password": "123456"}))
                .await;
        let code = Secret::new("123456");
        assert_eq!(given, KeyParts::TwoGivenCode { code });
    }

    #[tokio::test]
    async fn a_wrong_wish_is_refused_and_its_value_not_repeated() {
        let door = TestDoor::answering(key_issued(None));
        for (body, code) in [
            (json!({"id_prefix": "x".repeat(65)}), 253),
            (json!({"id_prefix": "a b"}), 283),
            (json!({"user_name": "n".repeat(257)}), 283),
            (json!({"key_params": {"no_such_flag": 1}}), 283),
            (
                json!({"key_params": {"with_finger_print": 1, "server_signer": 1}}),
                219,
            ),
            (json!({"return_key_method": "PAPER"}), 283),
            (json!({"key_encryption_password": "s3cr"}), 242),
            (json!({"key_encryption_password": 7_777_777}), 283),
            (
                json!({"return_key_method": "SPLIT_QR", "activation_code_length": 5}),
                242,
            ),
            (json!({"activation_code_length": 8}), 283),
            (json!({"crypt_type": "RSA"}), 351),
            (json!({"qr_image_type": "gif"}), 283),
            (json!({"deeplink_template": "bank://"}), 283),
            (json!({"qr_url_scheme": "1:"}), 333),
            (json!({"app_extra": "text"}), 283),
            (json!({"surname": "x"}), 283),
        ] {
            let answer = door.post(&path(), &body).await;
            assert_eq!(answer.code(), code, "{body}");
            let text = answer.json.to_string();
            assert!(
                !text.contains("s3cr") && !text.contains("7777777"),
                "{text}"
            );
        }
        assert!(door.sent().is_empty());
    }
}
