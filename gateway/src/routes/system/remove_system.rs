//! `DELETE /pc-api/{system_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::systems::RemoveSystem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `system_removed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemRemoved {
    /// Which one.
    system_id: String,
}

pub(crate) fn route() -> Route {
    Route::delete("/pc-api/{system_id}", "remove_system", handle)
        .says("Remove a system: nothing of it is served afterwards")
        .answers::<SystemRemoved>("system_removed")
}

#[tracing::instrument(name = "gateway.remove_system", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.read_nothing()?;
    let reply = gateway.ask(&call, call.system(), RemoveSystem {}).await?;
    let system_id = call.ids.system_id().to_string();
    Ok(reply.render("system_removed", &SystemRemoved { system_id }))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_system_is_removed_with_or_without_an_empty_body() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}");
        let answer = door.delete(&path).await;
        assert_eq!(answer.content("system_removed")["system_id"], SYSTEM);
        assert_eq!(
            door.request("DELETE", &path, Some(&json!({}))).await.status,
            200
        );
        let refused = door
            .request("DELETE", &path, Some(&json!({"force": true})))
            .await;
        assert_eq!(refused.code(), 283);
    }
}
