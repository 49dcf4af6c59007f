//! What confirms a transaction, and what does not.

use schemas::ErrorCode;
use schemas::commands::devices::SetFingerprint;
use schemas::commands::keys::KeyParts;
use schemas::commands::transactions::DeleteTransaction;
use schemas::events::Event;
use schemas::events::transactions::TransactionEvent;
use schemas::flags::WITH_FINGERPRINT;

use super::*;
use crate::facts::Verified;
use crate::testing::{NOW, Story, create_transaction, key_request};

const DONE: &[&str] = &["confirm_transaction", "clean_transaction"];

fn story() -> Story {
    let mut story = Story::of_a_registered_device();
    story.create_transaction_until("invoice-1", 600);
    story
}

/// A user whose device has no public key: codes only.
fn story_of_codes(digits: Option<u8>) -> Story {
    let mut story = Story::of_a_user();
    let mut command = create_transaction("invoice-1");
    command.confirm_code_length = digits;
    story.bank_asks(command).happens(&["create_transaction"]);
    story
}

fn with_code(code: &str) -> ConfirmTransaction {
    ConfirmTransaction {
        transaction_id: "invoice-1".parse().unwrap(),
        signature: None,
        confirm_code: Some(code.to_owned()),
        device_fingerprint: None,
    }
}

fn with_signature(signature: Vec<u8>) -> ConfirmTransaction {
    ConfirmTransaction {
        transaction_id: "invoice-1".parse().unwrap(),
        signature: Some(signature),
        confirm_code: None,
        device_fingerprint: None,
    }
}

fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &code[..code.len() - 1])
}

#[test]
fn a_pending_transaction_is_confirmed() {
    let mut story = story();
    let command = story.confirmation("invoice-1");
    let confirmed = story.device_asks(command.clone());
    confirmed.happens(DONE);
    let Event::Transactions(TransactionEvent::Confirmed(event)) = &confirmed.decision().events[0]
    else {
        panic!("a confirmation was expected");
    };
    let given = Signature::parse(command.signature.as_deref().unwrap()).unwrap();
    assert_eq!(event.signature, Some(given.to_low_s_der()));
    assert_eq!(event.digest, story.digest("invoice-1"));
    assert_eq!(
        event.callback_url.as_deref(),
        Some("https://bank.example/callback")
    );
    assert_eq!(confirmed.decision().cancelled_timers, ["expire/invoice-1"]);
    let name = VaultName::transaction_content(&"invoice-1".parse().unwrap());
    assert_eq!(story.vault.get(&name), None);
}

#[test]
fn a_transaction_is_kept_when_the_setting_says_so() {
    let mut story = story();
    story.set("CLEAN_TRANSACTION", "0");
    let command = story.confirmation("invoice-1");
    story.device_asks(command).happens(&["confirm_transaction"]);
    let name = VaultName::transaction_content(&"invoice-1".parse().unwrap());
    assert!(story.vault.get(&name).is_some());
}

#[test]
fn the_outcome_goes_to_the_transactions_own_address_first() {
    let mut story = Story::of_a_registered_device();
    let mut command = create_transaction("invoice-1");
    command.callback_url = Some("https://bank.example/own".to_owned());
    story.bank_asks(command).happens(&["create_transaction"]);
    let command = story.confirmation("invoice-1");
    let confirmed = story.device_asks(command);
    let Event::Transactions(TransactionEvent::Confirmed(event)) = &confirmed.decision().events[0]
    else {
        panic!("a confirmation was expected");
    };
    assert_eq!(
        event.callback_url.as_deref(),
        Some("https://bank.example/own")
    );
}

#[test]
fn the_deadline_itself_is_too_late() {
    let deadline = NOW.plus_seconds(600);
    let mut late = story();
    late.at(deadline);
    let command = late.confirmation("invoice-1");
    late.device_asks(command)
        .is_refused(ErrorCode::TransactionExpired);
    let mut just_in_time = story();
    just_in_time.at(deadline.plus_ms(-1));
    let command = just_in_time.confirmation("invoice-1");
    just_in_time.device_asks(command).happens(DONE);
}

#[test]
fn what_is_final_stays_final() {
    let mut story = story();
    let command = story.confirmation("invoice-1");
    story.device_asks(command).happens(DONE);
    let again = story.confirmation("invoice-1");
    story
        .device_asks(again)
        .is_refused(ErrorCode::TransactionChecked);
    let mut deleted = self::story();
    let delete = DeleteTransaction {
        transaction_id: "invoice-1".parse().unwrap(),
    };
    deleted.bank_asks(delete).happens(&["delete_transaction"]);
    let command = deleted.confirmation("invoice-1");
    deleted
        .device_asks(command)
        .is_refused(ErrorCode::TransactionIsDeleted);
}

#[test]
fn consent_needs_a_proof_and_a_transaction() {
    let mut story = story();
    let mut nothing = story.confirmation("invoice-1");
    nothing.signature = None;
    story
        .device_asks(nothing)
        .is_refused(ErrorCode::SignatureAndConfirmCodeAreNull);
    let mut unknown = story.confirmation("invoice-1");
    unknown.transaction_id = "invoice-2".parse().unwrap();
    story
        .device_asks(unknown)
        .is_refused(ErrorCode::TransactionIsNull);
}

#[test]
fn a_signature_is_given_when_a_public_key_is_and_only_then() {
    let mut story = story();
    let code = story.code("invoice-1", 0);
    story
        .device_asks(with_code(&code))
        .is_refused(ErrorCode::SignatureIsNull);
    let mut unregistered = story_of_codes(None);
    let command = unregistered.confirmation("invoice-1");
    unregistered
        .device_asks(command)
        .is_refused(ErrorCode::PubkeyIsEmpty);
}

#[test]
fn a_signature_is_strict_der_over_this_transaction() {
    let mut story = story();
    let good = story.confirmation("invoice-1").signature.unwrap();
    story.create_transaction("invoice-2");
    let elsewhere = story.confirmation("invoice-2").signature.unwrap();
    let zero = vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01];
    for (signature, code) in [
        ([&good[..], &[0]].concat(), ErrorCode::DsStructError),
        (vec![], ErrorCode::DsStructError),
        (zero, ErrorCode::SignatureIsInvalid),
        (elsewhere, ErrorCode::SignatureIsInvalid),
    ] {
        story
            .device_asks(with_signature(signature))
            .is_refused(code);
    }
    story.device_asks(with_signature(good)).happens(DONE);
}

#[test]
fn the_high_twin_of_a_signature_is_stored_as_the_low_one() {
    let mut story = story();
    let command = story.confirmation("invoice-1");
    let twin = crate::testing::twin(command.signature.as_deref().unwrap());
    let confirmed = story.device_asks(with_signature(twin));
    let Event::Transactions(TransactionEvent::Confirmed(event)) = &confirmed.decision().events[0]
    else {
        panic!("a confirmation was expected");
    };
    let given = Signature::parse(command.signature.as_deref().unwrap()).unwrap();
    assert_eq!(event.signature, Some(given.to_low_s_der()));
    story
        .device_asks(command)
        .is_refused(ErrorCode::TransactionChecked);
}

#[test]
fn an_answer_from_beside_the_lane_counts_for_its_own_question_only() {
    let mut story = story();
    let good = story.confirmation("invoice-1");
    let bad = with_signature(crate::testing::twin(&[
        0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01,
    ]));
    let envelope = story.device_request(bad.clone());
    let own = crate::precheck(&story.state, &envelope).remove(0);
    let elsewhere = story.device_request(good);
    let other = crate::precheck(&story.state, &elsewhere).remove(0);
    story.verified_beside = Some(Verified {
        check: other,
        valid: true,
    });
    story
        .receive(envelope)
        .is_refused(ErrorCode::SignatureIsInvalid);
    story.verified_beside = Some(Verified {
        check: own,
        valid: true,
    });
    story.device_asks(bad).happens(DONE);
}

#[test]
fn a_code_confirms_where_no_public_key_is_registered() {
    for digits in [None, Some(4), Some(8), Some(10)] {
        for step in [-1, 0, 1] {
            let mut story = story_of_codes(digits);
            let code = story.code("invoice-1", step);
            story.device_asks(with_code(&code)).happens(DONE);
        }
    }
    let mut story = story_of_codes(None);
    for step in [-2, 2] {
        let code = story.code("invoice-1", step);
        story
            .device_asks(with_code(&code))
            .is_refused(ErrorCode::InvalidHmac);
    }
}

#[test]
fn a_code_has_the_length_the_transaction_asks_for() {
    let mut story = story_of_codes(Some(8));
    for code in ["", "1234567", "123456789", &"0".repeat(64)] {
        story
            .device_asks(with_code(code))
            .is_refused(ErrorCode::ConfirmCodeLengthIsWrong);
    }
    let code = story.code("invoice-1", 0);
    story.device_asks(with_code(&code)).happens(DONE);
}

#[test]
fn after_five_wrong_codes_even_the_right_one_is_not_looked_at() {
    let mut story = story_of_codes(Some(4));
    let right = story.code("invoice-1", 0);
    for _ in 0..5 {
        story
            .device_asks(with_code(&wrong(&right)))
            .is_refused(ErrorCode::InvalidHmac);
    }
    story
        .device_asks(with_code(&right))
        .is_refused(ErrorCode::TransactionStatusInvalid);
}

#[test]
fn after_four_wrong_codes_the_right_one_still_counts() {
    let mut story = story_of_codes(None);
    let right = story.code("invoice-1", 0);
    for _ in 0..4 {
        story
            .device_asks(with_code(&wrong(&right)))
            .is_refused(ErrorCode::InvalidHmac);
    }
    story.device_asks(with_code(&right)).happens(DONE);
}

#[test]
fn both_proofs_must_be_right_and_a_wrong_signature_tries_no_code() {
    let mut story = story();
    let code = story.code("invoice-1", 0);
    let mut both = story.confirmation("invoice-1");
    both.confirm_code = Some(wrong(&code));
    story
        .device_asks(both.clone())
        .is_refused(ErrorCode::InvalidHmac);
    let mut unsigned = both.clone();
    unsigned.signature = Some(vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]);
    for _ in 0..10 {
        story
            .device_asks(unsigned.clone())
            .is_refused(ErrorCode::SignatureIsInvalid);
    }
    both.confirm_code = Some(code);
    story.device_asks(both).happens(DONE);
}

#[test]
fn a_bound_user_confirms_with_the_bound_device_only() {
    let mut request = key_request(KeyParts::Whole);
    request.flags.set(&WITH_FINGERPRINT, 1);
    let mut story = Story::of_a_user_with(request);
    story.create_transaction("invoice-1");
    let code = story.code("invoice-1", 0);
    story
        .device_asks(with_code(&code))
        .is_refused(ErrorCode::FprintIsEmpty);
    let device_fingerprint = Digest([7; 32]);
    story
        .device_asks(SetFingerprint { device_fingerprint })
        .happens(&["set_device_fingerprint"]);
    story
        .device_asks(with_code(&code))
        .is_refused(ErrorCode::InvalidHmac);
    story.device.fingerprint = Some(device_fingerprint);
    let mut command = with_code(&story.code("invoice-1", 0));
    command.device_fingerprint = Some(Digest([8; 32]));
    for _ in 0..10 {
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::DeviceFingerprintMismatch);
    }
    command.device_fingerprint = Some(device_fingerprint);
    story.device_asks(command).happens(DONE);
}

#[test]
fn without_header_checks_a_code_still_needs_the_key() {
    let mut story = story_of_codes(None);
    story.set("CHECK_HTTP_AUTH_HEADER", "0");
    let code = story.code("invoice-1", 0);
    story
        .vault
        .rows
        .remove(&VaultName::key_first_part(story.device.key_index));
    story
        .device_asks(with_code(&code))
        .is_refused(ErrorCode::KeyInfoNotFound);
}
