//! `GET /pc-api/{system_id}/events`

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use schemas::commands::journal::GetEvents;
use schemas::{ErrorCode, Position, SystemId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::answer::LOG_POSITION;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::journal::JournalFilter;
use crate::route::Route;
use crate::state::Shared;

/// Records of a page unless asked otherwise.
const LIMIT: u32 = 100;
/// Most records of a page.
const LIMIT_MAX: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    user_id: Option<String>,
    request_type: Option<String>,
    transaction_id: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    offset: Option<u64>,
    limit: Option<u32>,
}

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
}

pub(crate) fn route() -> Route {
    Route::get("/pc-api/{system_id}/events", "get_events", handle)
        .says("A page of the audit journal; the header X-Log-Position waits for that event, at most a second")
        .asks("user_id", "only about this user")
        .asks("request_type", "only with this event word")
        .asks("transaction_id", "only about this transaction")
        .asks("from", "recorded at this moment or later, ms since the Unix epoch")
        .asks("to", "recorded before this moment, ms since the Unix epoch")
        .asks("offset", "skip so many")
        .asks("limit", "at most so many, 1 to 1000; 100 unless given")
        .answers::<Events>("events")
        .refuses(&[ErrorCode::UserNotFound, ErrorCode::TransactionIsNull])
}

#[tracing::instrument(name = "gateway.get_events", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let filter = filter(call.ids.system_id(), call.read_query()?)?;
    let awaited = awaited_position(&call.headers)?;
    // The look is in the journal before anything is shown.
    let reply = gateway.ask(&call, call.system(), GetEvents {}).await?;
    let journal = &gateway.house.journal;
    if let Some(position) = awaited {
        let shown = journal
            .wait_for(position, gateway.options.limits.journal_wait)
            .await;
        tracing::debug!(shown, "waited for the journal");
    }
    let events = journal
        .page(&filter)
        .await
        .map_err(|failure| ApiError::bug("the journal cannot be read", &failure))?;
    let (offset, limit) = (filter.offset, filter.limit);
    Ok(reply.render(
        "events",
        &Events {
            events,
            offset,
            limit,
        },
    ))
}

fn filter(system_id: SystemId, asked: Filter) -> Result<JournalFilter, ApiError> {
    let is_word = |word: &str| {
        let word_byte = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=64).contains(&word.len()) && word.bytes().all(word_byte)
    };
    if asked
        .request_type
        .as_deref()
        .is_some_and(|word| !is_word(word))
    {
        return Err(ApiError::at("request_type is not an event word"));
    }
    let limit = asked.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::at("limit is not 1 to 1000"));
    }
    let offset = asked.offset.unwrap_or_default();
    if i64::try_from(offset).is_err() {
        return Err(ApiError::at("offset is too large"));
    }
    let user_id = asked.user_id.map(|text| text.parse());
    let transaction_id = asked.transaction_id.map(|text| text.parse());
    Ok(JournalFilter {
        system_id,
        user_id: user_id
            .transpose()
            .map_err(|_| ApiError::new(ErrorCode::UserNotFound))?,
        transaction_id: transaction_id
            .transpose()
            .map_err(|_| ApiError::new(ErrorCode::TransactionIsNull))?,
        request_type: asked.request_type,
        from: asked.from.map(Timestamp),
        to: asked.to.map(Timestamp),
        offset,
        limit,
    })
}

/// The event the caller wants to see reflected.
fn awaited_position(headers: &HeaderMap) -> Result<Option<Position>, ApiError> {
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
        let query =
            "user_id=sample-1&request_type=confirm_transaction&from=1&to=2&offset=3&limit=4";
        let answer = door
            .with("x-log-position", "17-4211")
            .get(&format!("{path}?{query}"))
            .await;
        let page = answer.content("events");
        assert_eq!((&page["offset"], &page["limit"]), (&3.into(), &4.into()));
        assert_eq!(page["events"][0]["event_id"], 42);
        assert_eq!(door.sent()[0].command.word(), "get_events");
        assert_eq!(door.journal.waited(), ["17-4211"]);
        let filter = door.journal.asked().remove(0);
        assert_eq!(filter.system_id.as_str(), SYSTEM);
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
            ("offset=-1", 283),
            ("offset=9223372036854775808", 283),
            ("request_type=%27%20or%201", 283),
            ("user_id=a%20b", 208),
            ("transaction_id=%2F", 231),
            ("sort=x", 283),
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
