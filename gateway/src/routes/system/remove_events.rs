//! `DELETE /pc-api/{system_id}/events`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::journal::RemoveEvents;
use schemas::{ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    to: Option<i64>,
}

/// `events_removed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsRemoved {}

pub(crate) fn route() -> Route {
    Route::delete("/pc-api/{system_id}/events", "remove_events", handle)
        .says("Remove the system's records from the journal; only with ALLOW_EVENTS_REMOVE=1. The log keeps them")
        .asks("to", "only what was recorded before this moment, ms since the Unix epoch; now unless given")
        .answers::<EventsRemoved>("events_removed")
        .refuses(&[ErrorCode::EventsRemovementIsNotAllowed])
}

#[tracing::instrument(name = "gateway.remove_events", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.read_nothing()?;
    let Which { to } = call.read_query()?;
    let before = to.map(Timestamp);
    let reply = gateway
        .ask(&call, call.system(), RemoveEvents { before })
        .await?;
    Ok(reply.render("events_removed", &EventsRemoved {}))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::journal::JournalCommand;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn the_system_is_asked_to_remove_its_records() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events");
        for (query, before) in [("", None), ("?to=7", Some(Timestamp(7)))] {
            let answer = door.delete(&format!("{path}{query}")).await;
            answer.content("events_removed");
            let sent = door.sent().pop().unwrap();
            let Command::Journal(JournalCommand::Remove(command)) = sent.command else {
                panic!("another command was sent");
            };
            assert_eq!(command.before, before);
        }
        assert_eq!(door.delete(&format!("{path}?from=1")).await.code(), 283);
        let refusing = TestDoor::refusing(ErrorCode::EventsRemovementIsNotAllowed);
        let answer = refusing.delete(&path).await;
        assert_eq!((answer.status, answer.code()), (403, 348));
    }
}
