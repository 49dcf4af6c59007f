//! `delete_transaction`: the bank takes a pending transaction back.

use schemas::commands::transactions::DeleteTransaction;
use schemas::events::transactions::TransactionDeleted;

use super::Rejection;
use crate::asked::Asked;
use crate::decision::Decision;
use crate::operations;
use crate::policies::expiry_timer;

/// Takes back what nobody has answered yet.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &DeleteTransaction,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    let transaction = asked.person.transactions.get(id)?;
    transaction.pending(asked.facts.now)?;
    let event = TransactionDeleted {
        transaction_id: id.clone(),
        operation: operations::step(asked, id, transaction),
    };
    Ok(Decision {
        cancelled_timers: vec![expiry_timer(id)],
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use super::*;
    use crate::testing::{NOW, Story};

    fn delete() -> DeleteTransaction {
        DeleteTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
        }
    }

    #[test]
    fn what_waits_is_taken_back_once() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(delete())
            .is_refused(ErrorCode::TransactionIsNull);
        story.create_transaction_until("invoice-1", 60);
        story.bank_asks(delete()).happens(&["delete_transaction"]);
        story
            .bank_asks(delete())
            .is_refused(ErrorCode::TransactionIsDeleted);
    }

    #[test]
    fn what_was_answered_or_expired_is_not_taken_back() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction_until("invoice-1", 60);
        story.at(NOW.plus_seconds(60));
        story
            .bank_asks(delete())
            .is_refused(ErrorCode::TransactionExpired);
        story.at(NOW);
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        story
            .bank_asks(delete())
            .is_refused(ErrorCode::TransactionChecked);
    }
}
