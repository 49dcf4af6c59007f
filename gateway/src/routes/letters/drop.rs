//! `POST /pc-api/{system_id}/letters/drop`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::systems::{LettersOrder, OrderLetters};
use schemas::{ErrorCode, LetterId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wanted;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

/// Which letter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DropRequest {
    /// One that was put aside.
    #[schema(value_type = String)]
    letter_id: LetterId,
}

/// `letter_dropped`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dropped {
    /// Which one.
    letter_id: String,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/letters/drop";
    Route::post(path, "drop_letter", handle)
        .says("Forget a letter that was put aside: it is never sent; 404 when there is no such letter")
        .takes::<DropRequest>()
        .answers::<Dropped>("letter_dropped")
        .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.drop_letter", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let DropRequest { letter_id } = call.read()?;
    wanted(&gateway, &call, Some(&letter_id)).await?;
    let answer = Dropped {
        letter_id: letter_id.to_string(),
    };
    let order = LettersOrder::Drop { letter_id };
    let reply = gateway
        .ask(&call, call.system(), OrderLetters { order })
        .await?;
    Ok(reply.render("letter_dropped", &answer))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use serde_json::json;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn one_that_is_there_is_dropped() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/letters/drop");
        let answer = door.post(&path, &json!({ "letter_id": "msg_1" })).await;
        assert_eq!(answer.content("letter_dropped")["letter_id"], "msg_1");
        let answer = door.post(&path, &json!({ "letter_id": "msg_9" })).await;
        assert_eq!((answer.status, answer.code()), (404, 236));
        let answer = door.post(&path, &json!({})).await;
        assert_eq!((answer.status, answer.code()), (400, 283));
        let words = door.sent().into_iter().map(|sent| sent.command.word());
        // An order about a letter that is not there is a look.
        assert_eq!(words.collect::<Vec<_>>(), ["order_letters", "get_letters"]);
    }
}
