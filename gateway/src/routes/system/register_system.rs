//! `POST /pc-api/`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::{ErrorCode, Owner};
use serde::Deserialize;
use utoipa::ToSchema;

use super::system_entry::SystemEntry;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::registration::{self, Policy};
use crate::route::Route;
use crate::state::{Gateway, Shared};
use bus::shell::WebhookKeys;

/// A registration request, made and signed by its issuer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterSystemRequest {
    /// Base64 of `{"request": {"id", "name", ...}, "signature": "<base64 DER>"}`.
    request: Option<String>,
}

pub(crate) fn route() -> Route {
    Route::post("/pc-api/", "register_system", handle)
        .says("Register an application system")
        .takes::<RegisterSystemRequest>()
        .answers::<SystemEntry<'_>>("system_registered")
        .refuses(&[
            ErrorCode::SystemIdIsNull,
            ErrorCode::SystemNameIsNull,
            ErrorCode::SystemIdNotUnique,
            ErrorCode::RequestSignatureNotValid,
            ErrorCode::SystemNotValid,
            ErrorCode::ErrorParseRegisterSystemInfo,
        ])
}

#[tracing::instrument(name = "gateway.register_system", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let request: RegisterSystemRequest = call.read()?;
    let encoded = request
        .request
        .ok_or_else(|| ApiError::new(ErrorCode::ErrorParseRegisterSystemInfo))?;
    let (system_id, command) = registration::read(&encoded, policy(&gateway))?;
    let keys = WebhookKeys::of(&gateway.house.root, system_id.as_str(), 0);
    let reply = gateway
        .ask(&call, Owner::System(system_id), command)
        .await?;
    match &reply.body {
        AnswerBody::System(info) => {
            let entry = SystemEntry::of(info).with_webhook(&keys);
            Ok(reply.render("system_registered", &entry))
        }
        _ => Err(reply.unexpected()),
    }
}

/// Unsigned requests are taken only where nobody but this machine can send them.
fn policy(gateway: &Gateway) -> Policy<'_> {
    match &gateway.options.issuer_public_key {
        Some(key) => Policy::Signed(key),
        None if gateway.options.address.ip().to_canonical().is_loopback() => Policy::Any,
        None => Policy::Closed,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor, system_info};

    fn blob(request: &str) -> serde_json::Value {
        json!({ "request": STANDARD.encode(format!(r#"{{"request":{request}}}"#)) })
    }

    #[tokio::test]
    async fn a_system_is_registered_and_told_its_callback_keys() {
        let door = TestDoor::answering(system_info());
        let request = format!(r#"{{"id":"{SYSTEM}","name":"Bank","keyInfoLifeTimeVal":30}}"#);
        let answer = door.post("/pc-api/", &blob(&request)).await;
        assert_eq!(answer.status, 200);
        let entry = answer.content("system_registered");
        assert_eq!(entry["created_at"], "2023-12-25 10:14:27.298 +0000");
        assert!(
            entry["webhook"]["secret"]
                .as_str()
                .unwrap()
                .starts_with("whsec_")
        );
        assert_eq!(door.sent()[0].owner.to_string(), SYSTEM);
        assert_eq!(door.sent()[0].command.word(), "register_system");
    }

    #[tokio::test]
    async fn a_wrong_request_is_refused_before_anything_is_sent() {
        let door = TestDoor::answering(system_info());
        for (body, code) in [
            (json!({}), 233),
            (json!({"request": 1}), 283),
            (json!({"request": "?"}), 233),
            (blob("{}"), 201),
            (blob(&format!(r#"{{"id":"{SYSTEM}"}}"#)), 205),
            (blob(r#"{"id":"x","name":"Bank"}"#), 202),
        ] {
            assert_eq!(door.post("/pc-api/", &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }
}
