//! `POST .../activate`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::keys::ActivateKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::hex_digest;
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

device_request! {
    /// Proves that the user knows the activation code.
    ActivateRequest {
        /// HMAC-SHA256 of the code under a key derived from the first half, hex.
        #[schema(value_type = String)]
        activation_code_proof: Option<String>,
    }
}

/// `key_activated`.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyActivated {
    /// The second half of the key, sealed for the device, hex.
    released: String,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/activate",
        "device_activate",
        handle,
    )
    .says(
        "Release the second half of a key; 342 tells in activation_refused how many tries are left",
    )
    .takes::<ActivateRequest>()
    .answers::<KeyActivated>("key_activated")
    .refuses(&[
        ErrorCode::ActivationCodeIncorrect,
        ErrorCode::ActivationAttemptsExceeded,
        ErrorCode::UserIsBlocked,
        ErrorCode::TimeSyncError,
    ])
}

#[tracing::instrument(name = "gateway.device_activate", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: ActivateRequest = call.read_device()?;
    let text = request.activation_code_proof.unwrap_or_default();
    let proof = hex_digest("activation_code_proof", &text)?;
    let reply = gateway
        .ask(&call, call.user(), ActivateKey { proof })
        .await?;
    match &reply.body {
        AnswerBody::KeyActivated { released } => {
            let released = hex::encode(released.expose());
            Ok(reply.render("key_activated", &KeyActivated { released }))
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
    async fn the_right_code_releases_the_second_half() {
        let door = TestDoor::answering(AnswerBody::KeyActivated {
            released: Secret::new([7; 60]),
        });
        let body = json!({"activation_code_proof": "ab".repeat(32)});
        let answer = door.device("activate", &body).await;
        assert_eq!(answer.content("key_activated")["released"], "07".repeat(60));
        assert_eq!(door.device("activate", &json!({})).await.code(), 283);
    }

    #[tokio::test]
    async fn the_wrong_code_tells_how_many_tries_are_left() {
        let body = AnswerBody::ActivationRefused { attempts_left: 3 };
        let door = TestDoor::answering_with(ErrorCode::ActivationCodeIncorrect, body);
        let answer = door
            .device(
                "activate",
                &json!({"activation_code_proof": "ab".repeat(32)}),
            )
            .await;
        assert_eq!(answer.code(), 342);
        assert_eq!(
            answer.json["answer"]["activation_refused"],
            json!({"attempts_left": 3})
        );
        assert!(answer.has_right_seal());
    }
}
