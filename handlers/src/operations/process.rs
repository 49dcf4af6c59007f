//! `operations_process`: the user answers transactions of an operation, all of these answers at once or none.

use std::collections::{HashMap, HashSet};

use schemas::answers::AnswerBody;
use schemas::commands::operations::{MemberAnswer, OperationStatus, ProcessOperation, YesOrNo};
use schemas::events::operations::{MemberConfirmed, MemberDeclined, OperationProcessed};
use schemas::vault::VaultName;
use schemas::{Digest, OperationId, Timestamp};

use super::{Rejection, status_with_waiting};
use crate::asked::Asked;
use crate::crypto::signature::Signature;
use crate::decision::{Decision, Erasure};
use crate::facts::SignatureCheck;
use crate::keys::{self, Betrayal};
use crate::policies::operation_timer;
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
    for answer in &command.answers {
        take(
            asked,
            answer,
            proof_of(command, &answer.answer),
            &mut nonces,
            &mut processed,
        )?;
    }
    let waiting = operation.waiting(transactions, now).count();
    processed.status = status_with_waiting(waiting - command.answers.len());
    Ok(carried_out(id, processed))
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

/// Takes one answer, if its proof is right.
fn take(
    asked: &Asked<'_>,
    answer: &MemberAnswer,
    proof: Proof<'_>,
    nonces: &mut HashMap<[u8; 32], Digest>,
    processed: &mut OperationProcessed,
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
        YesOrNo::Decline { reason, code } => processed.declined.push(MemberDeclined {
            transaction_id: id.clone(),
            reason: reason.clone(),
            code: *code,
        }),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::commands::devices::SetFingerprint;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::transactions::{DeclineTransaction, DeleteTransaction};
    use schemas::events::Event;
    use schemas::events::operations::OperationEvent;
    use schemas::flags::WITH_FINGERPRINT;
    use schemas::{ErrorCode, TransactionId};

    use super::*;
    use crate::testing::{Heard, NOW, Story, create_operation, key_request};

    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        let mut command = create_operation("a", 4);
        command.ttl_s = Some(60);
        story.bank_asks(command).happens(&["create_operation"]);
        story
    }

    fn processed(heard: &Heard) -> OperationProcessed {
        heard.happens(&["operations_process"]);
        match &heard.decision().events[0] {
            Event::Operations(OperationEvent::Processed(event)) => event.clone(),
            other => panic!("another event: {other:?}"),
        }
    }

    #[test]
    fn a_nonce_that_comes_again_within_a_request_costs_the_key() {
        let mut story = story();
        let mut command = story.answers("a", &["a.0", "a.1"]);
        for answer in &mut command.answers {
            let digest = story.digest(answer.transaction_id.as_str());
            let signed = story.device.sign_with_nonce(&digest, 7);
            answer.answer = YesOrNo::Confirm {
                signature: Some(signed),
                confirm_code: None,
            };
        }
        let heard = story.device_asks(command);
        heard.happens(&["operations_process", "key_compromised_nonce"]);
        assert_eq!(heard.code(), ErrorCode::UserIsBlocked);
        let command = story.answers("a", &["a.2"]);
        story
            .device_asks(command)
            .is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn a_nonce_of_an_earlier_request_costs_the_key() {
        let mut story = story();
        for (id, words) in [
            ("a.0", &["operations_process"][..]),
            ("a.1", &["operations_process", "key_compromised_nonce"]),
        ] {
            let mut command = story.answers("a", &[id]);
            command.answers[0].answer = YesOrNo::Confirm {
                signature: Some(story.device.sign_with_nonce(&story.digest(id), 7)),
                confirm_code: None,
            };
            story.device_asks(command).happens(words);
        }
    }

    #[test]
    fn another_device_than_the_one_of_the_key_answers_nothing() {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&WITH_FINGERPRINT, 1);
        let mut story = Story::of_a_user_with(request);
        let bound = Digest([0xf1; 32]);
        story
            .device_asks(SetFingerprint {
                device_fingerprint: bound,
            })
            .happens(&["set_device_fingerprint"]);
        story.register_device();
        story
            .bank_asks(create_operation("a", 2))
            .happens(&["create_operation"]);
        let mut command = story.answers("a", &["a.0", "a.1"]);
        command.device_fingerprint = Some(Digest([0xf2; 32]));
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::DeviceFingerprintMismatch);
        command.device_fingerprint = Some(bound);
        processed(&story.device_asks(command));
    }

    fn no(id: &str) -> MemberAnswer {
        MemberAnswer {
            transaction_id: id.parse().unwrap(),
            answer: YesOrNo::Decline {
                reason: "not me".to_owned(),
                code: Some(7),
            },
        }
    }

    fn ids(ids: &[&str]) -> Vec<TransactionId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    #[test]
    fn each_transaction_is_confirmed_or_declined_in_one_request() {
        let mut story = story();
        let mut command = story.answers("a", &["a.0", "a.2", "a.3"]);
        command.answers.insert(1, no("a.1"));
        let heard = story.device_asks(command);
        let event = processed(&heard);
        assert_eq!(event.status, OperationStatus::Processed);
        let confirmed: Vec<TransactionId> = event
            .confirmed
            .iter()
            .map(|member| member.transaction_id.clone())
            .collect();
        assert_eq!(confirmed, ids(&["a.0", "a.2", "a.3"]));
        assert_eq!(event.declined[0].reason, "not me");
        assert_eq!(
            event.callback_url.as_deref(),
            Some("https://bank.example/callback")
        );
        for member in &event.confirmed {
            assert_eq!(
                member.digest,
                story.digest(member.transaction_id.as_str()),
                "each over its own bytes"
            );
            let row = VaultName::transaction_content(&member.transaction_id);
            assert_eq!(story.vault.get(&row), None, "erased");
        }
        let declined = VaultName::transaction_content(&"a.1".parse().unwrap());
        assert!(story.vault.get(&declined).is_some(), "kept for the bank");
        assert_eq!(
            heard.answer(),
            AnswerBody::OperationProcessed {
                operation_id: "a".parse().unwrap(),
                status: OperationStatus::Processed,
            }
        );
    }

    #[test]
    fn a_part_leaves_the_rest_waiting() {
        let mut story = story();
        let command = story.answers("a", &["a.3"]);
        assert_eq!(
            processed(&story.device_asks(command)).status,
            OperationStatus::Partly
        );
        let command = story.answers("a", &["a.0", "a.1", "a.2"]);
        assert_eq!(
            processed(&story.device_asks(command)).status,
            OperationStatus::Processed
        );
        let command = story.answers("a", &["a.0"]);
        story
            .device_asks(command)
            .is_refused(ErrorCode::OperationStatusInvalid);
    }

    #[test]
    fn one_wrong_answer_refuses_all_of_them() {
        let mut story = story();
        let good = story.answers("a", &["a.0", "a.1", "a.2", "a.3"]);
        let swapped = {
            let mut command = good.clone();
            let first = command.answers[0].answer.clone();
            command.answers[3].answer = first;
            command
        };
        let mut unsigned = good.clone();
        unsigned.answers[2].answer = YesOrNo::Confirm {
            signature: None,
            confirm_code: None,
        };
        let mut foreign = good.clone();
        foreign.answers[1].transaction_id = "b.1".parse().unwrap();
        let mut twice = good.clone();
        twice.answers[1].transaction_id = "a.0".parse().unwrap();
        let mut without_reason = good.clone();
        without_reason.answers[3].answer = YesOrNo::Decline {
            reason: " ".to_owned(),
            code: None,
        };
        let mut not_der = good.clone();
        not_der.answers[3].answer = YesOrNo::Confirm {
            signature: Some(vec![1]),
            confirm_code: None,
        };
        let mut nothing = good.clone();
        nothing.answers.clear();
        let mut unknown = good.clone();
        unknown.operation_id = "b".parse().unwrap();
        for (command, code, names) in [
            (swapped, ErrorCode::SignatureIsInvalid, Some("a.3")),
            (
                unsigned,
                ErrorCode::SignatureAndConfirmCodeAreNull,
                Some("a.2"),
            ),
            (foreign, ErrorCode::TransactionIsNotInOperation, Some("b.1")),
            (twice, ErrorCode::RequestError, Some("a.0")),
            (without_reason, ErrorCode::DeclineReasonIsNull, Some("a.3")),
            (not_der, ErrorCode::DsStructError, Some("a.3")),
            (nothing, ErrorCode::CollectionIsEmpty, None),
            (unknown, ErrorCode::OperationNotExists, None),
        ] {
            let heard = story.device_asks(command);
            heard.is_refused(code);
            let named = story.history.last().unwrap().event.transaction_id();
            assert_eq!(named.map(TransactionId::as_str), names, "{code:?}");
        }
        processed(&story.device_asks(good));
    }

    #[test]
    fn a_transaction_of_another_operation_is_not_a_member() {
        let mut story = story();
        story
            .bank_asks(create_operation("b", 1))
            .happens(&["create_operation"]);
        story.create_transaction("alone");
        for stranger in ["b.0", "alone"] {
            let command = story.answers("a", &["a.0", stranger]);
            story
                .device_asks(command)
                .is_refused(ErrorCode::TransactionIsNotInOperation);
        }
    }

    #[test]
    fn what_has_an_outcome_is_not_answered_again() {
        let mut story = story();
        let confirmation = story.confirmation("a.0");
        story
            .device_asks(confirmation.clone())
            .happens(&["confirm_transaction", "clean_transaction"]);
        let delete = DeleteTransaction {
            transaction_id: "a.1".parse().unwrap(),
        };
        story.bank_asks(delete).happens(&["delete_transaction"]);
        for (id, code) in [
            ("a.0", ErrorCode::TransactionChecked),
            ("a.1", ErrorCode::TransactionIsDeleted),
        ] {
            let command = story.answers("a", &["a.2", id]);
            story.device_asks(command).is_refused(code);
        }
        let command = story.answers("a", &["a.2", "a.3"]);
        processed(&story.device_asks(command));
        let confirmation = story.confirmation("a.2");
        story
            .device_asks(confirmation)
            .is_refused(ErrorCode::TransactionChecked);
        let decline = DeclineTransaction {
            transaction_id: "a.2".parse().unwrap(),
            reason: "too late".to_owned(),
            code: None,
        };
        story
            .bank_asks(decline)
            .is_refused(ErrorCode::TransactionChecked);
    }

    #[test]
    fn the_deadline_itself_is_too_late() {
        let mut story = story();
        story.at(NOW.plus_seconds(60));
        let command = story.answers("a", &["a.0"]);
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::OperationExpired);
        story.at(NOW.plus_seconds(60).plus_ms(-1));
        processed(&story.device_asks(command));
    }

    #[test]
    fn wrong_codes_are_counted_with_their_own_transaction() {
        let mut story = Story::of_a_user_with(key_request(KeyParts::Whole));
        let mut command = create_operation("a", 2);
        command.confirm_code_length = Some(4);
        story.bank_asks(command).happens(&["create_operation"]);
        let with_codes = |codes: [String; 2]| ProcessOperation {
            operation_id: "a".parse().unwrap(),
            answers: codes
                .into_iter()
                .enumerate()
                .map(|(number, code)| MemberAnswer {
                    transaction_id: format!("a.{number}").parse().unwrap(),
                    answer: YesOrNo::Confirm {
                        signature: None,
                        confirm_code: Some(code),
                    },
                })
                .collect(),
            device_fingerprint: None,
        };
        let right = [story.code("a.0", 0), story.code("a.1", 0)];
        let wrong = (0..10_000)
            .map(|code| format!("{code:04}"))
            .find(|code| (-1..=1).all(|step| story.code("a.1", step) != *code))
            .unwrap();
        for _ in 0..5 {
            story
                .device_asks(with_codes([right[0].clone(), wrong.clone()]))
                .is_refused(ErrorCode::InvalidHmac);
        }
        story
            .device_asks(with_codes(right.clone()))
            .is_refused(ErrorCode::TransactionStatusInvalid);
        let mut alone = with_codes(right);
        alone.answers.truncate(1);
        assert_eq!(
            processed(&story.device_asks(alone)).status,
            OperationStatus::Partly,
            "the other transaction has its tries"
        );
    }

    #[test]
    fn only_a_device_answers() {
        let mut story = story();
        let command = story.answers("a", &["a.0"]);
        story.bank_asks(command).is_refused(ErrorCode::RequestError);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// However the answers are cut into requests and mixed with single confirmations, each transaction has one outcome.
        #[test]
        fn every_transaction_gets_one_outcome(cuts in prop::collection::vec((0_usize..4, any::<bool>()), 1..12)) {
            let mut story = story();
            for (number, alone) in cuts {
                let id = format!("a.{number}");
                if alone {
                    let confirmation = story.confirmation(&id);
                    story.device_asks(confirmation);
                } else {
                    let command = story.answers("a", &[&id]);
                    story.device_asks(command);
                }
            }
            let mut outcomes = std::collections::HashMap::<TransactionId, u32>::new();
            for recorded in &story.history {
                match &recorded.event {
                    Event::Operations(OperationEvent::Processed(event)) => {
                        for member in &event.confirmed {
                            *outcomes.entry(member.transaction_id.clone()).or_default() += 1;
                        }
                    }
                    Event::Transactions(schemas::events::transactions::TransactionEvent::Confirmed(event)) => {
                        *outcomes.entry(event.transaction_id.clone()).or_default() += 1;
                    }
                    _ => {}
                }
            }
            prop_assert!(outcomes.values().all(|count| *count == 1), "{outcomes:?}");
        }
    }
}
