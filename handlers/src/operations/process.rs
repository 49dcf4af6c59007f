//! `operations_process`: the user answers transactions of an operation, all of these answers at once or none.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use schemas::answers::AnswerBody;
use schemas::commands::operations::{MemberAnswer, OperationStatus, ProcessOperation, YesOrNo};
use schemas::events::operations::{MemberConfirmed, MemberDeclined, OperationProcessed};
use schemas::reasons::KeptReason;
use schemas::vault::VaultName;
use schemas::{Digest, OperationId, Timestamp};

use super::{Rejection, status_with_waiting};
use crate::asked::Asked;
use crate::crypto::signature::Signature;
use crate::decision::{Decision, Erasure};
use crate::facts::SignatureCheck;
use crate::keys::{self, Betrayal};
use crate::policies::operation_timer;
use crate::reasons;
use crate::transactions::confirm::Proof;
use crate::transactions::{self, decline};
use crate::users::Person;

/// The command's word.
const WORD: &str = "operations_process";

/// Accepts the answers, or refuses all of them with the code of the first that is not right.
///
/// Everything that costs nothing is asked of every transaction before the first proof is looked at. Wrong codes are counted
/// with the transaction they were given for, as they are when it is confirmed alone.
pub(super) fn decide(asked: &Asked<'_>, command: &ProcessOperation) -> Result<Decision, Rejection> {
    match answered(asked, command) {
        Err(Rejection::Member(id, transactions::Rejection::NonceRepeated)) => Ok(keys::block(
            asked,
            Betrayal {
                word: WORD,
                transaction_id: &id,
                operation_id: Some(&command.operation_id),
            },
        )),
        decided => decided,
    }
}

fn answered(asked: &Asked<'_>, command: &ProcessOperation) -> Result<Decision, Rejection> {
    let id = &command.operation_id;
    let (transactions, now) = (&asked.person.transactions, asked.facts.now);
    let operation = asked.person.operations.get(id)?;
    match operation.status(transactions, now) {
        OperationStatus::Expired => return Err(Rejection::Expired),
        OperationStatus::Processed => return Err(Rejection::WrongStatus),
        OperationStatus::Created | OperationStatus::Partly => {}
    }
    check_answers(asked, command, now)?;
    let mut processed = OperationProcessed {
        operation_id: id.clone(),
        key_index: asked.key.index,
        status: OperationStatus::Processed,
        cleaned: asked.facts.settings.clean_transaction(),
        confirmed: Vec::new(),
        declined: Vec::new(),
        callback_url: operation
            .callback_url
            .clone()
            .or_else(|| asked.system.callback_url()),
    };
    let mut nonces = HashMap::with_capacity(command.answers.len());
    let mut kept = Vec::new();
    for answer in &command.answers {
        take(
            asked,
            answer,
            proof_of(command, &answer.answer),
            &mut nonces,
            (&mut processed, &mut kept),
        )?;
    }
    let waiting = operation.waiting(transactions, now).count();
    processed.status = status_with_waiting(waiting - command.answers.len());
    Ok(Decision {
        vault: reasons::row(asked, kept).into_iter().collect(),
        ..carried_out(id, processed)
    })
}

/// The questions about signatures that the decision comes to.
pub(super) fn questions(person: &Person, command: &ProcessOperation) -> Vec<SignatureCheck> {
    let question = |answer: &MemberAnswer| match &answer.answer {
        YesOrNo::Confirm { signature, .. } => {
            transactions::signature_question(person, &answer.transaction_id, signature.as_ref())
        }
        YesOrNo::Decline { .. } => None,
    };
    // A request that is refused anyway is not worth more work than an operation can be.
    let answers_max = person
        .operations
        .get(&command.operation_id)
        .map_or(0, |operation| operation.members.len());
    if command.answers.len() > answers_max {
        return Vec::new();
    }
    command.answers.iter().filter_map(question).collect()
}

/// What can be said of every answer without looking at a proof.
fn check_answers(
    asked: &Asked<'_>,
    command: &ProcessOperation,
    now: Timestamp,
) -> Result<(), Rejection> {
    if command.answers.is_empty() {
        return Err(Rejection::NothingAnswered);
    }
    let mut answered = HashSet::with_capacity(command.answers.len());
    for answer in &command.answers {
        let id = &answer.transaction_id;
        let member = asked
            .person
            .transactions
            .get(id)
            .ok()
            .filter(|member| member.operation_id.as_ref() == Some(&command.operation_id));
        let member = member.ok_or_else(|| Rejection::NotAMember(id.clone()))?;
        if !answered.insert(id) {
            return Err(Rejection::AnsweredTwice(id.clone()));
        }
        let in_the_way = |rejection| Rejection::Member(id.clone(), rejection);
        member.pending(now).map_err(in_the_way)?;
        match &answer.answer {
            YesOrNo::Confirm { .. } => proof_of(command, &answer.answer).check_given(),
            YesOrNo::Decline { reason, .. } => decline::check_reason(reason),
        }
        .map_err(in_the_way)?;
    }
    Ok(())
}

fn proof_of<'a>(command: &'a ProcessOperation, answer: &'a YesOrNo) -> Proof<'a> {
    let device_fingerprint = command.device_fingerprint.as_ref();
    match answer {
        YesOrNo::Confirm {
            signature,
            confirm_code,
        } => Proof {
            signature: signature.as_ref(),
            confirm_code: confirm_code.as_ref(),
            device_fingerprint,
        },
        YesOrNo::Decline { .. } => Proof {
            signature: None,
            confirm_code: None,
            device_fingerprint,
        },
    }
}

/// Takes one answer, if its proof is right. What was typed with it is kept beside the event.
fn take(
    asked: &Asked<'_>,
    answer: &MemberAnswer,
    proof: Proof<'_>,
    nonces: &mut HashMap<[u8; 32], Digest>,
    (processed, kept): (&mut OperationProcessed, &mut Vec<KeptReason>),
) -> Result<(), Rejection> {
    let id = &answer.transaction_id;
    let in_the_way = |rejection| Rejection::Member(id.clone(), rejection);
    let transaction = asked.person.transactions.get(id).map_err(in_the_way)?;
    let pending = transaction.pending(asked.facts.now).map_err(in_the_way)?;
    match &answer.answer {
        YesOrNo::Confirm { confirm_code, .. } => {
            let signature = proof
                .check(asked, transaction, pending)
                .map_err(in_the_way)?;
            let digest = transaction.digest;
            let r = signature.as_ref().map(|signature| *signature.r());
            let before = r.and_then(|r| nonces.insert(r, digest));
            if before.is_some_and(|before| before != digest) {
                return Err(in_the_way(transactions::Rejection::NonceRepeated));
            }
            processed.confirmed.push(MemberConfirmed {
                transaction_id: id.clone(),
                digest,
                signature: signature.map(Signature::to_low_s_der),
                confirm_code: confirm_code.clone(),
            });
        }
        YesOrNo::Decline { reason, code } => {
            let (reason, digest) = reasons::keep(asked, Some(id), reason);
            kept.push(reason);
            processed.declined.push(MemberDeclined {
                transaction_id: id.clone(),
                reason: None,
                reason_digest: Some(digest),
                code: *code,
            });
        }
    }
    Ok(())
}

fn carried_out(id: &OperationId, processed: OperationProcessed) -> Decision {
    let status = processed.status;
    let is_over = status == OperationStatus::Processed;
    let mut erase = Vec::new();
    if processed.cleaned {
        let texts = processed.confirmed.iter();
        erase
            .extend(texts.map(|member| {
                Erasure::Row(VaultName::transaction_content(&member.transaction_id))
            }));
        if is_over {
            erase.push(Erasure::Row(VaultName::operation_content(id)));
        }
    }
    Decision {
        erase,
        cancelled_timers: if is_over {
            vec![operation_timer(id)]
        } else {
            Vec::new()
        },
        ..Decision::happened(vec![processed.into()]).answering(AnswerBody::OperationProcessed {
            operation_id: id.clone(),
            status,
        })
    }
}
