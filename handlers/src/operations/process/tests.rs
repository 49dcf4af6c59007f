//! Answers to an operation: all of them, or none.

use proptest::prelude::*;
use schemas::commands::devices::SetFingerprint;
use schemas::commands::keys::KeyParts;
use schemas::commands::transactions::{DeclineTransaction, DeleteTransaction};
use schemas::events::Event;
use schemas::events::operations::OperationEvent;
use schemas::flags::WITH_FINGERPRINT;
use schemas::reasons::Reasons;
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
    let declined = &event.declined[0];
    assert_eq!((&declined.reason, declined.code), (&None, Some(7)));
    let cause = story.history.last().unwrap().causation_id;
    let row = story.vault.get(&VaultName::reasons(&cause)).unwrap();
    let (reasons, about) = (Reasons::decode(row).unwrap(), &declined.transaction_id);
    let digest = declined.reason_digest.unwrap();
    let kept = reasons.find(&digest, &story.owner(), Some(about)).unwrap();
    assert_eq!(kept.text(), Some("not me"));
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
