//! `POST .../credentials/get`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::credentials::GetCredentials;

use super::{ClosedAccessKey, password_proof};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::json::SecretText;
use crate::route::Route;
use crate::state::Shared;

device_request! {
    /// Asks for the access key with what follows from the password. Authenticated with the key for this call alone.
    CredentialsGetRequest {
        /// What follows from the password, 32 bytes, hex.
        #[schema(value_type = String)]
        password_proof: Option<SecretText>,
    }
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/credentials/get",
        "device_credentials_get",
        handle,
    )
    .says(
        "Release the access key of the password; 344 tells in password_refused how many tries are left",
    )
    .takes::<CredentialsGetRequest>()
    .answers::<ClosedAccessKey>("credentials")
    .refuses(&[
        ErrorCode::CredentialsNotInitialized,
        ErrorCode::PasswordNotSet,
        ErrorCode::PasswordIncorrect,
        ErrorCode::PasswordAttemptsExceeded,
        ErrorCode::TimeSyncError,
    ])
}

#[tracing::instrument(name = "gateway.device_credentials_get", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: CredentialsGetRequest = call.read_device()?;
    let given = request
        .password_proof
        .ok_or_else(|| ApiError::at("password_proof is missing"))?;
    let command = GetCredentials {
        proof: password_proof("password_proof", &given)?,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::AccessKey { closed } => {
            Ok(reply.render("credentials", &ClosedAccessKey::of(closed)))
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
    async fn the_right_password_releases_the_access_key() {
        let closed = Secret::new([7; 60]);
        let door = TestDoor::answering(AnswerBody::AccessKey { closed });
        let body = json!({"password_proof": "ab".repeat(32)});
        let answer = door.device("credentials/get", &body).await;
        assert_eq!(answer.content("credentials")["access_key"], "07".repeat(60));
        assert_eq!(door.device("credentials/get", &json!({})).await.code(), 283);
    }

    #[tokio::test]
    async fn the_last_wrong_one_tells_that_none_is_left() {
        let door = TestDoor::refusing(ErrorCode::PasswordAttemptsExceeded);
        let body = json!({"password_proof": "ab".repeat(32)});
        assert_eq!(door.device("credentials/get", &body).await.code(), 343);
    }
}
