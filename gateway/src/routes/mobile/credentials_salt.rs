//! `POST .../credentials/salt`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::credentials::GetCredentialsSalt;
use schemas::password_kdf;
use serde::Serialize;
use utoipa::ToSchema;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `credentials_salt`: how the device derives from the password what it proves.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialsSalt {
    /// 16 bytes, hex; the same for the life of the key.
    salt: String,
    /// `argon2id`, version 1.3, 32 bytes of output.
    kdf: &'static str,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/credentials/salt",
        "device_credentials_salt",
        handle,
    )
    .says("The salt and the cost of the derivation of the key's password")
    .takes::<PlainDeviceRequest>()
    .answers::<CredentialsSalt>("credentials_salt")
    .refuses(&[ErrorCode::KeyNotActivated, ErrorCode::TimeSyncError])
}

#[tracing::instrument(name = "gateway.device_credentials_salt", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let PlainDeviceRequest { .. } = call.read_device()?;
    let reply = gateway
        .ask(&call, call.user(), GetCredentialsSalt {})
        .await?;
    match &reply.body {
        AnswerBody::CredentialsSalt { salt } => {
            let content = CredentialsSalt {
                salt: hex::encode(salt),
                kdf: password_kdf::NAME,
                memory_kib: password_kdf::MEMORY_KIB,
                passes: password_kdf::PASSES,
                lanes: password_kdf::LANES,
            };
            Ok(reply.render("credentials_salt", &content))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn the_salt_comes_with_the_cost_of_a_guess() {
        let salt = vec![7; 16];
        let door = TestDoor::answering(AnswerBody::CredentialsSalt { salt });
        let answer = door.device("credentials/salt", &json!({})).await;
        assert_eq!(
            answer.content("credentials_salt"),
            &json!({
                "salt": "07".repeat(16), "kdf": "argon2id",
                "memory_kib": 65_536, "passes": 3, "lanes": 1,
            })
        );
        let more = json!({"password": "secret"});
        assert_eq!(door.device("credentials/salt", &more).await.code(), 283);
    }
}
