use schemas::ErrorCode;
use schemas::commands::code_orders::{Channel, Language};
use schemas::commands::keys::{ExportUserKey, KeyCarrier};
use schemas::commands::systems::RemoveSystem;
use schemas::commands::users::BlockUser;

use super::super::state::ORDER_LIFE_S;
use super::*;
use crate::code_orders::testing::{
    PHONE, TWO, begin, contacts_row, ordered, outcomes, settle, story,
};
use crate::testing::{NOW, Story};

const ATTEMPT: &[&str] = &["send_activation_code_attempt"];
const RESULT: &[&str] = &["send_activation_code_result"];

fn told(story: &mut Story, command: BeginCodeSending) -> Option<CodeToSend> {
    match story.house_asks(command).answer() {
        AnswerBody::CodeToSend(message) => Some(*message),
        AnswerBody::Nothing => None,
        other => panic!("a message was expected: {other:?}"),
    }
}

#[test]
fn the_house_is_told_what_to_send_and_the_log_knows_first() {
    let mut story = story();
    let order_id = ordered(&mut story);
    let heard = story.house_asks(begin(&order_id, Channel::Sms, 1));
    heard.happens(ATTEMPT);
    assert!(heard.decision().secret_answer, "no code in the log");
    let AnswerBody::CodeToSend(message) = heard.answer() else {
        panic!("a message was expected");
    };
    let expected = CodeToSend {
        code: story.drawn_code(),
        contact: Secret::new(PHONE),
        language: Language::Ru,
        valid_to: story.key_valid_to(),
    };
    assert_eq!(*message, expected);
    let letter = told(&mut story, begin(&order_id, Channel::Email, 1)).unwrap();
    assert_eq!(letter.contact, Secret::new("ivan@mail.example"));
}

#[test]
fn an_attempt_begins_once_and_five_are_made() {
    let mut story = story();
    let order_id = ordered(&mut story);
    for attempt in 1..=5 {
        assert!(told(&mut story, begin(&order_id, Channel::Sms, attempt)).is_some());
        let again = story.house_asks(begin(&order_id, Channel::Sms, attempt));
        again.happens(&[]);
        assert_eq!(again.answer(), AnswerBody::Nothing);
    }
    let heard = story.house_asks(begin(&order_id, Channel::Sms, 6));
    heard.happens(RESULT);
    assert_eq!(outcomes(&heard), [(Channel::Sms, SendingOutcome::Failed)]);
    story
        .house_asks(begin(&order_id, Channel::Sms, 7))
        .happens(&[]);
}

#[test]
fn nothing_is_sent_after_an_outcome() {
    for outcome in [
        SendingOutcome::Sent,
        SendingOutcome::Unknown,
        SendingOutcome::Failed,
    ] {
        let mut story = story();
        let order_id = ordered(&mut story);
        assert!(told(&mut story, begin(&order_id, Channel::Sms, 1)).is_some());
        story
            .house_asks(settle(&order_id, Channel::Sms, outcome))
            .happens(RESULT);
        story
            .house_asks(begin(&order_id, Channel::Sms, 2))
            .happens(&[]);
    }
}

fn is_withdrawn(story: &mut Story, order_id: &schemas::CodeOrderId, why: &str) {
    for channel in Channel::ALL {
        let heard = story.house_asks(begin(order_id, channel, 1));
        heard.happens(RESULT);
        let expected = [(channel, SendingOutcome::Withdrawn)];
        assert_eq!(outcomes(&heard), expected, "{why}");
        assert_eq!(heard.answer(), AnswerBody::Nothing);
    }
    assert_eq!(story.vault.get(&contacts_row(order_id)), None);
}

/// Something after which a code is of no use.
type End<'a> = &'a dyn Fn(&mut Story);

#[test]
fn a_code_of_no_use_is_not_sent() {
    let export = ExportUserKey {
        parts: TWO,
        app_extra: None,
        carrier: KeyCarrier::Text,
    };
    let reason = "lost".to_owned();
    let ends: [(&str, End<'_>); 6] = [
        ("without its system", &|story| {
            story
                .system_asks(RemoveSystem {})
                .happens(&["remove_system"]);
        }),
        ("activated", &|story| story.activate_device()),
        ("replaced", &|story| story.replace_key()),
        ("handed out anew", &|story| {
            story
                .bank_asks(export.clone())
                .happens(&["export_user_key"]);
        }),
        ("blocked", &|story| {
            let reason = reason.clone();
            story
                .bank_asks(BlockUser { reason })
                .happens(&["change_user"]);
        }),
        ("late", &|story| story.at(NOW.plus_seconds(ORDER_LIFE_S))),
    ];
    for (why, end) in ends {
        let mut story = story();
        let order_id = ordered(&mut story);
        end(&mut story);
        is_withdrawn(&mut story, &order_id, why);
    }
}

#[test]
fn nobody_else_is_told() {
    let mut story = story();
    let order_id = ordered(&mut story);
    let command = begin(&order_id, Channel::Sms, 1);
    story
        .bank_asks(command.clone())
        .is_refused(ErrorCode::RequestError);
    story.activate_device();
    story
        .device_asks(command)
        .is_refused(ErrorCode::RequestError);
    let unknown = begin(&"other".parse().unwrap(), Channel::Sms, 1);
    story.house_asks(unknown).happens(&[]);
}
