//! `GET /pc-api/rks/{system_id}/users/{user_id}/events`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use schemas::ErrorCode;
use schemas::commands::operators::LookAtEvents;

use crate::call::OperatorCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::journal_filter::AskedFilter;
use crate::routes::system::get_events::{Events, awaited_position, page};
use crate::state::Shared;

pub(crate) fn route() -> Route {
    let path = "/pc-api/rks/{system_id}/users/{user_id}/events";
    Route::get(path, "rks_events_data", handle)
        .says("For an operator: a page of a user's journal")
        .asks("request_type", "only with this event word")
        .asks("transaction_id", "only about this transaction")
        .asks(
            "result",
            "only with this result: 0, or the error code the caller heard",
        )
        .asks(
            "from",
            "recorded at this moment or later, ms since the Unix epoch",
        )
        .asks("to", "recorded before this moment, ms since the Unix epoch")
        .asks("after", "only what follows the record of that number")
        .asks("offset", "skip so many")
        .asks("limit", "at most so many, 1 to 1000; 100 unless given")
        .looks_back()
        .answers::<Events>("rks_events_data")
        .refuses(&[
            ErrorCode::NoResult,
            ErrorCode::NotSupported,
            ErrorCode::UserNotFound,
            ErrorCode::TransactionIsNull,
        ])
}

#[tracing::instrument(name = "gateway.rks_events_data", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    OperatorCall(mut call): OperatorCall,
) -> Result<Response<Body>, ApiError> {
    let mut asked: AskedFilter = call.read_query()?;
    if asked.user_id.is_some() {
        return Err(ApiError::at("user_id stands in the path"));
    }
    call.look_back(&gateway, asked.as_of.take().as_deref())?;
    asked.user_id = Some(call.ids.user_id().to_string());
    let filter = asked.of(call.ids.system_id())?;
    let awaited = awaited_position(&call.headers)?;
    let reply = gateway.ask(&call, call.user(), LookAtEvents {}).await?;
    let events = page(&gateway, &call, &filter, awaited).await?;
    Ok(reply.render("rks_events_data", &events))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn an_operator_reads_a_users_journal() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/rks/{SYSTEM}/users/sample-1/events");
        let answer = door.get(&format!("{path}?limit=1")).await;
        assert_eq!(
            answer.content("rks_events_data")["events"][0]["event_id"],
            42
        );
        assert_eq!(
            door.sent()[0].owner.to_string(),
            format!("{SYSTEM}/sample-1")
        );
        let filter = door.journal.asked().remove(0);
        assert_eq!(
            filter.user_id.map(String::from).as_deref(),
            Some("sample-1")
        );
        assert_eq!(door.get(&format!("{path}?user_id=other")).await.code(), 283);
        let then = door.get(&format!("{path}?as_of=17-4212")).await;
        assert_eq!(then.content("rks_events_data")["events"][0]["event_id"], 42);
        assert_eq!(
            door.sent()[1].context.as_of.map(String::from).as_deref(),
            Some("17-4212")
        );
        let nowhere = door.get(&format!("{path}?as_of=17-4211")).await;
        assert_eq!(nowhere.code(), 236);
    }
}
