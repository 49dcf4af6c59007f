//! `POST /pc-api/{system_id}/letters/replay`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::Timestamp;
use schemas::commands::systems::{LettersOrder, OrderLetters};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// Which time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayRequest {
    /// The first moment, ms since the Unix epoch.
    from: i64,
    /// The first moment that does not count any more, ms since the Unix epoch; now when it is absent.
    until: Option<i64>,
}

/// `letters_replayed`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// The first moment, ms since the Unix epoch.
    from: i64,
    /// The first moment that does not count any more, ms since the Unix epoch.
    until: i64,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/letters/replay";
    Route::post(path, "replay_letters", handle)
        .says("Send what told of that time again, under the identities it had and in its order: for a bank that lost what it had taken. What is still owed stays as it is")
        .takes::<ReplayRequest>()
        .answers::<Replayed>("letters_replayed")
}

#[tracing::instrument(name = "gateway.replay_letters", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let ReplayRequest { from, until } = call.read()?;
    let until = until.unwrap_or_else(|| gateway.house.clock.now().0);
    if from < 0 || until <= from {
        return Err(ApiError::at("until is not after from"));
    }
    let order = LettersOrder::Replay {
        from: Timestamp(from),
        until: Timestamp(until),
    };
    let reply = gateway
        .ask(&call, call.system(), OrderLetters { order })
        .await?;
    Ok(reply.render("letters_replayed", &Replayed { from, until }))
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
}
