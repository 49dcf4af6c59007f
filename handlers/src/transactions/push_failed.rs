//! `fail_push`: the house notes that the push of a transaction is not tried again.

use schemas::commands::transactions::NotePushFailed;
use schemas::events::transactions::TransactionPushFailed;

use crate::decision::Decision;
use crate::users::Person;

/// Notes it. Nothing else changes: a transaction waits for its user with a push and without.
pub(crate) fn decide(person: Option<&Person>, command: &NotePushFailed) -> Decision {
    let id = &command.transaction_id;
    if !person.is_some_and(|person| person.transactions.has(id)) {
        return Decision::happened(Vec::new());
    }
    let event = TransactionPushFailed {
        transaction_id: id.clone(),
        push_id: command.push_id.clone(),
        reason: command.reason,
    };
    Decision::happened(vec![event.into()])
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::transactions::{PushFailure, TransactionStatus};

    use super::*;
    use crate::testing::Story;

    fn failed() -> NotePushFailed {
        NotePushFailed {
            transaction_id: "invoice-1".parse().unwrap(),
            push_id: "push_1".to_owned(),
            reason: PushFailure::Refused,
        }
    }

    #[test]
    fn a_transaction_waits_without_its_push_too() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        story.house_asks(failed()).happens(&["fail_push"]);
        let transactions = &story.person().transactions;
        let transaction = transactions.get(&"invoice-1".parse().unwrap()).unwrap();
        assert_eq!(
            transaction.status(story.now()),
            TransactionStatus::Initialized
        );
    }

    #[test]
    fn nothing_is_noted_of_what_nobody_knows() {
        let mut story = Story::of_a_user();
        story.house_asks(failed()).happens(&[]);
        Story::of_a_system().house_asks(failed()).happens(&[]);
    }

    #[test]
    fn only_the_house_knows_the_word() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(failed())
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(failed())
            .is_refused(ErrorCode::RequestError);
    }
}
