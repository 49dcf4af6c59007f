//! A command that is already in the log is answered from it, and has no second effect.

use event_log::{AppendError, CommandRecord, CommandRow, Commit, Epoch, Failure};
use handlers::{Facts, OwnerState, VaultFacts};
use schemas::answers::{Answer, AnswerBody};
use schemas::vault::VaultName;
use schemas::{CommandId, ErrorCode, Lane};

use crate::deciding::decode_answer;
use crate::gather::Ready;
use crate::house::House;
use crate::owners::Owners;

/// The answer to a repeated command, or `None` when the log does not know it after all.
///
/// A repetition by a device proves itself like any request: a stranger who recorded one hears nothing but 288. Its MAC
/// becomes a command id of its own, so that the repetition cannot be replayed either.
pub async fn answer_from_log(
    house: &House,
    lane: Lane,
    epoch: Epoch,
    owners: &Owners,
    ready: &Ready,
    vault: &VaultFacts,
    system: &OwnerState,
) -> Result<Option<Answer>, AppendError> {
    let envelope = &*ready.envelope;
    let found = house
        .log
        .find_command(&envelope.command_id)
        .await
        .map_err(AppendError::Failed)?;
    let Some(record) = found else { return Ok(None) };
    let now = house.clock.now();
    if record.fingerprint != envelope.fingerprint {
        return Ok(Some(Answer::only(ErrorCode::RequestError, now)));
    }
    let mut response_key = None;
    if let Some(mac) = handlers::device_mac(envelope) {
        let authenticated = {
            let mut entries = owners.lock();
            let Some(entry) = entries.get(&envelope.owner) else {
                return Ok(None);
            };
            let OwnerState::System(system) = system else {
                return Ok(None);
            };
            let settings = house.settings.current();
            let facts = Facts {
                now,
                seed: [0; 32],
                command_id: envelope.command_id,
                request_id: envelope.request_id,
                settings: &settings,
                system,
                vault,
                history: &[],
                system_key: None,
                license: None,
                code_policy: &house.options.code_policy,
                verified: &handlers::Verifications::default(),
                outside: &handlers::Outside::default(),
            };
            handlers::authenticate(&entry.state, envelope, &facts)
                .map(|caller| (caller, entry.state.version()))
        };
        match authenticated {
            Ok((caller, version)) => {
                if caller.is_new_request
                    && !claim_repetition(house, lane, epoch, version, envelope, mac).await?
                {
                    return Ok(Some(Answer::only(ErrorCode::HttpAuthCodeInvalid, now)));
                }
                response_key = caller.response_key;
            }
            Err(refusal) => {
                let answer = Answer::only(refusal.code, now);
                return Ok(Some(Answer {
                    response_key: refusal.response_key,
                    ..answer
                }));
            }
        }
    }
    let body = stored_answer(house, envelope, &record)
        .await
        .map_err(AppendError::Failed)?;
    metrics::counter!("runner_commands_repeated_total").increment(1);
    let position = Some(record.position);
    Ok(Some(Answer {
        code: record.code,
        position,
        response_key,
        answered_at: now,
        body,
    }))
}

/// Records the repetition's MAC; `false` when it was recorded before.
async fn claim_repetition(
    house: &House,
    lane: Lane,
    epoch: Epoch,
    expected_version: u64,
    envelope: &schemas::commands::CommandEnvelope,
    mac: schemas::Digest,
) -> Result<bool, AppendError> {
    let command_id =
        CommandId::from_key(&envelope.owner.to_string(), "repetition", &mac.to_string());
    let commit = Commit {
        command: Some(CommandRow {
            command_id,
            fingerprint: envelope.fingerprint,
            code: ErrorCode::Normal,
            answer: Vec::new(),
        }),
        ..Commit::of(envelope.owner.clone(), expected_version, Vec::new())
    };
    match house.log.append(lane, epoch, &[commit]).await {
        Ok(_) => Ok(true),
        Err(AppendError::Duplicate(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The substance of the first answer; a secret one is fetched from the vault, where it may have been erased.
async fn stored_answer(
    house: &House,
    envelope: &schemas::commands::CommandEnvelope,
    record: &CommandRecord,
) -> Result<AnswerBody, Failure> {
    let body = decode(&record.answer)?;
    let AnswerBody::InVault(command_id) = body else {
        return Ok(body);
    };
    let name = VaultName::answer(&command_id);
    let rows = house
        .log
        .vault(&envelope.owner, std::slice::from_ref(&name))
        .await?;
    let Some(Some(sealed)) = rows.into_iter().next() else {
        return Ok(AnswerBody::Nothing);
    };
    let open = house
        .open(&envelope.owner, &name, &sealed)
        .map_err(|error| Failure {
            attempt: "cannot open a stored answer".to_owned(),
            source: Some(Box::new(error)),
        })?;
    decode(open.expose())
}

fn decode(bytes: &[u8]) -> Result<AnswerBody, Failure> {
    decode_answer(bytes).map_err(|error| Failure {
        attempt: "cannot decode a stored answer".to_owned(),
        source: Some(Box::new(error)),
    })
}
