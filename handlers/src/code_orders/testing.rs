//! What stories about sending codes begin with.

use schemas::answers::AnswerBody;
use schemas::commands::code_orders::{
    BeginCodeSending, Channel, CodeContacts, Language, SendActivationCode, SendingOutcome,
    SettleCodeSending,
};
use schemas::commands::keys::KeyParts;
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;
use schemas::vault::VaultName;
use schemas::{CodeOrderId, Secret};

use crate::testing::{Heard, Story, key_request};

pub(super) const PHONE: &str = "+79991234567";
pub(super) const TWO: KeyParts = KeyParts::TwoDrawCode { digits: 10 };

/// A house that sends codes, and a user whose key waits for one.
pub(super) fn story() -> Story {
    Story::of_a_user_with(key_request(TWO))
}

pub(super) fn send() -> SendActivationCode {
    SendActivationCode {
        key_index: None,
        contacts: CodeContacts {
            phone: Some(Secret::new(PHONE)),
            email: Some(Secret::new("ivan@mail.example")),
        },
        language: Language::Ru,
    }
}

pub(super) fn ordered(story: &mut Story) -> CodeOrderId {
    let heard = story.bank_asks(send());
    heard.happens(&["send_activation_code"]);
    match heard.answer() {
        AnswerBody::CodeOrdered { order_id, .. } => order_id,
        other => panic!("an order was expected: {other:?}"),
    }
}

pub(super) fn begin(order_id: &CodeOrderId, channel: Channel, attempt: u32) -> BeginCodeSending {
    BeginCodeSending {
        order_id: order_id.clone(),
        channel,
        attempt,
    }
}

pub(super) fn settle(
    order_id: &CodeOrderId,
    channel: Channel,
    outcome: SendingOutcome,
) -> SettleCodeSending {
    SettleCodeSending {
        order_id: order_id.clone(),
        channel,
        outcome,
        reason: None,
    }
}

pub(super) fn contacts_row(order_id: &CodeOrderId) -> VaultName {
    VaultName::code_contacts(order_id)
}

/// What became of which message.
pub(super) fn outcomes(heard: &Heard) -> Vec<(Channel, SendingOutcome)> {
    let events = heard.decision().events.iter();
    let settled = events.filter_map(|event| match event {
        Event::CodeOrders(CodeOrderEvent::Settled(event)) => Some((event.channel, event.outcome)),
        _ => None,
    });
    settled.collect()
}
