//! `expire_transaction`: the house notes that a deadline has passed.

use schemas::commands::transactions::ExpireTransaction;
use schemas::events::transactions::TransactionExpired;

use crate::decision::Decision;
use crate::facts::Facts;
use crate::policies::expiry_timer;
use crate::systems::Registered;
use crate::users::Person;

/// Notes the deadline, once. Too early, too late, or for nobody any more: nothing happens, and that is no mistake. A clock
/// that rings is never refused.
pub(crate) fn decide(
    person: Option<&Person>,
    system: Option<&Registered>,
    command: &ExpireTransaction,
    facts: &Facts<'_>,
) -> Decision {
    let id = &command.transaction_id;
    let transaction = person.and_then(|person| person.transactions.get(id).ok());
    let overdue = transaction.and_then(|transaction| transaction.overdue(facts.now));
    let Some(pending) = overdue else {
        return Decision::happened(Vec::new());
    };
    let own_url = pending.callback_url.clone();
    let event = TransactionExpired {
        transaction_id: id.clone(),
        callback_url: own_url.or_else(|| system.and_then(Registered::callback_url)),
    };
    Decision {
        cancelled_timers: vec![expiry_timer(id)],
        ..Decision::happened(vec![event.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::RemoveSystem;
    use schemas::commands::users::DeleteUser;

    use super::*;
    use crate::testing::{NOW, Story};

    fn expire() -> ExpireTransaction {
        ExpireTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
        }
    }

    fn story() -> Story {
        let mut story = Story::of_a_user();
        story.create_transaction_until("invoice-1", 60);
        story
    }

    #[test]
    fn a_transaction_expires_at_its_deadline_and_once() {
        let mut story = story();
        story.at(NOW.plus_seconds(60).plus_ms(-1));
        story.house_asks(expire()).happens(&[]);
        story.at(NOW.plus_seconds(60));
        story.house_asks(expire()).happens(&["expire_transaction"]);
        story.house_asks(expire()).happens(&[]);
    }

    #[test]
    fn nothing_expires_that_was_answered_or_never_was() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction_until("invoice-1", 60);
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        story.at(NOW.plus_seconds(60));
        story.house_asks(expire()).happens(&[]);
        Story::of_a_user().house_asks(expire()).happens(&[]);
        Story::of_a_system().house_asks(expire()).happens(&[]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story.house_asks(expire()).happens(&[]);
    }

    #[test]
    fn a_deadline_passes_in_a_removed_system_too() {
        let mut story = story();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story.at(NOW.plus_seconds(60));
        story.house_asks(expire()).happens(&["expire_transaction"]);
    }

    #[test]
    fn only_the_house_knows_the_word() {
        let mut story = story();
        story
            .bank_asks(expire())
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(expire())
            .is_refused(ErrorCode::RequestError);
    }
}
