//! `order_letters`: what becomes of letters that were put aside or taken. Ours: the manual sends a callback once.

use schemas::commands::systems::OrderLetters;
use schemas::events::systems::LettersOrdered;

use super::{Rejection, State};
use crate::decision::Decision;

/// Whether there are such letters the outbox knows; an order about none has no effect.
pub(super) fn decide(state: &State, command: &OrderLetters) -> Result<Decision, Rejection> {
    state.registered()?;
    let ordered = LettersOrdered::from(command.order.clone());
    Ok(Decision::happened(vec![ordered.into()]))
}

#[cfg(test)]
mod tests {
    use schemas::commands::systems::{GetLetters, LettersOrder, RemoveSystem};
    use schemas::events::Event;
    use schemas::events::systems::SystemEvent;
    use schemas::{ErrorCode, Timestamp};

    use super::*;
    use crate::testing::Story;

    fn orders() -> [OrderLetters; 4] {
        let letter_id: schemas::LetterId = "msg_1".parse().unwrap();
        [
            LettersOrder::Retry { letter_id: None },
            LettersOrder::Drop { letter_id },
            LettersOrder::Replay {
                from: Timestamp(0),
                from_position: None,
                until: Timestamp(1),
            },
            LettersOrder::Replay {
                from: Timestamp(0),
                from_position: "17-4211".parse().ok(),
                until: Timestamp(1),
            },
        ]
        .map(|order| OrderLetters { order })
    }

    #[test]
    fn an_order_is_a_fact() {
        let mut story = Story::of_a_system();
        story.system_asks(GetLetters {}).happens(&["get_letters"]);
        for order in orders() {
            let asked = order.order.clone();
            let heard = story.system_asks(order);
            heard.happens(&["letters_ordered"]);
            let [Event::Systems(SystemEvent::LettersOrdered(ordered))] =
                &heard.decision().events[..]
            else {
                panic!("another event")
            };
            assert_eq!(ordered.order(), Some(asked));
        }
    }

    #[test]
    fn a_system_that_is_not_there_orders_nothing() {
        for order in orders() {
            Story::of_an_empty_house()
                .system_asks(order)
                .is_refused_silently(ErrorCode::SystemNotFound);
        }
        let mut story = Story::of_a_system();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        for order in orders() {
            story
                .system_asks(order)
                .is_refused(ErrorCode::SystemIsDeleted);
        }
        story
            .system_asks(GetLetters {})
            .is_refused(ErrorCode::SystemIsDeleted);
    }
}
