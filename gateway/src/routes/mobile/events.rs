//! `POST .../events`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::devices::{DeviceReport, ReportDevice};

use super::Done;
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

device_request! {
    /// A fact the device noticed about itself.
    EventsRequest {
        /// `key_deleted`, `root_detected`, `high_risk_apps_detected`, `password_incorrect`, `password_correct` or
        /// `password_changed`.
        #[schema(value_type = String)]
        r#type: DeviceReport,
    }
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/events",
        "device_events",
        handle,
    )
    .says("Report what the device noticed about itself")
    .takes::<EventsRequest>()
    .answers::<Done>("reported")
    .refuses(&[ErrorCode::TimeSyncError])
}

#[tracing::instrument(name = "gateway.device_events", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: EventsRequest = call.read_device()?;
    let report = request.r#type;
    let reply = gateway
        .ask(&call, call.user(), ReportDevice { report })
        .await?;
    Ok(reply.render("reported", &Done {}))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn a_device_reports_in_the_manual_s_words() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let info = json!({"osName": "iOS", "device": {"root": 1}});
        let body = json!({"type": "root_detected", "device_info": info, "device_time": 1});
        assert_eq!(
            door.device("events", &body).await.content("reported"),
            &json!({})
        );
        let private = &door.sent()[0].private;
        assert_eq!(
            private.device_info.as_deref(),
            Some(info.to_string().as_str())
        );
        for body in [
            json!({}),
            json!({"type": "x"}),
            json!({"type": "root_detected", "device_info": "x"}),
            json!({"type": "root_detected", "device_info": {"a": "x".repeat(16_384)}}),
            json!({"type": "root_detected", "session_id": "é"}),
        ] {
            assert_eq!(door.device("events", &body).await.code(), 283);
        }
    }
}
