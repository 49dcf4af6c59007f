//! `POST .../credentials/set`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::credentials::SetCredentials;

use super::{ClosedAccessKey, password_proof};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::json::SecretText;
use crate::route::Route;
use crate::state::Shared;

device_request! {
    /// The first password of the key, or another one. The password itself is never sent.
    CredentialsSetRequest {
        /// What follows from the new password, 32 bytes, hex.
        #[schema(value_type = String)]
        password_proof: Option<SecretText>,
        /// What follows from the password before, 32 bytes, hex; when there is one.
        #[schema(value_type = Option<String>)]
        old_password_proof: Option<SecretText>,
    }
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/credentials/set",
        "device_credentials_set",
        handle,
    )
    .says("Set the key's password; 344 tells in password_refused how many tries of the old one are left")
    .takes::<CredentialsSetRequest>()
    .answers::<ClosedAccessKey>("credentials_set")
    .refuses(&[
        ErrorCode::CredentialsNotInitialized,
        ErrorCode::PasswordNotSet,
        ErrorCode::PinIsEmpty,
        ErrorCode::PasswordIncorrect,
        ErrorCode::PasswordAttemptsExceeded,
        ErrorCode::TimeSyncError,
    ])
}

#[tracing::instrument(name = "gateway.device_credentials_set", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: CredentialsSetRequest = call.read_device()?;
    let new = request
        .password_proof
        .ok_or_else(|| ApiError::at("password_proof is missing"))?;
    let old = request.old_password_proof.as_ref();
    let command = SetCredentials {
        proof: password_proof("password_proof", &new)?,
        old_proof: old
            .map(|old| password_proof("old_password_proof", old))
            .transpose()?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::AccessKey { closed } => {
            Ok(reply.render("credentials_set", &ClosedAccessKey::of(closed)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::{ErrorCode, Secret};
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn a_password_is_set_without_being_sent() {
        let closed = Secret::new([7; 60]);
        let door = TestDoor::answering(AnswerBody::AccessKey { closed });
        let proof = "ab".repeat(32);
        for body in [
            json!({"password_proof": proof}),
            json!({"password_proof": proof, "old_password_proof": proof}),
        ] {
            let answer = door.device("credentials/set", &body).await;
            let content = answer.content("credentials_set");
            assert_eq!(content["access_key"], "07".repeat(60));
        }
        for body in [
            json!({}),
            json!({"password_proof": "ab"}),
            json!({"password_proof": "AB".repeat(32)}),
            json!({"password_proof": 1}),
            json!({"password_proof": proof, "old_password_proof": "s3cret-canary"}),
        ] {
            let answer = door.device("credentials/set", &body).await;
            assert_eq!(answer.code(), 283, "{body}");
            assert!(!answer.text.contains("canary"), "{}", answer.text);
        }
        assert_eq!(door.sent().len(), 2);
    }

    #[tokio::test]
    async fn a_wrong_password_tells_how_many_tries_are_left() {
        let body = AnswerBody::PasswordRefused { attempts_left: 9 };
        let door = TestDoor::answering_with(ErrorCode::PasswordIncorrect, body);
        let proof = "ab".repeat(32);
        let body = json!({"password_proof": proof, "old_password_proof": proof});
        let answer = door.device("credentials/set", &body).await;
        assert_eq!(answer.code(), 344);
        let left = &answer.json["answer"]["password_refused"];
        assert_eq!(left, &json!({"attempts_left": 9}));
        assert!(answer.has_right_seal());
    }
}
