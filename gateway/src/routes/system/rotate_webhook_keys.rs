//! `POST /pc-api/{system_id}/webhook_keys`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use bus::shell::WebhookKeys;
use bus::shell::webhook_keys::KEYS_BEFORE_SIGN_MS;
use schemas::answers::AnswerBody;
use schemas::commands::systems::RotateWebhookKeys;
use serde::Serialize;
use utoipa::ToSchema;

use super::system_entry::WebhookEntry;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `webhook_keys_rotated`.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookKeysRotated {
    /// What the bank verifies callbacks with from now on.
    webhook: WebhookEntry,
    /// How often the keys were changed.
    generation: u32,
    /// Until then the keys before sign beside these, ms since the Unix epoch.
    keys_before_sign_until: i64,
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-api/{system_id}/webhook_keys",
        "rotate_webhook_keys",
        handle,
    )
    .says("Change the keys that callbacks are signed with; the keys before sign beside them for a day")
    .answers::<WebhookKeysRotated>("webhook_keys_rotated")
}

#[tracing::instrument(name = "gateway.rotate_webhook_keys", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.read_nothing()?;
    let reply = gateway
        .ask(&call, call.system(), RotateWebhookKeys {})
        .await?;
    let AnswerBody::WebhookKeysRotated {
        generation,
        rotated_at,
    } = reply.body
    else {
        return Err(reply.unexpected());
    };
    let system_id = call.ids.system_id();
    let keys = WebhookKeys::of(&gateway.house.root, system_id.as_str(), generation);
    let answer = WebhookKeysRotated {
        webhook: WebhookEntry::of(&keys),
        generation,
        keys_before_sign_until: rotated_at.plus_ms(KEYS_BEFORE_SIGN_MS).0,
    };
    Ok(reply.render("webhook_keys_rotated", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn the_new_keys_are_told_and_how_long_the_ones_before_sign() {
        let door = TestDoor::answering(AnswerBody::WebhookKeysRotated {
            generation: 2,
            rotated_at: Timestamp(1_700_000_000_000),
        });
        let path = format!("/pc-api/{SYSTEM}/webhook_keys");
        let answer = door.request("POST", &path, None).await;
        assert_eq!(answer.status, 200);
        let content = answer.content("webhook_keys_rotated");
        assert_eq!(content["generation"], 2);
        assert_eq!(content["keys_before_sign_until"], 1_700_086_400_000_i64);
        let secret = content["webhook"]["secret"].as_str().unwrap();
        assert!(secret.starts_with("whsec_"));
        assert_eq!(door.sent()[0].owner.to_string(), SYSTEM);
        assert_eq!(door.sent()[0].command.word(), "rotate_webhook_keys");
    }
}
