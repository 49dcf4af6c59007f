//! `POST .../events`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::devices::{DeviceReport, ReportDevice};

use serde_json::value::RawValue;

use super::Done;
use crate::call::{MobileCall, device_request};
use crate::device_info;
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
        /// What belongs to the report, for example the harmful applications: an object of at most 16 KiB. Kept as device
        /// information is.
        #[schema(value_type = Option<Object>)]
        event_data: Option<Box<RawValue>>,
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
    if let Some(data) = request.event_data {
        device_info::check_event_data(&data)?;
        call.private.event_data = Some(data.get().to_owned());
    }
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
        let data = json!({"apps": ["a.b"]});
        let body = json!({
            "type": "root_detected", "device_info": info, "device_time": 1, "event_data": data,
        });
        assert_eq!(
            door.device("events", &body).await.content("reported"),
            &json!({})
        );
        let private = &door.sent()[0].private;
        assert_eq!(
            private.device_info.as_deref(),
            Some(info.to_string().as_str())
        );
        assert_eq!(
            private.event_data.as_deref(),
            Some(data.to_string().as_str())
        );
        for body in [
            json!({}),
            json!({"type": "root_detected", "event_data": []}),
            json!({"type": "root_detected", "device_info": {"device": {"root": "1"}}}),
            json!({"type": "x"}),
            json!({"type": "root_detected", "device_info": "x"}),
            json!({"type": "root_detected", "device_info": {"a": "x".repeat(16_384)}}),
            json!({"type": "root_detected", "session_id": "é"}),
        ] {
            assert_eq!(door.device("events", &body).await.code(), 283);
        }
    }
}
