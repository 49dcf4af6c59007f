//! `settle_code_sending`: the house says what became of a message.

use schemas::commands::code_orders::SettleCodeSending;
use schemas::events::code_orders::CodeSendingSettled;
use schemas::vault::VaultName;

use super::state::{Order, Stage, told_before};
use crate::decision::{Decision, Erasure};
use crate::policies::code_order_timer;
use crate::users::Person;

/// Notes it, once. With the last message of an order the contacts go.
pub(crate) fn decide(person: Option<&Person>, command: &SettleCodeSending) -> Decision {
    let order = person.and_then(|person| person.code_orders.find(&command.order_id));
    match order {
        Some(order) if is_open(order, command) => settled(order, command),
        Some(_) | None => Decision::happened(Vec::new()),
    }
}

fn is_open(order: &Order, command: &SettleCodeSending) -> bool {
    let stage = order.stage(command.channel);
    stage.is_some_and(|stage| stage != Stage::Settled)
}

/// The decision that a message of an order is settled.
pub(super) fn settled(order: &Order, command: &SettleCodeSending) -> Decision {
    let event = CodeSendingSettled {
        order_id: order.id.clone(),
        key_index: order.key_index,
        channel: command.channel,
        outcome: command.outcome,
        reason: command.reason.clone(),
    };
    let mut decision = Decision::happened(vec![event.into()]);
    let stage = order.stage(command.channel);
    decision.erase.extend(stage.and_then(told_before));
    if order.is_last(command.channel) {
        finish(order, &mut decision);
    }
    decision
}

/// Nobody needs the contacts any more, nor to be reminded.
pub(super) fn finish(order: &Order, decision: &mut Decision) {
    let contacts = VaultName::code_contacts(&order.id);
    decision.erase.push(Erasure::Row(contacts));
    decision.cancelled_timers.push(code_order_timer(&order.id));
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::code_orders::{Channel, SendingOutcome};
    use schemas::commands::users::DeleteUser;

    use super::*;
    use crate::code_orders::testing::{begin, contacts_row, ordered, settle, story};

    #[test]
    fn a_message_is_settled_once_and_the_last_one_takes_the_contacts_along() {
        let mut story = story();
        let order_id = ordered(&mut story);
        let contacts = contacts_row(&order_id);
        let heard = story.house_asks(begin(&order_id, Channel::Sms, 1));
        heard.happens(&["send_activation_code_attempt"]);
        let sms = settle(&order_id, Channel::Sms, SendingOutcome::Sent);
        story
            .house_asks(sms.clone())
            .happens(&["send_activation_code_result"]);
        assert!(story.vault.get(&contacts).is_some(), "the letter needs it");
        story.house_asks(sms).happens(&[]);
        let email = settle(&order_id, Channel::Email, SendingOutcome::Failed);
        let heard = story.house_asks(email);
        heard.happens(&["send_activation_code_result"]);
        assert_eq!(
            heard.decision().cancelled_timers,
            [code_order_timer(&order_id)]
        );
        assert_eq!(story.vault.get(&contacts), None);
    }

    #[test]
    fn what_an_attempt_was_told_goes_when_it_is_settled() {
        let mut story = story();
        let order_id = ordered(&mut story);
        let before = story.vault.rows.len();
        story
            .house_asks(begin(&order_id, Channel::Sms, 1))
            .happens(&["send_activation_code_attempt"]);
        assert_eq!(story.vault.rows.len(), before + 1);
        story
            .house_asks(settle(&order_id, Channel::Sms, SendingOutcome::Unknown))
            .happens(&["send_activation_code_result"]);
        assert_eq!(story.vault.rows.len(), before);
    }

    #[test]
    fn nobody_else_settles_and_nothing_is_settled_for_nobody() {
        let mut story = story();
        let order_id = ordered(&mut story);
        let command = settle(&order_id, Channel::Sms, SendingOutcome::Sent);
        story
            .bank_asks(command.clone())
            .is_refused(ErrorCode::RequestError);
        let other = settle(
            &"other".parse().unwrap(),
            Channel::Sms,
            SendingOutcome::Sent,
        );
        story.house_asks(other).happens(&[]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story.house_asks(command).happens(&[]);
        assert_eq!(story.vault.get(&contacts_row(&order_id)), None);
    }
}
