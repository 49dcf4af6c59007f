//! `GET /pc-api/{system_id}/letters/receivers`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::commands::systems::GetLetters;
use serde::Serialize;
use utoipa::ToSchema;

use super::unreadable;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::letters::EndpointHealth;
use crate::route::Route;
use crate::state::Shared;

/// `letter_receivers`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receivers {
    /// Those that something was sent to within a week, or is to be.
    endpoints: Vec<Endpoint>,
    /// Those that answered 410: nothing is sent there before one of its letters is sent again.
    gone: Vec<Gone>,
}

/// How an endpoint is.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct Endpoint {
    /// Scheme, host and port.
    endpoint: String,
    /// Letters to be sent, now or later.
    owed: u64,
    /// Letters that were put aside.
    put_aside: u64,
    /// Letters that were taken within the last week.
    taken: u64,
    /// Since when the oldest of those to be sent is there, ms since the Unix epoch; null without one.
    oldest_owed_at: Option<i64>,
    /// When a letter was taken last, ms since the Unix epoch; null when none was.
    last_taken_at: Option<i64>,
    /// Why one of those to be sent was not taken; null when there is nothing to say.
    trouble: Option<String>,
}

/// A receiver that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Gone {
    /// Its address up to its path's end.
    receiver: String,
    /// Since when, ms since the Unix epoch.
    since: i64,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/letters/receivers";
    Route::get(path, "get_letter_receivers", handle)
        .says("How the receivers of callbacks and event posts are")
        .answers::<Receivers>("letter_receivers")
}

#[tracing::instrument(name = "gateway.get_letter_receivers", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    call.read_nothing()?;
    let reply = gateway.ask(&call, call.system(), GetLetters {}).await?;
    let receivers = gateway.house.letters.receivers(&call.ids.system_id()).await;
    let receivers = receivers.map_err(|failure| unreadable(&failure))?;
    let gone = receivers.gone.into_iter().map(|(receiver, since)| Gone {
        receiver,
        since: since.0,
    });
    let answer = Receivers {
        endpoints: receivers
            .endpoints
            .into_iter()
            .map(Endpoint::from)
            .collect(),
        gone: gone.collect(),
    };
    Ok(reply.render("letter_receivers", &answer))
}

impl From<EndpointHealth> for Endpoint {
    fn from(health: EndpointHealth) -> Self {
        Self {
            endpoint: health.endpoint,
            owed: health.owed,
            put_aside: health.put_aside,
            taken: health.taken,
            oldest_owed_at: health.oldest.map(|at| at.0),
            last_taken_at: health.last_taken.map(|at| at.0),
            trouble: health.trouble,
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_bank_sees_how_its_receivers_are() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/letters/receivers");
        let answer = door.get(&path).await;
        let told = answer.content("letter_receivers");
        assert_eq!(told["endpoints"][0]["owed"], 2);
        assert_eq!(told["endpoints"][0]["trouble"], "refused");
        assert_eq!(told["gone"][0]["receiver"], "https://bank.example/gone");
        assert_eq!(door.sent()[0].command.word(), "get_letters");
    }
}
