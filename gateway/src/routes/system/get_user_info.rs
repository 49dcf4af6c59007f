//! `GET /pc-api/{system_id}/users/{user_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::{AnswerBody, UserInfo};
use schemas::commands::keys::DeviceType;
use schemas::commands::users::GetUserInfo;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `user_info`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserEntry {
    user_id: String,
    user_name: Option<String>,
    /// ms since the Unix epoch.
    created_at: i64,
    /// Number of the key in force.
    key_index: u32,
    key_flags: u32,
    /// End of the key's life, ms since the Unix epoch.
    key_valid_to: i64,
    /// `issued`, `active` or `blocked`.
    key_status: String,
    /// Number of the key that waits to replace it; null when none is delayed.
    delayed_key_index: Option<u32>,
    /// Why the bank has blocked the user; null when it has not, and empty when the reason was erased.
    block_reason: Option<String>,
    /// The registered public key, SPKI DER, hex; null before the device has registered.
    public_key: Option<String>,
    /// The registered public key of the pair for automatic confirmations, likewise.
    autosign_public_key: Option<String>,
    /// `Android`, `iOS` or `Huawei`; null when no push address is registered.
    #[schema(value_type = Option<String>)]
    device_type: Option<DeviceType>,
    app_id: Option<String>,
    /// Hex; null unless the key asks for one.
    device_fingerprint: Option<String>,
}

impl From<&UserInfo> for UserEntry {
    fn from(info: &UserInfo) -> Self {
        Self {
            user_id: info.user_id.to_string(),
            user_name: info.user_name.clone(),
            created_at: info.created_at.0,
            key_index: info.key_index.0,
            key_flags: info.key_flags.bits(),
            key_valid_to: info.key_valid_to.0,
            key_status: info.key_status.clone(),
            delayed_key_index: info.delayed_key_index.map(|index| index.0),
            block_reason: info.block_reason.clone(),
            public_key: info.public_key.as_ref().map(hex::encode),
            autosign_public_key: info.autosign_public_key.as_ref().map(hex::encode),
            device_type: info.push.as_ref().map(|push| push.device_type),
            app_id: info.push.as_ref().and_then(|push| push.app_id.clone()),
            device_fingerprint: info.device_fingerprint.map(|digest| digest.to_string()),
        }
    }
}

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/users/{user_id}",
        "get_user_info",
        handle,
    )
    .says("A user's record and the state of the key")
    .looks_back()
    .answers::<UserEntry>("user_info")
    .refuses(&[
        ErrorCode::NoResult,
        ErrorCode::UserNotFound,
        ErrorCode::UserIsDeleted,
    ])
}

#[tracing::instrument(name = "gateway.get_user_info", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(mut call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.may_look_back(&gateway)?;
    let reply = gateway.ask(&call, call.user(), GetUserInfo {}).await?;
    match &reply.body {
        AnswerBody::User(info) => Ok(reply.render("user_info", &UserEntry::from(&**info))),
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use crate::testing::{SYSTEM, TestDoor, user_info};

    #[tokio::test]
    async fn a_user_reads_without_the_push_token() {
        let door = TestDoor::answering(user_info());
        let answer = door.get(&format!("/pc-api/{SYSTEM}/users/sample-1")).await;
        let entry = answer.content("user_info");
        assert_eq!(
            (&entry["device_type"], &entry["key_flags"]),
            (&"iOS".into(), &67_584.into())
        );
        assert!(!answer.json.to_string().contains("push-token"));
    }

    #[tokio::test]
    async fn a_wrong_id_is_an_unknown_user() {
        let door = TestDoor::refusing(ErrorCode::UserIsDeleted);
        let answer = door.get(&format!("/pc-api/{SYSTEM}/users/a%2Fb")).await;
        assert_eq!(answer.code(), 208);
        let answer = door.get(&format!("/pc-api/{SYSTEM}/users/sample-1")).await;
        assert_eq!((answer.status, answer.code()), (410, 209));
    }
}
