use schemas::commands::code_orders::{Channel, CodeContacts};
use schemas::commands::keys::{ActivateKey, ExportUserKey, KeyCarrier, KeyParts};
use schemas::commands::users::{BlockUser, DeleteUser};
use schemas::{Digest, KeyIndex};

use super::*;
use crate::code_orders::testing::{TWO, contacts_row, ordered, send, story};
use crate::testing::{NOW, Story, delayed, key_request};

fn to_phone(number: &str) -> SendActivationCode {
    SendActivationCode {
        contacts: CodeContacts {
            phone: Some(Secret::new(number)),
            email: None,
        },
        ..send()
    }
}

fn refused(story: &mut Story, command: SendActivationCode, code: ErrorCode) {
    story.bank_asks(command).is_refused(code);
}

#[test]
fn an_order_holds_neither_the_code_nor_the_contacts_and_ends_by_itself() {
    let mut story = story();
    let code = story.drawn_code();
    let heard = story.bank_asks(send());
    heard.happens(&["send_activation_code"]);
    let decision = heard.decision();
    let AnswerBody::CodeOrdered {
        order_id,
        key_index,
        channels,
        valid_to,
    } = heard.answer()
    else {
        panic!("an order was expected");
    };
    assert_eq!((key_index, channels), (KeyIndex(1), Channel::ALL.to_vec()));
    assert_eq!(valid_to, story.key_valid_to());
    assert!(story.vault.get(&contacts_row(&order_id)).is_some());
    let written = format!("{:?} {:?}", decision.events, decision.vault);
    for secret in [code.expose_text().unwrap(), "9991234567", "mail.example"] {
        assert!(!written.contains(secret), "{written}");
    }
    let ends = (code_order_timer(&order_id), NOW.plus_seconds(ORDER_LIFE_S));
    assert_eq!(decision.timers, [ends]);
}

#[test]
fn three_orders_an_hour_are_taken_and_an_hour_later_the_next() {
    let mut story = story();
    for minute in 0..3 {
        story.at(NOW.plus_seconds(60 * minute));
        ordered(&mut story);
    }
    let tries = ErrorCode::RequestIsLockedByAnotherRequest;
    refused(&mut story, send(), tries);
    story.at(NOW.plus_seconds(ORDER_LIFE_S).plus_ms(-1));
    refused(&mut story, send(), tries);
    story.at(NOW.plus_seconds(ORDER_LIFE_S));
    ordered(&mut story);
    refused(&mut story, send(), tries);
}

#[test]
fn a_key_handed_out_anew_has_no_new_orders() {
    let mut story = story();
    for _ in 0..3 {
        ordered(&mut story);
    }
    let export = ExportUserKey {
        parts: TWO,
        app_extra: None,
        carrier: KeyCarrier::Text,
    };
    story.bank_asks(export).happens(&["export_user_key"]);
    let tries = ErrorCode::RequestIsLockedByAnotherRequest;
    refused(&mut story, send(), tries);
}

#[test]
fn each_message_counts_against_the_systems_day() {
    let mut story = story();
    let step = |story: &mut Story, command| {
        let heard = story.bank_asks(command);
        heard.decision().counts[0].clone()
    };
    let both = step(&mut story, send());
    assert_eq!(both.step, 2);
    let limit = (10_000, ErrorCode::RequestIsLockedByAnotherRequest);
    assert_eq!(both.limit, Some(limit));
    let one = step(&mut story, to_phone("+79990000001"));
    assert_eq!((one.step, &one.counter), (1, &both.counter));
    story.at(NOW.plus_seconds(86_400));
    assert_ne!(step(&mut story, send()).counter, both.counter);
}

#[test]
fn only_what_is_configured_and_permitted_is_sent() {
    let mut story = story();
    let nobody = SendActivationCode {
        contacts: CodeContacts::default(),
        ..send()
    };
    refused(&mut story, nobody, ErrorCode::RequestError);
    story.code_policy.phone_prefixes = vec!["+7".to_owned(), "+375".to_owned()];
    refused(
        &mut story,
        to_phone("+882161234567"),
        ErrorCode::RequestError,
    );
    story
        .bank_asks(to_phone("+375291234567"))
        .happens(&["send_activation_code"]);
    story.code_policy.channels = vec![Channel::Email];
    refused(&mut story, send(), ErrorCode::NotSupported);
    story
        .device_asks(to_phone("+79991234567"))
        .is_refused(ErrorCode::RequestError);
}

#[test]
fn a_key_that_waits_for_no_code_has_none_sent() {
    let mut whole = Story::of_a_user();
    refused(&mut whole, send(), ErrorCode::RequestError);
    let mut story = story();
    story.activate_device();
    refused(&mut story, send(), ErrorCode::RequestError);
    let mut tried = self::story();
    for number in 0..5 {
        let proof = Digest([number; 32]);
        tried.device_asks(ActivateKey { proof });
    }
    refused(&mut tried, send(), ErrorCode::ActivationAttemptsExceeded);
}

#[test]
fn a_blocked_expired_or_missing_key_has_none_sent() {
    let mut story = story();
    story.at(story.key_valid_to());
    refused(&mut story, send(), ErrorCode::KeyExpired);
    let unknown = SendActivationCode {
        key_index: Some(KeyIndex(2)),
        ..send()
    };
    refused(&mut story, unknown, ErrorCode::KeyIndexWrong);
    let reason = "lost".to_owned();
    story
        .bank_asks(BlockUser { reason })
        .happens(&["change_user"]);
    refused(&mut story, send(), ErrorCode::UserIsBlocked);
    story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
    refused(&mut story, send(), ErrorCode::UserIsDeleted);
}

#[test]
fn the_newest_key_that_waits_is_meant_unless_one_is_named() {
    let mut story = story();
    story.bank_asks(delayed(TWO)).happens(&["update_user_key"]);
    let asked = |story: &mut Story, key_index: Option<u32>| {
        let key_index = key_index.map(KeyIndex);
        let heard = story.bank_asks(SendActivationCode {
            key_index,
            ..send()
        });
        match heard.answer() {
            AnswerBody::CodeOrdered { key_index, .. } => key_index,
            other => panic!("an order was expected: {other:?}"),
        }
    };
    assert_eq!(asked(&mut story, None), KeyIndex(2));
    assert_eq!(asked(&mut story, Some(1)), KeyIndex(1));
    story.replace_key();
    let replaced = SendActivationCode {
        key_index: Some(KeyIndex(2)),
        ..send()
    };
    refused(&mut story, replaced, ErrorCode::KeyIndexObsoleted);
}

#[test]
fn a_house_that_sends_no_codes_keeps_none() {
    let mut story = Story::of_a_system();
    story.code_policy = CodePolicy::default();
    let create = |parts| schemas::commands::users::CreateUser {
        user_name: None,
        key: key_request(parts),
    };
    story.bank_asks(create(TWO)).happens(&["create_user"]);
    let row = VaultName::activation_code(KeyIndex(1));
    assert_eq!(story.vault.get(&row), None);
    refused(&mut story, send(), ErrorCode::NotSupported);
    // Sending is switched on later: the code is gone, and the bank issues another key.
    story.code_policy.channels = Channel::ALL.to_vec();
    refused(&mut story, send(), ErrorCode::KeyInfoNotFound);
    let code = Secret::new("chosen-by-the-bank");
    let command = delayed(KeyParts::TwoGivenCode { code: code.clone() });
    story.bank_asks(command).happens(&["update_user_key"]);
    let row = VaultName::activation_code(KeyIndex(2));
    assert_eq!(story.vault.get(&row), Some(code.expose()));
}

#[test]
fn the_code_goes_with_the_activation_and_with_its_key() {
    let mut story = story();
    let row = VaultName::activation_code(KeyIndex(1));
    assert_eq!(
        story.vault.get(&row),
        Some(story.drawn_code().expose()),
        "kept as it was drawn"
    );
    story.activate_device();
    assert_eq!(story.vault.get(&row), None);
    let mut story = self::story();
    story.replace_key();
    assert_eq!(story.vault.get(&row), None);
}
