//! `GET /pc-api/{system_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::answers::AnswerBody;
use schemas::commands::systems::GetSystemInfo;

use super::system_entry::SystemEntry;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get("/pc-api/{system_id}", "get_system_info", handle)
        .says("A system's parameters")
        .answers::<SystemEntry<'_>>("system_info")
}

#[tracing::instrument(name = "gateway.get_system_info", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let reply = gateway.ask(&call, call.system(), GetSystemInfo {}).await?;
    match &reply.body {
        AnswerBody::System(info) => Ok(reply.render("system_info", &SystemEntry::of(info))),
        _ => Err(reply.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use crate::testing::{SYSTEM, TestDoor, system_info};

    #[tokio::test]
    async fn a_system_reads_in_the_manual_s_fields() {
        let door = TestDoor::answering(system_info());
        let answer = door.get(&format!("/pc-api/{SYSTEM}")).await;
        let entry = answer.content("system_info");
        assert_eq!(entry["license"]["licenses"], serde_json::json!([]));
        assert_eq!(entry["is_deleted"], false);
        assert!(entry.get("webhook").is_none());
        assert_eq!(answer.header("x-log-position"), Some("3-7"));
    }

    #[tokio::test]
    async fn a_wrong_id_and_a_refusal_keep_their_codes() {
        let door = TestDoor::refusing(ErrorCode::SystemIsDeleted);
        assert_eq!(door.get("/pc-api/nonsense").await.code(), 202);
        let answer = door.get(&format!("/pc-api/{SYSTEM}")).await;
        assert_eq!((answer.status, answer.code()), (410, 204));
    }
}
