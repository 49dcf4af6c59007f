//! `note_code_receipt`: the house says what the message center says became of a message.

use schemas::commands::code_orders::NoteCodeReceipt;
use schemas::events::code_orders::CodeReceiptNoted;

use crate::decision::Decision;
use crate::users::Person;

/// Notes it, once: the first receipt of a message counts. One of an order that nobody remembers says nothing.
pub(crate) fn decide(person: Option<&Person>, command: &NoteCodeReceipt) -> Decision {
    let order = person.and_then(|person| person.code_orders.find(&command.order_id));
    let order = order.filter(|order| order.lacks_receipt(command.channel));
    let noted = order.map(|order| CodeReceiptNoted {
        order_id: order.id.clone(),
        key_index: order.key_index,
        channel: command.channel,
        outcome: command.outcome,
        reason: command.reason.clone(),
    });
    Decision::happened(noted.into_iter().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use schemas::commands::code_orders::{Channel, CodeReceipt, RECEIPT_LIFE_S, SendingOutcome};
    use schemas::commands::users::DeleteUser;
    use schemas::events::Event;
    use schemas::events::code_orders::CodeOrderEvent;
    use schemas::{CodeOrderId, ErrorCode};

    use super::super::state::ORDER_LIFE_S;
    use super::*;
    use crate::code_orders::testing::{begin, ordered, send, settle, story};
    use crate::testing::Story;

    const NOTED: &[&str] = &["send_activation_code_receipt"];

    fn receipt(order_id: &CodeOrderId, outcome: CodeReceipt) -> NoteCodeReceipt {
        NoteCodeReceipt {
            order_id: order_id.clone(),
            channel: Channel::Sms,
            outcome,
            reason: Some("error_00b".to_owned()),
        }
    }

    fn taken(story: &mut Story) -> CodeOrderId {
        let order_id = ordered(story);
        for channel in Channel::ALL {
            story
                .house_asks(begin(&order_id, channel, 1))
                .happens(&["send_activation_code_attempt"]);
            story
                .house_asks(settle(&order_id, channel, SendingOutcome::Sent))
                .happens(&["send_activation_code_result"]);
        }
        order_id
    }

    #[test]
    fn the_first_receipt_of_a_message_counts() {
        let mut story = story();
        let order_id = taken(&mut story);
        let heard = story.house_asks(receipt(&order_id, CodeReceipt::Undeliverable));
        heard.happens(NOTED);
        let [Event::CodeOrders(CodeOrderEvent::Receipt(noted))] = &heard.decision().events[..]
        else {
            panic!("another event")
        };
        assert_eq!(noted.order_id, order_id);
        assert_eq!(
            (noted.channel, noted.outcome),
            (Channel::Sms, CodeReceipt::Undeliverable)
        );
        assert_eq!(noted.reason.as_deref(), Some("error_00b"));
        story
            .house_asks(receipt(&order_id, CodeReceipt::Delivered))
            .happens(&[]);
    }

    #[test]
    fn it_may_be_a_receipt_of_an_order_before_the_last_as_long_as_one_may_come() {
        let mut story = story();
        let order_id = taken(&mut story);
        story.at(story.now().plus_seconds(ORDER_LIFE_S));
        let second = taken(&mut story);
        story
            .house_asks(receipt(&order_id, CodeReceipt::Expired))
            .happens(NOTED);
        story.at(story.now().plus_seconds(RECEIPT_LIFE_S - ORDER_LIFE_S));
        // The first is forgotten with the next order.
        story.bank_asks(send()).happens(&["send_activation_code"]);
        story
            .house_asks(receipt(&order_id, CodeReceipt::Delivered))
            .happens(&[]);
        story
            .house_asks(receipt(&second, CodeReceipt::Delivered))
            .happens(NOTED);
    }

    #[test]
    fn a_message_that_never_left_has_no_receipt() {
        let mut story = story();
        let order_id = ordered(&mut story);
        for unknown in [order_id, "other".parse().unwrap()] {
            story
                .house_asks(receipt(&unknown, CodeReceipt::Delivered))
                .happens(&[]);
        }
    }

    #[test]
    fn nobody_else_says_so_and_nothing_is_noted_of_nobody() {
        let mut story = story();
        let order_id = taken(&mut story);
        let command = receipt(&order_id, CodeReceipt::Delivered);
        story
            .bank_asks(command.clone())
            .is_refused(ErrorCode::RequestError);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story.house_asks(command).happens(&[]);
    }
}
