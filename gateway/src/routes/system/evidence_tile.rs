//! `GET /pc-api/{system_id}/evidence/tile/{tile}`: static files by the paths of C2SP `tlog-tiles`.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use schemas::ErrorCode;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/evidence/tile/{*tile}";
    Route::get(path, "evidence_tile", handle)
        .says("256 hashes of the journal's tree, or 256 of its entries, by the paths of C2SP tlog-tiles (bytes)")
        .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.evidence_tile", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let none = || ApiError::new(ErrorCode::NoResult).status(StatusCode::NOT_FOUND);
    let tile = call.ids.tile().ok_or_else(none)?;
    let bytes = gateway.house.evidence.tile(tile).await;
    let bytes = bytes.map_err(|failure| ApiError::bug("the evidence cannot be read", &failure))?;
    let mut response = Response::new(Body::from(bytes.ok_or_else(none)?));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    // What lies under such a path never changes.
    let for_ever = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, for_ever);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_tile_is_served_by_its_one_path() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/evidence/tile/");
        let answer = door.get(&format!("{path}0/x001/067.p/3")).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, "tile/0/x001/067.p/3")
        );
        assert!(
            answer
                .header("cache-control")
                .unwrap()
                .contains("immutable")
        );
        for wrong in [
            "0/67",
            "0/..%2f..%2f..%2fevidence.key",
            "9/000",
            "entries/000.p/256",
            "key",
        ] {
            let none = door.get(&format!("{path}{wrong}")).await;
            assert_eq!((none.status, none.code()), (404, 236), "{wrong}");
        }
        door.evidence.forget();
        assert_eq!(door.get(&format!("{path}0/000")).await.code(), 236);
    }
}
