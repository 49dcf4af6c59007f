//! `POST .../fingerprint`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::devices::SetFingerprint;

use super::{Done, hex_digest};
use crate::call::{MobileCall, device_request};
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

device_request! {
    /// Binds the user to the device.
    FingerprintRequest {
        /// 32 bytes, hex.
        #[schema(value_type = String)]
        device_fingerprint: Option<String>,
    }
}

pub(crate) fn route() -> Route {
    Route::post(
        "/pc-client-api/v1/{system_id}/users/{user_id}/fingerprint",
        "device_fingerprint",
        handle,
    )
    .says("Bind the user to the device: its fingerprint then enters every confirmation code")
    .takes::<FingerprintRequest>()
    .answers::<Done>("fingerprint_set")
    .refuses(&[
        ErrorCode::FprintIsEmpty,
        ErrorCode::FprintIsNotEmpty,
        ErrorCode::TimeSyncError,
    ])
}

#[tracing::instrument(name = "gateway.device_fingerprint", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    MobileCall(mut call): MobileCall,
) -> Result<Response<Body>, ApiError> {
    let request: FingerprintRequest = call.read_device()?;
    let text = request
        .device_fingerprint
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::new(ErrorCode::FprintIsEmpty))?;
    let device_fingerprint = hex_digest("device_fingerprint", &text)?;
    let reply = gateway
        .ask(&call, call.user(), SetFingerprint { device_fingerprint })
        .await?;
    Ok(reply.render("fingerprint_set", &Done {}))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn a_device_is_bound() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let body = json!({"device_fingerprint": "0f".repeat(32)});
        assert_eq!(
            door.device("fingerprint", &body)
                .await
                .content("fingerprint_set"),
            &json!({})
        );
        for (body, code) in [
            (json!({}), 238),
            (json!({"device_fingerprint": "0f"}), 283),
            (json!({"device_fingerprint": "0F".repeat(32)}), 283),
        ] {
            assert_eq!(
                door.device("fingerprint", &body).await.code(),
                code,
                "{body}"
            );
        }
    }
}
