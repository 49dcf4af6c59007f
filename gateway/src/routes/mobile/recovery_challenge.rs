//! `POST .../remote_update/challenge`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::{self, AnswerBody};
use schemas::commands::recovery::ChallengeRenewal;
use serde::Serialize;
use utoipa::ToSchema;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `recovery_challenge`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryChallenge<'a> {
    template_id: &'a str,
    /// `code_word` or `http`.
    #[serde(rename = "type")]
    method: &'a str,
    /// 32 bytes, hex: it counts once.
    challenge: String,
    /// ms since the Unix epoch.
    expires_at: i64,
    /// Under which the code word was stretched, 16 bytes, hex; null of another template.
    salt: Option<String>,
}

impl<'a> From<&'a answers::RecoveryChallenge> for RecoveryChallenge<'a> {
    fn from(challenge: &'a answers::RecoveryChallenge) -> Self {
        Self {
            template_id: &challenge.template_id,
            method: &challenge.method,
            challenge: challenge.challenge.to_string(),
            expires_at: challenge.expires_at.0,
            salt: challenge.salt.as_ref().map(hex::encode),
        }
    }
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/remote_update/challenge";
    Route::post(path, "device_recovery_challenge", handle)
        .says("Begin to recover the key: a challenge, to be answered within ten minutes")
        .takes::<PlainDeviceRequest>()
        .answers::<RecoveryChallenge<'_>>("recovery_challenge")
        .refuses(&[
            ErrorCode::RemoteUpdateDisabled,
            ErrorCode::ExtAuthTemplateNotFound,
            ErrorCode::ExtAuthTypeNotSupported,
            ErrorCode::PubkeyIsNotEmpty,
            ErrorCode::FeatureIsNotLicensed,
        ])
}

#[tracing::instrument(name = "gateway.device_recovery_challenge", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let reply = gateway.ask(&call, call.user(), ChallengeRenewal {}).await?;
    match &reply.body {
        AnswerBody::RecoveryChallenge(challenge) => {
            Ok(reply.render("recovery_challenge", &RecoveryChallenge::from(&**challenge)))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::{AnswerBody, RecoveryChallenge};
    use schemas::{Digest, Timestamp};
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn a_challenge_reads_with_the_salt_of_the_word() {
        let challenge = RecoveryChallenge {
            template_id: "word".to_owned(),
            method: "code_word".to_owned(),
            challenge: Digest([3; 32]),
            expires_at: Timestamp(1_703_499_867_298),
            salt: Some(vec![9; 16]),
        };
        let door = TestDoor::answering(AnswerBody::RecoveryChallenge(Box::new(challenge)));
        let answer = door.device("remote_update/challenge", &json!({})).await;
        let expected = json!({
            "template_id": "word", "type": "code_word", "challenge": "03".repeat(32),
            "expires_at": 1_703_499_867_298_i64, "salt": "09".repeat(16),
        });
        assert_eq!(answer.content("recovery_challenge"), &expected);
    }
}
