//! `POST .../remote_update/response`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response as HttpResponse;
use schemas::answers::AnswerBody;
use schemas::commands::recovery::{RespondToChallenge, Response};
use schemas::{ErrorCode, Secret};
use serde::Serialize;
use utoipa::ToSchema;

use super::hex_digest;
use super::recovery_set_template::TEXT_LENGTH_MAX;
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::check_length;
use crate::state::Shared;

device_request! {
    /// Answers a challenge: with `proof` of a code word, or with a text for a service.
    RecoveryResponseRequest {
        /// The challenge, hex.
        #[schema(value_type = String)]
        challenge: Option<String>,
        /// Of a code word: what follows from word and challenge, 32 bytes, hex.
        proof: Option<String>,
        /// For a service: what the user answered, 1 to 256 bytes.
        response: Option<String>,
    }
}

/// `key_renewed`.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyRenewed {
    /// Number of the new key.
    key_index: u32,
    /// Its flags, an integer.
    key_flags: u32,
    /// End of its life, Unix seconds.
    valid_to: i64,
    /// The new key, sealed for whoever holds the old one and knows what was shown, hex.
    released: String,
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/remote_update/response";
    Route::post(path, "device_recovery_response", handle)
        .says("Recover the key; 314 tells in renewal_refused how many tries are left")
        .takes::<RecoveryResponseRequest>()
        .answers::<KeyRenewed>("key_renewed")
        .refuses(&[
            ErrorCode::ExtAuthNeeded,
            ErrorCode::ExtAuthFailed,
            ErrorCode::RemoteUpdateError,
            ErrorCode::RemoteUpdateErrorBlock,
            ErrorCode::RemoteUpdateDisabled,
        ])
}

#[tracing::instrument(name = "gateway.device_recovery_response", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<HttpResponse<Body>, ApiError> {
    let request: RecoveryResponseRequest = call.read_device()?;
    let challenge = request.challenge.filter(|text| !text.is_empty());
    let challenge = challenge.ok_or_else(|| ApiError::new(ErrorCode::ExtAuthNeeded))?;
    let response = match (request.proof, request.response) {
        (Some(proof), None) => Response::Proof(hex_digest("proof", &proof)?),
        (None, Some(text)) if !text.is_empty() => {
            check_length("response", &text, TEXT_LENGTH_MAX)?;
            Response::Text(Secret::new(text))
        }
        _ => return Err(ApiError::at("either proof or response is given")),
    };
    let command = RespondToChallenge {
        challenge: hex_digest("challenge", &challenge)?,
        response,
    };
    let reply = gateway.ask(&call, call.user(), command).await?;
    match &reply.body {
        AnswerBody::KeyRenewed {
            key_index,
            flags,
            valid_to,
            released,
        } => {
            let content = KeyRenewed {
                key_index: key_index.0,
                key_flags: flags.bits(),
                valid_to: valid_to.seconds(),
                released: hex::encode(released.expose()),
            };
            Ok(reply.render("key_renewed", &content))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::flags::KeyFlags;
    use schemas::{ErrorCode, KeyIndex, Secret, Timestamp};
    use serde_json::{Value, json};

    use crate::testing::TestDoor;

    const PATH: &str = "remote_update/response";

    fn right() -> Value {
        json!({ "challenge": "03".repeat(32), "proof": "05".repeat(32) })
    }

    #[tokio::test]
    async fn the_right_answer_brings_a_key() {
        let door = TestDoor::answering(AnswerBody::KeyRenewed {
            key_index: KeyIndex(2),
            flags: KeyFlags::from_bits(67_584),
            valid_to: Timestamp(1_735_035_267_000),
            released: Secret::new([7; 60]),
        });
        let text = json!({ "challenge": "03".repeat(32), "response": "492817" });
        for body in [&right(), &text] {
            let answer = door.device(PATH, body).await;
            let expected = json!({
                "key_index": 2, "key_flags": 67_584, "valid_to": 1_735_035_267,
                "released": "07".repeat(60),
            });
            assert_eq!(answer.content("key_renewed"), &expected);
        }
    }

    #[tokio::test]
    async fn a_wrong_answer_tells_how_many_tries_are_left() {
        let body = AnswerBody::RenewalRefused { attempts_left: 3 };
        let door = TestDoor::answering_with(ErrorCode::RemoteUpdateError, body);
        let answer = door.device(PATH, &right()).await;
        assert_eq!(answer.code(), 314);
        let left = &answer.json["answer"]["renewal_refused"];
        assert_eq!(left, &json!({ "attempts_left": 3 }));
    }

    #[tokio::test]
    async fn what_is_missing_or_malformed_has_its_code() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for (body, code) in [
            (json!({}), 293),
            (json!({ "challenge": "03", "proof": "05".repeat(32) }), 283),
            (json!({ "challenge": "03".repeat(32) }), 283),
            (json!({ "challenge": "03".repeat(32), "proof": "05" }), 283),
            (json!({ "challenge": "03".repeat(32), "response": "" }), 283),
            (
                json!({ "challenge": "03".repeat(32), "response": "x".repeat(257) }),
                283,
            ),
            (
                json!({ "challenge": "03".repeat(32), "proof": "05".repeat(32), "response": "x" }),
                283,
            ),
        ] {
            assert_eq!(door.device(PATH, &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }
}
