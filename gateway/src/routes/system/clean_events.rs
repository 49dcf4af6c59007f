//! `POST /pc-api/{system_id}/events/clean`

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use schemas::commands::journal::{CleanEvents, RecordToClean};
use schemas::{CommandId, ErrorCode, Owner};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Reply;
use crate::call::{Call, SystemCall};
use crate::error::ApiError;
use crate::route::Route;
use crate::routes::journal_filter::{AskedFilter, LIMIT};
use crate::state::{Gateway, Shared};

/// Commands of one request that are under way together.
const COMMANDS_AT_ONCE: usize = 8;

/// Which records to clean. What is absent does not narrow.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CleanEventsRequest {
    /// Only about this user.
    user_id: Option<String>,
    /// Only with this event word.
    request_type: Option<String>,
    /// Only about this transaction.
    transaction_id: Option<String>,
    /// Only with this result.
    result: Option<u16>,
    /// Recorded at this moment or later, ms since the Unix epoch.
    from: Option<i64>,
    /// Recorded before this moment, ms since the Unix epoch.
    to: Option<i64>,
    /// At most so many, 1 to 1000; 100 unless given.
    limit: Option<u32>,
}

/// `events_cleaned`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsCleaned {
    /// So many records tell nothing of devices and connections any more.
    cleaned: usize,
    /// Whether there may be more: ask again until it is false.
    more: bool,
}

pub(crate) fn route() -> Route {
    Route::post("/pc-api/{system_id}/events/clean", "clean_events", handle)
        .says("Erase device_info, event_data, connection_info and the typed reason of matching records, oldest first")
        .takes::<CleanEventsRequest>()
        .answers::<EventsCleaned>("events_cleaned")
        .refuses(&[ErrorCode::UserNotFound, ErrorCode::TransactionIsNull])
}

#[tracing::instrument(name = "gateway.clean_events", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let asked: CleanEventsRequest = call.read()?;
    let limit = asked.limit.unwrap_or(LIMIT) as usize;
    let filter = asked.filter().of(call.ids.system_id())?;
    let found = gateway
        .house
        .journal
        .uncleaned(&filter)
        .await
        .map_err(|failure| ApiError::bug("the journal cannot be read", &failure))?;
    let cleaned = found.len();
    let reply = clean(&gateway, &call, found).await?;
    let more = cleaned == limit;
    Ok(reply.render("events_cleaned", &EventsCleaned { cleaned, more }))
}

/// One command for every owner and every hundred of its records; the system's own comes first and always, so that the
/// request is in the journal also when it finds nothing.
async fn clean(
    gateway: &Gateway,
    call: &Call,
    found: Vec<(Owner, RecordToClean)>,
) -> Result<Reply, ApiError> {
    let mut by_owner: BTreeMap<Owner, Vec<RecordToClean>> = BTreeMap::new();
    for (owner, record) in found {
        by_owner.entry(owner).or_default().push(record);
    }
    let of_the_system = by_owner.remove(&call.system()).unwrap_or_default();
    let mut own = of_the_system.chunks(CleanEvents::RECORDS_MAX);
    let records = own.next().unwrap_or_default().to_vec();
    let reply = gateway
        .ask(call, call.system(), CleanEvents { records })
        .await?;
    let rest = own.map(|records| (call.system(), records.to_vec()));
    let users = by_owner.into_iter().flat_map(|(owner, records)| {
        let chunks = records.chunks(CleanEvents::RECORDS_MAX);
        let chunks = chunks.map(|records| (owner.clone(), records.to_vec()));
        chunks.collect::<Vec<_>>()
    });
    let commands: Vec<_> = rest.chain(users).collect();
    let commands = commands.into_iter().map(|(owner, records)| {
        let command_id = named_by(call, &owner, &records);
        gateway.ask_under(call, command_id, owner, CleanEvents { records }.into())
    });
    stream::iter(commands)
        .buffer_unordered(COMMANDS_AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(reply)
}

/// Cleaning the same records for the same request is one command.
fn named_by(call: &Call, owner: &Owner, records: &[RecordToClean]) -> CommandId {
    let numbers: Vec<String> = records
        .iter()
        .map(|record| record.event_id.to_string())
        .collect();
    let key = format!("{} {}", call.command_id, numbers.join(","));
    CommandId::from_key(&owner.to_string(), "clean_events", &key)
}

impl CleanEventsRequest {
    fn filter(self) -> AskedFilter {
        AskedFilter {
            user_id: self.user_id,
            request_type: self.request_type,
            transaction_id: self.transaction_id,
            result: self.result,
            from: self.from,
            to: self.to,
            limit: self.limit,
            ..AskedFilter::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::Command;
    use schemas::commands::journal::JournalCommand;
    use serde_json::json;

    use super::*;
    use crate::testing::{SYSTEM, TestDoor};

    fn record(number: u8) -> RecordToClean {
        RecordToClean {
            event_id: number.into(),
            command_id: CommandId([number; 32]),
        }
    }

    #[tokio::test]
    async fn every_owner_is_asked_for_its_own_records_and_the_system_always() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events/clean");
        let answer = door.post(&path, &json!({})).await;
        let cleaned = answer.content("events_cleaned");
        assert_eq!(
            (&cleaned["cleaned"], &cleaned["more"]),
            (&0.into(), &false.into())
        );
        assert_eq!(door.sent()[0].owner.to_string(), SYSTEM);

        let user: Owner = format!("{SYSTEM}/sample-1").parse().unwrap();
        let mut found = vec![(SYSTEM.parse().unwrap(), record(250))];
        found.extend((0..=CleanEvents::RECORDS_MAX as u8).map(|n| (user.clone(), record(n))));
        *door.journal.uncleaned.lock().unwrap() = found;
        let answer = door
            .post(&path, &json!({"limit": 102, "user_id": "sample-1"}))
            .await;
        let cleaned = answer.content("events_cleaned");
        assert_eq!(
            (&cleaned["cleaned"], &cleaned["more"]),
            (&102.into(), &true.into())
        );
        let sent = door.sent();
        let sizes: Vec<(String, usize)> = sent[1..]
            .iter()
            .map(|sent| match &sent.command {
                Command::Journal(JournalCommand::Clean(command)) => {
                    (sent.owner.to_string(), command.records.len())
                }
                other => panic!("another command was sent: {other:?}"),
            })
            .collect();
        let user = user.to_string();
        assert_eq!(
            sizes,
            [(SYSTEM.to_owned(), 1), (user.clone(), 100), (user, 1)]
        );
        let mut ids: Vec<_> = sent.iter().map(|sent| sent.command_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }

    #[tokio::test]
    async fn a_wrong_filter_is_refused() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events/clean");
        for (body, code) in [
            (json!({"limit": 0}), 283),
            (json!({"limit": 1001}), 283),
            (json!({"offset": 1}), 283),
            (json!({"user_id": "a b"}), 208),
            (json!({"transaction_id": "/"}), 231),
            (json!({"request_type": "X"}), 283),
        ] {
            assert_eq!(door.post(&path, &body).await.code(), code, "{body}");
        }
        assert!(door.sent().is_empty());
    }
}
