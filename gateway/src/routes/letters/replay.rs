//! `POST /pc-api/{system_id}/letters/replay`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::systems::{LettersOrder, OrderLetters};
use schemas::{ErrorCode, Position, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::not_there;
use crate::call::{Call, SystemCall};
use crate::error::ApiError;
use crate::route::Route;
use crate::state::{Gateway, Shared};

/// Which time, by one of two beginnings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayRequest {
    /// The first moment, ms since the Unix epoch.
    from: Option<i64>,
    /// The event it begins with: an `X-Log-Position`, or the `event_id` of a record of the journal or of a letter. What was
    /// recorded before it, and may have been taken after it, comes too.
    from_position: Option<Place>,
    /// The first moment that does not count any more, ms since the Unix epoch; now when it is absent.
    until: Option<i64>,
}

/// Where an event lies.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Place {
    /// An `event_id`.
    EventId(i64),
    /// `<lane>-<number>`, or an `event_id` in digits.
    Text(String),
}

/// `letters_replayed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// The first moment, ms since the Unix epoch; that of the event where one was named.
    from: i64,
    /// The event it begins with, as `<lane>-<number>`; absent where none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_position: Option<String>,
    /// The first moment that does not count any more, ms since the Unix epoch.
    until: i64,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/letters/replay";
    Route::post(path, "replay_letters", handle)
        .says("Send what told of that time, or of what lies after an event, again, under the identities it had and in its order: for a bank that lost what it had taken. What is still owed stays as it is; 404 when there is no such event")
        .takes::<ReplayRequest>()
        .answers::<Replayed>("letters_replayed")
        .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.replay_letters", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let ReplayRequest {
        from,
        from_position,
        until,
    } = call.read()?;
    let now = gateway.house.clock.now().0;
    let (from, from_position, now) = match (from, from_position) {
        (Some(from), None) => (from, None, now),
        (None, Some(place)) => {
            let (position, at) = event_at(&gateway, &call, &place).await?;
            // Another process recorded it, by another clock.
            (at.0, Some(position), now.max(at.0 + 1))
        }
        _ => return Err(ApiError::at("there is not one of from and from_position")),
    };
    let until = until.unwrap_or(now);
    if from < 0 || until <= from {
        return Err(ApiError::at("until is not after from"));
    }
    let order = LettersOrder::Replay {
        from: Timestamp(from),
        from_position,
        until: Timestamp(until),
    };
    let reply = gateway
        .ask(&call, call.system(), OrderLetters { order })
        .await?;
    let answer = Replayed {
        from,
        from_position: from_position.map(|position| position.to_string()),
        until,
    };
    Ok(reply.render("letters_replayed", &answer))
}

/// The event of the system that lies there, and its moment.
async fn event_at(
    gateway: &Gateway,
    call: &Call,
    place: &Place,
) -> Result<(Position, Timestamp), ApiError> {
    let position = match place {
        Place::EventId(event_id) => Position::of_an_event(&event_id.to_string()),
        Place::Text(text) => Position::of_an_event(text),
    };
    let position =
        position.map_err(|error| ApiError::at(format_args!("from_position is {error}")))?;
    let (journal, system_id) = (&gateway.house.journal, call.ids.system_id());
    let found = journal.recorded_at(&system_id, position).await;
    let found = found.map_err(|failure| ApiError::bug("the log cannot be read", &failure))?;
    match found {
        Some(at) => Ok((position, at)),
        None => Err(not_there(gateway, call).await?),
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{NOW, SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_time_has_a_beginning_and_an_end_after_it() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/letters/replay");
        let answer = door.post(&path, &json!({ "from": 5 })).await;
        assert_eq!(answer.content("letters_replayed")["until"], NOW.0);
        let answer = door.post(&path, &json!({ "from": 5, "until": 6 })).await;
        assert_eq!(answer.content("letters_replayed")["until"], 6);
        for wrong in [
            json!({ "from": 5, "until": 5 }),
            json!({ "from": -1 }),
            json!({ "from": NOW.0 }),
            json!({ "until": 5 }),
            json!({ "from": "2026-11-26" }),
        ] {
            let answer = door.post(&path, &wrong).await;
            assert_eq!((answer.status, answer.code()), (400, 283));
        }
        assert_eq!(door.sent().len(), 2);
    }

    #[tokio::test]
    async fn an_event_of_the_system_is_a_beginning_too() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/letters/replay");
        for place in [json!("42-1"), json!(106), json!("106")] {
            let answer = door.post(&path, &json!({ "from_position": place })).await;
            let told = answer.content("letters_replayed");
            assert_eq!(told["from_position"], "42-1");
            assert_eq!(told["from"], 1_703_499_000_000_i64);
            assert_eq!(told["until"], NOW.0);
        }
        for place in ["42-2", "0-1"] {
            let answer = door.post(&path, &json!({ "from_position": place })).await;
            assert_eq!((answer.status, answer.code()), (404, 236), "{place}");
        }
        for wrong in [
            json!({ "from_position": "42-1", "from": 5 }),
            json!({ "from_position": "42-1", "until": 1_703_499_000_000_i64 }),
            json!({ "from_position": "64-1" }),
            json!({ "from_position": "42" }),
            json!({ "from_position": 42 }),
            json!({ "from_position": { "lane": 42, "number": 1 } }),
        ] {
            let answer = door.post(&path, &wrong).await;
            assert_eq!((answer.status, answer.code()), (400, 283), "{wrong}");
        }
        let words = door.sent().into_iter().map(|sent| sent.command.word());
        let (order, look) = ("order_letters", "get_letters");
        assert_eq!(words.collect::<Vec<_>>(), [order, order, order, look, look]);
    }
}
