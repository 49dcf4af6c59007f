//! `GET /pc-api/{system_id}/events/{event_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::journal::GetEventInfo;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// `event_info`: a record with the fields of the manual's journal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct EventRecord(Map<String, Value>);

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/events/{event_id}",
        "get_event_info",
        handle,
    )
    .says("One record of the audit journal")
    .answers::<EventRecord>("event_info")
    .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.get_event_info", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let reply = gateway.ask(&call, call.system(), GetEventInfo {}).await?;
    let journal = &gateway.house.journal;
    let record = journal
        .one(&call.ids.system_id(), call.ids.event_id())
        .await
        .map_err(|failure| ApiError::bug("the journal cannot be read", &failure))?;
    match record {
        Some(record) => Ok(reply.render("event_info", &EventRecord(record))),
        None => Err(ApiError::new(ErrorCode::NoResult).sealed(None, reply.position)),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_record_reads_by_its_number() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events/");
        let answer = door.get(&format!("{path}42")).await;
        assert_eq!(answer.content("event_info")["event_id"], 42);
        assert_eq!(door.sent()[0].command.word(), "get_event_info");
        assert_eq!(door.get(&format!("{path}43")).await.code(), 236);
        assert_eq!(door.get(&format!("{path}x")).await.code(), 283);
    }
}
