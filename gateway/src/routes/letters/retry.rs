//! `POST /pc-api/{system_id}/letters/retry`

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

/// Which letters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// That one; all that were put aside when it is absent.
    #[schema(value_type = Option<String>)]
    letter_id: Option<LetterId>,
}

/// `letters_retried`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Retried {
    /// How many were put aside when this was ordered.
    letters: u64,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/letters/retry";
    Route::post(path, "retry_letters", handle)
        .says("Give letters that were put aside another round of attempts, and receivers that were gone another chance; 404 when there is no such letter")
        .takes::<RetryRequest>()
        .answers::<Retried>("letters_retried")
        .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.retry_letters", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let RetryRequest { letter_id } = call.read()?;
    let letters = wanted(&gateway, &call, letter_id.as_ref()).await?;
    let order = LettersOrder::Retry { letter_id };
    let reply = gateway
        .ask(&call, call.system(), OrderLetters { order })
        .await?;
    Ok(reply.render("letters_retried", &Retried { letters }))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::systems::SystemCommand;
    use serde_json::json;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn all_or_one_or_one_that_is_not_there() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/letters/retry");
        let answer = door.post(&path, &json!({})).await;
        assert_eq!(answer.content("letters_retried")["letters"], 3);
        let one = json!({ "letter_id": "msg_2" });
        let answer = door.post(&path, &one).await;
        assert_eq!(answer.content("letters_retried")["letters"], 1);
        let answer = door.post(&path, &json!({ "letter_id": "msg_9" })).await;
        assert_eq!((answer.status, answer.code()), (404, 236));
        for wrong in [json!({ "letter_id": "" }), json!({ "id": "msg_1" })] {
            let answer = door.post(&path, &wrong).await;
            assert_eq!((answer.status, answer.code()), (400, 283));
        }
        let orders = door.sent().into_iter().map(|sent| sent.command);
        let orders = orders.filter(|command| command.word() == "order_letters");
        let retry = |letter_id: Option<LetterId>| {
            let order = LettersOrder::Retry { letter_id };
            Command::Systems(SystemCommand::OrderLetters(OrderLetters { order }))
        };
        let expected = [retry(None), retry("msg_2".parse().ok())];
        assert_eq!(orders.collect::<Vec<_>>(), expected);
    }
}
