//! `GET /pc-api/{system_id}/evidence/checkpoint`
//!
//! Ours; a C2SP `tlog-tiles` client takes `/pc-api/{system_id}/evidence` as its prefix. Nothing here is about anybody, so a
//! look leaves no record in the journal.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemas::ErrorCode;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/evidence/checkpoint";
    Route::get(path, "evidence_checkpoint", handle)
        .says("The newest signed checkpoint of the journal, as a signed note (text)")
        .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.evidence_checkpoint", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(_): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let signed = gateway.house.evidence.checkpoint().await;
    let signed =
        signed.map_err(|failure| ApiError::bug("the evidence cannot be read", &failure))?;
    let none = || ApiError::new(ErrorCode::NoResult).status(StatusCode::NOT_FOUND);
    let mut response = Response::new(Body::from(signed.ok_or_else(none)?));
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{FakeEvidence, SYSTEM, TestDoor};

    #[tokio::test]
    async fn the_checkpoint_is_served_as_it_was_signed() {
        let path = format!("/pc-api/{SYSTEM}/evidence/checkpoint");
        let door = TestDoor::answering(AnswerBody::Nothing);
        let answer = door.get(&path).await;
        assert_eq!(
            (answer.status, answer.text),
            (200, FakeEvidence::checkpoint_text())
        );
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        door.evidence.forget();
        let none = door.get(&path).await;
        assert_eq!((none.status, none.code()), (404, 236));
        assert!(door.sent().is_empty());
    }
}
