//! Confirmations without the user: one attempt, one score, one outcome.

use schemas::Digest;
use schemas::commands::transactions::{GetTransactionInfo, ListAutoconfirm};
use schemas::events::transactions::TransactionEvent;

use super::*;
use crate::testing::{Device, Story};

const DONE: &[&str] = &[
    "autoconfirm_transaction_attempt",
    "autoconfirm_transaction",
    "clean_transaction",
];
const TRIED: &[&str] = &["autoconfirm_transaction_attempt", "autoconfirm_transaction"];

fn scored(score: u8) -> OutsideAnswer {
    let details = Some(Secret::new(r#"{"rule":"calm"}"#));
    OutsideAnswer::Scored(Scored { score, details })
}

/// A story with one transaction, and a service that gives this score.
fn story(score: u8) -> Story {
    let mut story = Story::of_autosign();
    story.create_transaction("invoice-1");
    story.outside = scored(score);
    story
}

#[test]
fn a_trusted_device_confirms_by_itself() {
    let mut story = story(70);
    let command = story.autoconfirmation("invoice-1");
    let heard = story.device_asks(command.clone());
    heard.happens(DONE);
    let Event::Transactions(TransactionEvent::Autoconfirmed(event)) = &heard.decision().events[0]
    else {
        panic!("a confirmation was expected");
    };
    assert_eq!((event.score, event.attempt_id), (70, command.attempt_id));
    assert_eq!(
        event.callback_url.as_deref(),
        Some("https://bank.example/callback")
    );
    let [OutsideQuestion::Score(question)] = &story.asked_outside[..] else {
        panic!("one question was expected");
    };
    assert_eq!(question.session, command.scoring_session);
    let again = story.confirmation("invoice-1");
    story
        .device_asks(again)
        .is_refused(ErrorCode::TransactionChecked);
}

#[test]
fn one_point_below_the_limit_is_too_risky_for_good() {
    let mut story = story(69);
    let command = story.autoconfirmation("invoice-1");
    let heard = story.device_asks(command);
    assert_eq!(heard.code(), ErrorCode::HighScoringRiskLevel);
    heard.happens(TRIED);
    assert!(story.autoconfirm_list().is_empty());
    story.outside = scored(100);
    let command = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
    story
        .device_asks(command)
        .is_refused(ErrorCode::AutosignNotAllowed);
    let by_hand = story.confirmation("invoice-1");
    story
        .device_asks(by_hand)
        .happens(&["confirm_transaction", "clean_transaction"]);
}

#[test]
fn without_a_score_nothing_is_confirmed() {
    for none in [
        OutsideAnswer::Unavailable,
        OutsideAnswer::Authenticated { accepted: true },
    ] {
        let mut story = story(0);
        story.outside = none;
        for _ in 0..5 {
            let command = story.autoconfirmation("invoice-1");
            story
                .device_asks(command)
                .is_refused(ErrorCode::ScoringFailed);
        }
        assert_eq!(story.asked_outside.len(), 5);
        assert!(story.autoconfirm_list().is_empty(), "five scores, no more");
    }
}

#[test]
fn an_attempt_counts_once_for_one_transaction_and_one_minute() {
    let mut story = story(70);
    story.create_transaction("invoice-2");
    let offers = story.autoconfirm_list();
    let swapped = story.autoconfirmation_in("invoice-1", offers[1].attempt_id);
    story
        .device_asks(swapped)
        .is_refused(ErrorCode::AutosignFailed);
    let drawn = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
    story
        .device_asks(drawn)
        .is_refused(ErrorCode::AutosignFailed);
    let older = story.autoconfirmation("invoice-1");
    story.autoconfirm_list();
    story
        .device_asks(older)
        .is_refused(ErrorCode::AutosignFailed);
    let late = story.autoconfirmation("invoice-1");
    story.at(story.now().plus_seconds(60));
    story
        .device_asks(late)
        .is_refused(ErrorCode::AutosignFailed);
    assert!(story.asked_outside.is_empty());
    story.outside = OutsideAnswer::Unavailable;
    let used = story.autoconfirmation("invoice-1");
    story
        .device_asks(used.clone())
        .is_refused(ErrorCode::ScoringFailed);
    story.outside = scored(100);
    story
        .device_asks(used)
        .is_refused(ErrorCode::AutosignFailed);
    let in_time = story.autoconfirmation("invoice-1");
    story.at(story.now().plus_seconds(60).plus_ms(-1));
    story.device_asks(in_time).happens(DONE);
}

#[test]
fn the_pairs_cannot_be_swapped() {
    let mut story = story(70);
    let right = story.autoconfirmation("invoice-1");
    let digest = autosign_digest(&right.attempt_id, &story.digest("invoice-1"));
    let wrong = [
        story.device.sign(&digest),
        story.autosigner.sign(&story.digest("invoice-1")),
        story.device.sign(&story.digest("invoice-1")),
        vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01],
    ];
    for signature in wrong {
        let command = AutoconfirmTransaction {
            signature,
            ..right.clone()
        };
        story
            .device_asks(command)
            .is_refused(ErrorCode::AutosingSignatureIsInvalid);
    }
    let mut malformed = right.clone();
    malformed.signature.push(0);
    story
        .device_asks(malformed)
        .is_refused(ErrorCode::DsStructError);
    let mut by_user = story.confirmation("invoice-1");
    by_user.signature = Some(right.signature.clone());
    story
        .device_asks(by_user)
        .is_refused(ErrorCode::SignatureIsInvalid);
    let mut by_user = story.confirmation("invoice-1");
    by_user.signature = Some(story.autosigner.sign(&story.digest("invoice-1")));
    story
        .device_asks(by_user)
        .is_refused(ErrorCode::SignatureIsInvalid);
    assert!(story.asked_outside.is_empty(), "nobody outside was asked");
    story.device_asks(right).happens(DONE);
}

#[test]
fn a_nonce_of_the_second_pair_that_comes_again_costs_the_key() {
    let mut story = story(70);
    story.create_transaction("invoice-2");
    let with_nonce = |story: &mut Story, id: &str| {
        let command = story.autoconfirmation(id);
        let digest = autosign_digest(&command.attempt_id, &story.digest(id));
        AutoconfirmTransaction {
            signature: story.autosigner.sign_with_nonce(&digest, 7),
            ..command
        }
    };
    let first = with_nonce(&mut story, "invoice-1");
    // Whatever the score is: the signature was seen.
    story.outside = OutsideAnswer::Unavailable;
    story
        .device_asks(first)
        .is_refused(ErrorCode::ScoringFailed);
    let second = with_nonce(&mut story, "invoice-2");
    let heard = story.device_asks(second);
    assert_eq!(heard.code(), ErrorCode::UserIsBlocked);
    heard.happens(&["autoconfirm_transaction", "key_compromised_nonce"]);
    assert_eq!(story.asked_outside.len(), 1);
    story
        .device_asks(ListAutoconfirm {})
        .is_refused(ErrorCode::UserIsBlocked);
}

#[test]
fn a_stranger_never_makes_the_house_call_anybody() {
    let mut story = story(70);
    let command = story.autoconfirmation("invoice-1");
    story.device.first_part = Secret::new([0; 32]);
    story
        .device_asks(command)
        .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
    assert!(story.asked_outside.is_empty());
}

#[test]
fn a_key_without_a_second_pair_confirms_nothing_by_itself() {
    let mut story = Story::of_autosign_unregistered();
    story.create_transaction("invoice-1");
    let command = story.autoconfirmation("invoice-1");
    story
        .device_asks(command)
        .is_refused(ErrorCode::PubkeyIsEmpty);
    story.set("SCORING_SETTINGS", "{}");
    let command = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
    story
        .device_asks(command)
        .is_refused(ErrorCode::ScoringSettingsIsNull);
}

#[test]
fn a_bound_key_confirms_from_its_own_device_only() {
    let mut story = Story::of_autosign_bound_to(Digest([7; 32]));
    story.create_transaction("invoice-1");
    story.outside = scored(70);
    let mut command = story.autoconfirmation("invoice-1");
    command.device_fingerprint = Some(Digest([8; 32]));
    story
        .device_asks(command.clone())
        .is_refused(ErrorCode::DeviceFingerprintMismatch);
    command.device_fingerprint = Some(Digest([7; 32]));
    story.device_asks(command).happens(DONE);
}

#[test]
fn what_came_first_while_the_outside_was_asked_is_final() {
    let mut story = story(70);
    let command = story.autoconfirmation("invoice-1");
    let envelope = story.device_request(command);
    story
        .receive_first_step(envelope.clone())
        .happens(&["autoconfirm_transaction_attempt"]);
    let by_hand = story.confirmation("invoice-1");
    story
        .device_asks(by_hand)
        .happens(&["confirm_transaction", "clean_transaction"]);
    story
        .receive(envelope)
        .is_refused(ErrorCode::TransactionChecked);
}

#[test]
fn a_redelivery_asks_again_and_uses_no_other_attempt() {
    let mut story = story(70);
    let command = story.autoconfirmation("invoice-1");
    let envelope = story.device_request(command);
    story
        .receive_first_step(envelope.clone())
        .happens(&["autoconfirm_transaction_attempt"]);
    story
        .receive(envelope)
        .happens(&["autoconfirm_transaction", "clean_transaction"]);
}

#[test]
fn what_cannot_be_confirmed_by_hand_cannot_be_confirmed_without() {
    let mut story = story(70);
    story.create_transaction_until("invoice-2", 10);
    let command = story.autoconfirmation("invoice-2");
    story.at(story.now().plus_seconds(10));
    story
        .device_asks(command)
        .is_refused(ErrorCode::TransactionExpired);
    let unknown = story.autoconfirmation_in("invoice-9", Digest([1; 32]));
    story
        .device_asks(unknown)
        .is_refused(ErrorCode::TransactionIsNull);
    let transaction_id = "invoice-1".parse().unwrap();
    story
        .bank_asks(GetTransactionInfo { transaction_id })
        .happens(&["get_transaction_info"]);
}

#[test]
fn without_the_flags_nothing_is_asked() {
    let mut story = Story::of_autosign_with(1, 0);
    story.create_transaction("invoice-1");
    let stranger = Device::stranger(&story.system_id, &story.user_id);
    story.autosigner = stranger;
    let command = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
    story
        .device_asks(command)
        .is_refused(ErrorCode::AutosignNotAllowed);
    assert!(story.asked_outside.is_empty());
}
