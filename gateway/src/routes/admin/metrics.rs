//! `GET /metrics`, and the same under the path the manual's product has.

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use schemas::ErrorCode;

use crate::context::Connection;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get("/metrics", "metrics", handle)
        .says("Metrics in the Prometheus text format; only for this machine unless a separate listener serves them")
        .refuses(&[ErrorCode::NotSupported])
}

pub(crate) fn actuator_route() -> Route {
    Route::get("/actuator/prometheus", "actuator_prometheus", handle)
        .says("The same as /metrics")
        .refuses(&[ErrorCode::NotSupported])
}

async fn handle(
    State(gateway): State<Shared>,
    Extension(connection): Extension<Connection>,
) -> Result<impl IntoResponse, ApiError> {
    // On the doors' own listener numbers about the house are nobody else's business.
    if gateway.options.operations_address.is_none() && !connection.is_local() {
        return Err(ApiError::new(ErrorCode::NotSupported));
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, (gateway.options.render_metrics)()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn metrics_are_shown_to_this_machine_only() {
        let door = TestDoor::with_options(|options| {
            options.render_metrics = Arc::new(|| "http_requests_total 1\n".to_owned());
        });
        let answer = door.get("/metrics").await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, "http_requests_total 1\n")
        );
        let answer = door
            .from("192.0.2.7:4000")
            .get("/actuator/prometheus")
            .await;
        assert_eq!((answer.status, answer.code()), (404, 289));
    }
}
