//! `GET /pc-api/{system_id}/events/{event_id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::EventProof;
use schemas::commands::journal::GetEventInfo;
use schemas::{ErrorCode, Position};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    proof: bool,
}

/// `event_info`: a record with the fields of the manual's journal; with `?proof=true` also `proof`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct EventRecord(Map<String, Value>);

pub(crate) fn route() -> Route {
    Route::get(
        "/pc-api/{system_id}/events/{event_id}",
        "get_event_info",
        handle,
    )
    .says("One record of the audit journal")
    .asks(
        "proof",
        "true adds `proof`: why to believe that the event was not altered; null while no checkpoint covers it",
    )
    .answers::<EventRecord>("event_info")
    .refuses(&[ErrorCode::NoResult])
}

#[tracing::instrument(name = "gateway.get_event_info", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let asked: Asked = call.read_query()?;
    let reply = gateway.ask(&call, call.system(), GetEventInfo {}).await?;
    let journal = &gateway.house.journal;
    let record = journal
        .one(&call.ids.system_id(), call.ids.event_id())
        .await
        .map_err(|failure| ApiError::bug("the journal cannot be read", &failure))?;
    let none = || ApiError::new(ErrorCode::NoResult).sealed(None, reply.position);
    let mut record = record.ok_or_else(none)?;
    if asked.proof {
        let position = Position::from_event_id(call.ids.event_id()).ok_or_else(none)?;
        let proof = gateway.house.evidence.proof(position).await;
        let proof =
            proof.map_err(|failure| ApiError::bug("the event cannot be proven", &failure))?;
        record.insert(
            "proof".to_owned(),
            proof.as_ref().map_or(Value::Null, shown),
        );
    }
    Ok(reply.render("event_info", &EventRecord(record)))
}

/// A proof in parts, and whole as the file that a verifier takes.
fn shown(proof: &EventProof) -> Value {
    let hash = |hash: &schemas::Digest| STANDARD.encode(hash.as_bytes());
    json!({
        "record": proof.leaf.to_string(),
        "index": proof.index,
        "inclusion": proof.inclusion.iter().map(hash).collect::<Vec<_>>(),
        "checkpoint": proof.checkpoint,
        "tlog_proof": proof.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{FakeEvidence, SYSTEM, TestDoor};

    #[tokio::test]
    async fn a_record_reads_by_its_number() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events/");
        let answer = door.get(&format!("{path}42")).await;
        let record = answer.content("event_info");
        assert_eq!(record["event_id"], 42);
        assert!(record.get("proof").is_none());
        assert_eq!(door.sent()[0].command.word(), "get_event_info");
        assert_eq!(door.get(&format!("{path}43")).await.code(), 236);
        assert_eq!(door.get(&format!("{path}x")).await.code(), 283);
    }

    #[tokio::test]
    async fn a_record_comes_with_its_proof_when_asked() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/events/42");
        let answer = door.get(&format!("{path}?proof=true")).await;
        let proof = &answer.content("event_info")["proof"];
        assert_eq!(proof["index"], 4);
        assert_eq!(proof["checkpoint"], FakeEvidence::checkpoint_text());
        assert!(
            proof["record"]
                .as_str()
                .unwrap()
                .starts_with("pc-audit-v1\npos 42-0\n")
        );
        let file = proof["tlog_proof"].as_str().unwrap();
        assert!(file.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{file}");
        assert_eq!(door.get(&format!("{path}?proof=1")).await.code(), 283);
        assert_eq!(door.get(&format!("{path}?prove=true")).await.code(), 283);
        door.evidence.forget();
        let early = door.get(&format!("{path}?proof=true")).await;
        assert!(early.content("event_info")["proof"].is_null());
    }
}
