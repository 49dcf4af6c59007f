//! `GET /pc-api/server_events`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::server::GetServerEvents;
use schemas::{ErrorCode, Owner};

use super::get_events::{Events, awaited_position, page};
use crate::call::AdministratorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::journal_filter::AskedFilter;
use crate::state::Shared;

pub(crate) fn route() -> Route {
    Route::get("/pc-api/server_events", "get_server_events", handle)
        .says("A page of the server's own journal: who read and changed its settings; for whoever administers the server")
        .asks("request_type", "only with this event word")
        .asks("result", "only with this result: 0, or the error code the caller heard")
        .asks("from", "recorded at this moment or later, ms since the Unix epoch")
        .asks("to", "recorded before this moment, ms since the Unix epoch")
        .asks("after", "only what follows the record of that number: pages that do not shift")
        .asks("offset", "skip so many")
        .asks("limit", "at most so many, 1 to 1000; 100 unless given")
        .answers::<Events>("events")
        .refuses(&[ErrorCode::HttpAuthCodeInvalid])
}

#[tracing::instrument(name = "gateway.get_server_events", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    AdministratorCall(call): AdministratorCall,
) -> Result<Response<Body>, ApiError> {
    let asked: AskedFilter = call.read_query()?;
    let filter = asked.of(Owner::Server.system_id().clone())?;
    let awaited = awaited_position(&call.headers)?;
    let reply = gateway
        .ask(&call, Owner::Server, GetServerEvents {})
        .await?;
    let events = page(&gateway, &call, &filter, awaited).await?;
    Ok(reply.render("events", &events))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use super::*;
    use crate::testing::TestDoor;

    #[tokio::test]
    async fn the_servers_journal_is_its_administrators() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let answer = door.get("/pc-api/server_events?limit=1").await;
        assert_eq!(answer.content("events")["events"][0]["event_id"], 42);
        assert_eq!(door.sent()[0].owner, Owner::Server);
        assert_eq!(door.journal.asked()[0].system_id.as_str(), "server");
        let foreign = door.from("192.0.2.1:1").get("/pc-api/server_events").await;
        assert_eq!(foreign.code(), 288);
        assert_eq!(door.get("/pc-api/server_events?limit=0").await.code(), 283);
    }
}
