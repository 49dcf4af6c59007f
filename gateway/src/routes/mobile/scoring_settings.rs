//! `POST .../scoring/settings`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::devices::GetScoringSettings;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::PlainDeviceRequest;
use crate::call::MobileCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `scoring_settings`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScoringSettings {
    /// What the scoring service's library on the device needs: any object.
    application: Map<String, Value>,
}

pub(crate) fn route() -> Route {
    let path = "/pc-client-api/v1/{system_id}/users/{user_id}/scoring/settings";
    Route::post(path, "device_scoring_settings", handle)
        .says("What the scoring service's library on the device needs")
        .takes::<PlainDeviceRequest>()
        .answers::<ScoringSettings>("scoring_settings")
        .refuses(&[
            ErrorCode::NotSupported,
            ErrorCode::ScoringSettingsIsNull,
            ErrorCode::ServerScoringSettingsIncorrect,
        ])
}

#[tracing::instrument(name = "gateway.device_scoring_settings", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let _: PlainDeviceRequest = call.read_device()?;
    let reply = gateway
        .ask(&call, call.user(), GetScoringSettings {})
        .await?;
    let application = match &reply.body {
        AnswerBody::ScoringSettings { application } => serde_json::from_str(application).ok(),
        _ => None,
    };
    let application = application.ok_or_else(|| reply.unexpected())?;
    Ok(reply.render("scoring_settings", &ScoringSettings { application }))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn the_application_s_part_is_handed_on_as_it_is() {
        let application = r#"{"site":{"id":7}}"#.to_owned();
        let door = TestDoor::answering(AnswerBody::ScoringSettings { application });
        let answer = door.device("scoring/settings", &json!({})).await;
        let content = answer.content("scoring_settings");
        assert_eq!(content, &json!({ "application": { "site": { "id": 7 } } }));
        let door = TestDoor::answering(AnswerBody::Nothing);
        let answer = door.device("scoring/settings", &json!({})).await;
        assert_eq!(answer.code(), 100);
    }
}
