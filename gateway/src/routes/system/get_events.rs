//! `GET /pc-api/{system_id}/events`

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use schemas::commands::journal::GetEvents;
use schemas::{ErrorCode, Position};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::answer::LOG_POSITION;
use crate::call::{Call, SystemCall};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::journal_filter::AskedFilter;
use crate::state::{Gateway, Shared};
use schemas::journal::JournalFilter;

/// A whole system's past is more than an answer may take.
const WHOLE_SYSTEM: &str = "as_of needs user_id; the past of a whole system is made by the operator: countersign replay --into";

/// `events`.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Events {
    /// The records, oldest first.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Map<String, Value>>,
    /// So many were skipped.
    offset: u64,
    /// At most so many were asked for.
    limit: u32,
    /// Ask with this as `after` for the records that follow; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

pub(crate) fn route() -> Route {
    Route::get("/pc-api/{system_id}/events", "get_events", handle)
        .says("A page of the audit journal; the header X-Log-Position waits for that event, at most a second")
        .asks("user_id", "only about this user")
        .asks("request_type", "only with this event word")
        .asks("transaction_id", "only about this transaction")
        .asks("result", "only with this result: 0, or the error code the caller heard")
        .asks("from", "recorded at this moment or later, ms since the Unix epoch")
        .asks("to", "recorded before this moment, ms since the Unix epoch")
        .asks("after", "only what follows the record of that number: pages that do not shift")
        .asks("offset", "skip so many")
        .asks("limit", "at most so many, 1 to 1000; 100 unless given")
        .looks_back()
        .answers::<Events>("events")
        .refuses(&[ErrorCode::NoResult, ErrorCode::NotSupported, ErrorCode::UserNotFound, ErrorCode::TransactionIsNull])
}

#[tracing::instrument(name = "gateway.get_events", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(mut call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let mut asked: AskedFilter = call.read_query()?;
    call.look_back(&gateway, asked.as_of.take().as_deref())?;
    let filter = asked.of(call.ids.system_id())?;
    let awaited = awaited_position(&call.headers)?;
    if call.context.as_of.is_some() && filter.user_id.is_none() {
        return Err(ApiError::because(ErrorCode::NotSupported, WHOLE_SYSTEM));
    }
    // The look is in the journal before anything is shown.
    let reply = gateway.ask(&call, call.system(), GetEvents {}).await?;
    let events = page(&gateway, &call, &filter, awaited).await?;
    Ok(reply.render("events", &events))
}

/// A page of the journal, once it shows the event that is awaited.
pub(crate) async fn page(
    gateway: &Gateway,
    call: &Call,
    filter: &JournalFilter,
    awaited: Option<Position>,
) -> Result<Events, ApiError> {
    let journal = &gateway.house.journal;
    if let Some(position) = awaited {
        let wait = gateway.options.limits.journal_wait;
        let shown = journal.wait_for(position, wait).await;
        tracing::debug!(shown, "waited for the journal");
    }
    let failed = |failure| ApiError::bug("the journal cannot be read", &failure);
    let events = match (call.context.as_of, &filter.user_id) {
        (Some(as_of), Some(user_id)) => {
            let found = journal.page_as_of(user_id, as_of, filter).await;
            let found = found.map_err(failed)?;
            found.ok_or_else(|| ApiError::new(ErrorCode::NoResult))?
        }
        _ => journal.page(filter).await.map_err(failed)?,
    };
    let last = events.last().and_then(|record| record["event_id"].as_i64());
    Ok(Events {
        next: last.filter(|_| events.len() == filter.limit as usize),
        events,
        offset: filter.offset,
        limit: filter.limit,
    })
}

/// The event the caller wants to see reflected.
pub(crate) fn awaited_position(headers: &HeaderMap) -> Result<Option<Position>, ApiError> {
    let Some(value) = headers.get(LOG_POSITION) else {
        return Ok(None);
    };
    let position = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || {
        ApiError::because(
            ErrorCode::RequestError,
            "X-Log-Position is not <lane>-<number>",
        )
    };
    position.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn the_look_is_journaled_and_then_the_page_is_shown() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events");
        let query = "user_id=sample-1&request_type=confirm_transaction&result=232&from=1&to=2&after=5&offset=3&limit=1";
        let answer = door
            .with("x-log-position", "17-4211")
            .get(&format!("{path}?{query}"))
            .await;
        let page = answer.content("events");
        assert_eq!((&page["offset"], &page["limit"]), (&3.into(), &1.into()));
        assert_eq!(page["next"], 42);
        assert_eq!(page["events"][0]["event_id"], 42);
        assert_eq!(door.sent()[0].command.word(), "get_events");
        assert_eq!(door.journal.waited(), ["17-4211"]);
        let filter = door.journal.asked().remove(0);
        assert_eq!(filter.system_id.as_str(), SYSTEM);
        assert_eq!((filter.request_result, filter.after), (Some(232), Some(5)));
        assert_eq!(
            filter.user_id.map(String::from).as_deref(),
            Some("sample-1")
        );
    }

    #[tokio::test]
    async fn a_wrong_filter_is_refused() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events");
        for (query, code) in [
            ("limit=0", 283),
            ("limit=1001", 283),
            ("limit=x", 283),
            ("result=x", 283),
            ("after=x", 283),
            ("offset=-1", 283),
            ("offset=9223372036854775808", 283),
            ("request_type=%27%20or%201", 283),
            ("user_id=a%20b", 208),
            ("transaction_id=%2F", 231),
            ("sort=x", 283),
            ("as_of=2023-12-25T10:14:27Z", 289),
            ("as_of=2100-01-01&user_id=sample-1", 283),
        ] {
            assert_eq!(
                door.get(&format!("{path}?{query}")).await.code(),
                code,
                "{query}"
            );
        }
        assert_eq!(
            door.with("x-log-position", "64-1").get(&path).await.code(),
            219
        );
    }
}
