//! `GET /health/live`, `/health/ready`, and the same under the paths the manual's product has.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::route::Route;
use crate::state::Shared;

/// The words of Spring's actuator, which monitoring made for the manual's product expects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `UP` or `DOWN`.
    status: &'static str,
}

pub(crate) fn live() -> Route {
    Route::get("/health/live", "health_live", handle_live)
        .says("Whether the process serves requests")
}

pub(crate) fn ready() -> Route {
    Route::get("/health/ready", "health_ready", handle_ready)
        .says("Whether the house behind the doors can serve; 503 when not")
}

pub(crate) fn actuator_liveness() -> Route {
    Route::get(
        "/actuator/health/liveness",
        "actuator_liveness",
        handle_live,
    )
    .says("The same as /health/live")
}

pub(crate) fn actuator_readiness() -> Route {
    Route::get(
        "/actuator/health/readiness",
        "actuator_readiness",
        handle_ready,
    )
    .says("The same as /health/ready")
}

async fn handle_live() -> Json<Health> {
    Json(Health { status: "UP" })
}

async fn handle_ready(State(gateway): State<Shared>) -> (StatusCode, Json<Health>) {
    if (gateway.options.is_ready)() {
        (StatusCode::OK, Json(Health { status: "UP" }))
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(Health { status: "DOWN" }),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use schemas::answers::AnswerBody;

    use crate::testing::TestDoor;

    #[tokio::test]
    async fn readiness_follows_the_house() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for path in [
            "/health/live",
            "/health/ready",
            "/actuator/health/liveness",
            "/actuator/health/readiness",
        ] {
            let answer = door.get(path).await;
            assert_eq!(
                (answer.status, &answer.json["status"]),
                (200, &"UP".into()),
                "{path}"
            );
        }
        let door = TestDoor::with_options(|options| options.is_ready = Arc::new(|| false));
        assert_eq!(door.get("/health/ready").await.status, 503);
        assert_eq!(door.get("/health/live").await.status, 200);
    }
}
