//! `GET /pc-pusher-api/status/{push_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Reply;
use crate::call::AdministratorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `push_status`
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushStatus {
    /// Identity of the push.
    push_id: String,
    /// `queued`, `again` (its sender should send it again), `sent` or `failed`.
    status: &'static str,
    /// The first message that was not tried to an end.
    next: u32,
    /// Messages that were taken.
    taken: u32,
    /// Why it does not stand better; null when there is nothing to say.
    reason: Option<&'static str>,
    /// `token_gone`, `refused`, `late`, `no_credentials` or `no_template`; null unless it failed.
    failure: Option<&'static str>,
    /// How long to wait before it is sent again, ms; null when the service did not say.
    retry_after_ms: Option<i64>,
    /// Targets whose push service knows the token no more.
    gone: Vec<GoneTarget>,
}

/// A target whose push service knows the token no more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GoneTarget {
    /// Its place among the targets, from 0.
    target: usize,
    /// Since when, ms since the Unix epoch; null when the service did not say.
    since: Option<i64>,
}

pub(crate) fn route() -> Route {
    Route::get("/pc-pusher-api/status/{push_id}", "push_status", handle)
        .says("What became of a push")
        .answers::<PushStatus>("push_status")
        .refuses(&[ErrorCode::PushNotFound, ErrorCode::NotSupported])
}

/// The same without an identity: the manual has an error for it.
pub(crate) fn nameless() -> Route {
    Route::get(
        "/pc-pusher-api/status/",
        "push_status_of_none",
        handle_nameless,
    )
    .says("Nothing: the identity is missing")
    .refuses(&[ErrorCode::PushIdIsNull])
}

#[tracing::instrument(name = "gateway.push_status", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    AdministratorCall(call): AdministratorCall,
) -> Result<Response<Body>, ApiError> {
    let desk = gateway.house.pushes.as_ref();
    let desk = desk.ok_or_else(|| ApiError::new(ErrorCode::NotSupported))?;
    let push_id = call.ids.push_id();
    let standing = desk.standing(push_id);
    let standing = standing.ok_or_else(|| ApiError::new(ErrorCode::PushNotFound))?;
    let gone = standing.gone.iter().map(|(target, since)| GoneTarget {
        target: *target,
        since: since.map(|since| since.0),
    });
    let status = PushStatus {
        push_id: push_id.to_owned(),
        status: standing.status,
        next: standing.progress.0,
        taken: standing.progress.1,
        reason: standing.reason,
        failure: standing.failure,
        retry_after_ms: standing.asked_ms,
        gone: gone.collect(),
    };
    let reply = Reply {
        seal: None,
        position: None,
        body: AnswerBody::Nothing,
    };
    Ok(reply.render("push_status", &status))
}

async fn handle_nameless(AdministratorCall(_): AdministratorCall) -> ApiError {
    ApiError::new(ErrorCode::PushIdIsNull)
}

#[cfg(test)]
mod tests {
    use crate::testing::TestDoor;

    #[tokio::test]
    async fn nobody_knows_a_push_that_never_was() {
        let door = TestDoor::with_options(|_| {});
        let answer = door.get("/pc-pusher-api/status/push_1").await;
        assert_eq!((answer.status, answer.code()), (400, 297));
        let answer = door.get("/pc-pusher-api/status/").await;
        assert_eq!((answer.status, answer.code()), (400, 265));
    }
}
