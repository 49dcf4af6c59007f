//! `POST /pc-api/{system_id}/users/{user_id}/key/activate`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::commands::keys::ActivateDelayedKey;
use schemas::{ErrorCode, KeyIndex};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// Which delayed key is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivateKeyRequest {
    /// Its number, for a bank that wants to be sure; whichever is delayed unless given.
    key_index: Option<u32>,
}

/// `key_activated`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyInForce {
    /// Whose key.
    user_id: String,
    /// Number of the key that is in force now.
    key_index: u32,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/users/{user_id}/key/activate",
        "activate_delayed_key",
        handle,
    )
    .says("Put the delayed key in force; the one before is replaced")
    .takes::<ActivateKeyRequest>()
    .answers::<KeyInForce>("key_activated")
    .refuses(&[
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
        ErrorCode::KeyInfoNotFound,
        ErrorCode::KeyIndexObsoleted,
        ErrorCode::KeyIndexWrong,
        ErrorCode::UserIsBlocked,
        ErrorCode::KeyExpired,
    ])
}

#[tracing::instrument(name = "gateway.activate_delayed_key", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: ActivateKeyRequest = call.read()?;
    let key_index = request.key_index.map(KeyIndex);
    let reply = gateway
        .ask(&call, call.user(), ActivateDelayedKey { key_index })
        .await?;
    match &reply.body {
        AnswerBody::KeyPutInForce { key_index } => {
            let answer = KeyInForce {
                user_id: call.ids.user_id().to_string(),
                key_index: key_index.0,
            };
            Ok(reply.render("key_activated", &answer))
        }
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::{ErrorCode, KeyIndex};
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    fn path() -> String {
        format!("/pc-api/{SYSTEM}/users/sample-1/key/activate")
    }

    #[tokio::test]
    async fn the_delayed_key_is_put_in_force() {
        let key_index = KeyIndex(2);
        let door = TestDoor::answering(AnswerBody::KeyPutInForce { key_index });
        for body in [json!({}), json!({"key_index": 2})] {
            let answer = door.post(&path(), &body).await;
            let content = json!({"user_id": "sample-1", "key_index": 2});
            assert_eq!(answer.content("key_activated"), &content);
        }
        assert_eq!(door.sent()[0].command.word(), "change_user");
        for body in [json!({"key_index": -1}), json!({"key_index": "2"})] {
            assert_eq!(door.post(&path(), &body).await.code(), 283, "{body}");
        }
    }

    #[tokio::test]
    async fn without_a_delayed_key_the_code_is_told() {
        let door = TestDoor::refusing(ErrorCode::KeyInfoNotFound);
        assert_eq!(door.post(&path(), &json!({})).await.code(), 245);
    }
}
