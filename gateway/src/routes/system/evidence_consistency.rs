//! `GET /pc-api/{system_id}/evidence/consistency`

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer;
use crate::call::SystemCall;
use crate::error::ApiError;
use crate::route::Route;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: u64,
    to: Option<u64>,
}

/// `evidence_consistency`: that one journal is the beginning of another (RFC 6962, section 2.1.2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceConsistency {
    /// Number of records of the earlier one.
    from: u64,
    /// Number of records of the later one.
    to: u64,
    /// The hashes of the proof, in base64.
    proof: Vec<String>,
    /// The newest signed checkpoint.
    checkpoint: String,
}

pub(crate) fn route() -> Route {
    let path = "/pc-api/{system_id}/evidence/consistency";
    Route::get(path, "evidence_consistency", handle)
        .says("Proof that the journal of today continues the one of an earlier checkpoint")
        .asks("from", "number of records of the earlier checkpoint")
        .asks(
            "to",
            "number of records of the later one; the newest unless given",
        )
        .answers::<EvidenceConsistency>("evidence_consistency")
        .refuses(&[ErrorCode::JsonRequestIncorrect])
}

#[tracing::instrument(name = "gateway.evidence_consistency", skip_all)]
async fn handle(
    State(gateway): State<Shared>,
    SystemCall(call): SystemCall,
) -> Result<Response<Body>, ApiError> {
    let Asked { from, to } = call.read_query()?;
    let found = gateway.house.evidence.continuation(from, to).await;
    let found = found.map_err(|failure| ApiError::bug("the evidence cannot be read", &failure))?;
    let found = found.ok_or_else(|| ApiError::at("the journal never had these two sizes"))?;
    let content = EvidenceConsistency {
        from,
        to: found.to,
        proof: found
            .proof
            .iter()
            .map(|hash| STANDARD.encode(hash.as_bytes()))
            .collect(),
        checkpoint: found.checkpoint,
    };
    let body = answer::success("evidence_consistency", &content);
    Ok(answer::respond(StatusCode::OK, body, None, None))
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;

    use crate::testing::{SYSTEM, TestDoor};

    #[tokio::test]
    async fn two_sizes_are_asked_for_and_the_later_one_is_the_newest() {
        let door = TestDoor::answering(AnswerBody::Nothing);
        let path = format!("/pc-api/{SYSTEM}/evidence/consistency");
        let answer = door.get(&format!("{path}?from=3&to=5")).await;
        let found = answer.content("evidence_consistency");
        assert_eq!((&found["from"], &found["to"]), (&3.into(), &5.into()));
        assert_eq!(found["proof"][0].as_str().unwrap().len(), 44);
        let newest = door.get(&format!("{path}?from=3")).await;
        assert_eq!(newest.content("evidence_consistency")["to"], 9);
        for wrong in [
            "",
            "?from=x",
            "?from=-1",
            "?from=5&to=3",
            "?from=3&to=10",
            "?from=3&at=5",
        ] {
            assert_eq!(
                door.get(&format!("{path}{wrong}")).await.code(),
                283,
                "{wrong}"
            );
        }
    }
}
