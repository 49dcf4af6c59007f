//! `end_code_order`: the time of an order is over.

use schemas::commands::code_orders::{EndCodeOrder, SendingOutcome};
use schemas::events::code_orders::CodeSendingSettled;

use super::settle::finish;
use super::state::{Stage, told_before};
use crate::decision::Decision;
use crate::facts::Facts;
use crate::users::Person;

/// Settles what is left of the order: a message that nobody began is withdrawn; of one that began and of which nobody has
/// said how it ended, that is what is said. Contacts do not stay because nobody sends.
pub(crate) fn decide(
    person: Option<&Person>,
    command: &EndCodeOrder,
    facts: &Facts<'_>,
) -> Decision {
    let mut decision = Decision::happened(Vec::new());
    let order = person.and_then(|person| person.code_orders.find(&command.order_id));
    let Some(order) = order.filter(|order| order.is_over(facts.now)) else {
        return decision;
    };
    for message in &order.messages {
        let (outcome, reason) = match message.stage {
            Stage::Settled => continue,
            Stage::Owed => (SendingOutcome::Withdrawn, "too_late"),
            Stage::Begun { .. } => (SendingOutcome::Unknown, "not_reported"),
        };
        let event = CodeSendingSettled {
            order_id: order.id.clone(),
            key_index: order.key_index,
            channel: message.channel,
            outcome,
            reason: Some(reason.to_owned()),
        };
        decision.events.push(event.into());
        decision.erase.extend(told_before(message.stage));
    }
    finish(order, &mut decision);
    decision
}

#[cfg(test)]
mod tests {
    use schemas::commands::code_orders::Channel;

    use super::super::state::ORDER_LIFE_S;
    use super::*;
    use crate::code_orders::testing::{begin, contacts_row, ordered, outcomes, story};
    use crate::testing::NOW;

    #[test]
    fn after_an_hour_nothing_of_an_order_is_left() {
        let mut story = story();
        let order_id = ordered(&mut story);
        let end = EndCodeOrder {
            order_id: order_id.clone(),
        };
        story
            .house_asks(begin(&order_id, Channel::Email, 1))
            .happens(&["send_activation_code_attempt"]);
        story.at(NOW.plus_seconds(ORDER_LIFE_S).plus_ms(-1));
        story.house_asks(end.clone()).happens(&[]);
        story.at(NOW.plus_seconds(ORDER_LIFE_S));
        let heard = story.house_asks(end.clone());
        heard.happens(&["send_activation_code_result"; 2]);
        assert_eq!(
            outcomes(&heard),
            [
                (Channel::Sms, SendingOutcome::Withdrawn),
                (Channel::Email, SendingOutcome::Unknown)
            ]
        );
        assert_eq!(story.vault.get(&contacts_row(&order_id)), None);
        story.house_asks(end).happens(&[]);
    }
}
