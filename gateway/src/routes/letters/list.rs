//! `GET /pc-api/{system_id}/letters`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::systems::GetLetters;
use schemas::{LetterId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::unreadable;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::letters::LetterPutAside;
use crate::route::Route;
use crate::state::Shared;

/// Letters of a page unless asked otherwise.
const LIMIT: u32 = 100;
/// Most letters of a page.
const LIMIT_MAX: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    after: Option<String>,
    limit: Option<u32>,
}

/// `letters`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Letters {
    /// Those that were put aside, the oldest first.
    letters: Vec<Letter>,
    /// Ask with this as `after` for those that follow; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A letter that was put aside.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Letter {
    /// The `webhook-id` that it has, however often it is sent.
    letter_id: String,
    /// `callback`, `operation_callback`, `user_callback` or `events_post`.
    kind: String,
    /// Scheme, host and port it goes to; empty when the address could not be read.
    endpoint: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was written, ms since the Unix epoch.
    created_at: i64,
    /// The status of the last answer; null without one.
    status: Option<u16>,
    /// Why it was put aside.
    reason: String,
}

pub(crate) fn route() -> Route {
    Route::get("/pc-api/{system_id}/letters", "get_letters", handle)
        .says("Callbacks and event posts that were put aside: their receivers did not take them")
        .asks(
            "after",
            "only what follows the page that told this as `next`",
        )
        .asks("limit", "at most so many, 1 to 1000; 100 unless given")
        .answers::<Letters>("letters")
}

#[tracing::instrument(name = "gateway.get_letters", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let asked: Asked = call.read_query()?;
    let limit = asked.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::at("limit is not 1 to 1000"));
    }
    let after = asked.after.map(|text| place(&text)).transpose()?;
    let reply = gateway.ask(&call, call.system(), GetLetters {}).await?;
    let system_id = call.ids.system_id();
    let letters = gateway.house.letters.put_aside(&system_id, after, limit);
    let letters = letters.await.map_err(|failure| unreadable(&failure))?;
    let is_full = letters.len() == limit as usize;
    let answer = Letters {
        next: letters.last().filter(|_| is_full).map(name_of_place),
        letters: letters.into_iter().map(Letter::from).collect(),
    };
    Ok(reply.render("letters", &answer))
}

/// Where the letters are that follow this one.
fn name_of_place(letter: &LetterPutAside) -> String {
    format!("{}.{}", letter.created_at.0, letter.letter_id)
}

fn place(text: &str) -> Result<(Timestamp, LetterId), ApiError> {
    let parse = || {
        let (created_at, letter_id) = text.split_once('.')?;
        let created_at = created_at.parse().ok()?;
        Some((Timestamp(created_at), letter_id.parse().ok()?))
    };
    parse().ok_or_else(|| ApiError::at("after is not what a page told as next"))
}

impl From<LetterPutAside> for Letter {
    fn from(letter: LetterPutAside) -> Self {
        Self {
            letter_id: letter.letter_id.to_string(),
            kind: letter.kind,
            endpoint: letter.endpoint,
            attempts: letter.attempts,
            created_at: letter.created_at.0,
            status: letter.status,
            reason: letter.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn pages_follow_each_other() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/letters?limit=2");
        let first = door.get(&path).await;
        let page = first.content("letters");
        assert_eq!(page["letters"][0]["letter_id"], "msg_1");
        assert_eq!(page["letters"][0]["status"], 503);
        let next = page["next"].as_str().unwrap();
        let second = door.get(&format!("{path}&after={next}")).await;
        let page = second.content("letters");
        assert_eq!(page["letters"][0]["letter_id"], "msg_3");
        assert!(page["next"].is_null());
        assert_eq!(door.sent()[0].command.word(), "get_letters");
    }

    #[tokio::test]
    async fn a_page_has_a_size_and_a_place() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        for query in [
            "limit=0",
            "limit=1001",
            "after=1",
            "after=x.msg_1",
            "after=1.%20",
            "from=1",
        ] {
            let answer = door.get(&format!("/pc-api/{SYSTEM}/letters?{query}")).await;
            assert_eq!((answer.status, answer.code()), (400, 283), "{query}");
        }
        assert_eq!(door.sent().len(), 0);
    }
}
