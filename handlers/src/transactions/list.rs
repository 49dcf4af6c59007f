//! `get_transactions`: what waits for the user, or what the bank asks for.

use schemas::answers::AnswerBody;
use schemas::commands::transactions::ListTransactions;

use crate::asked::{Asked, By, looked};
use crate::decision::Decision;

/// Lists transactions, oldest first. A device sees those it can still answer, whatever it asks for, and not those of
/// operations: they have a list of their own.
pub(super) fn decide(asked: &Asked<'_>, command: &ListTransactions) -> Decision {
    let statuses = match asked.by {
        By::Device(_) => &[][..],
        By::Bank => &command.statuses,
    };
    let mut found = asked.person.transactions.list(statuses, asked.facts.now);
    if let By::Device(_) = asked.by {
        found.retain(|info| info.operation_id.is_none());
    }
    Decision::happened(vec![looked("get_transactions", None)])
        .answering(AnswerBody::Transactions(found))
}

#[cfg(test)]
mod tests {
    use schemas::commands::transactions::TransactionStatus::{
        self, Confirmed, DataSent, Expired, Initialized,
    };

    use super::*;
    use crate::testing::{NOW, Story};

    fn ids(answer: AnswerBody) -> Vec<String> {
        let AnswerBody::Transactions(found) = answer else {
            panic!("a list was expected");
        };
        found
            .into_iter()
            .map(|info| info.transaction_id.to_string())
            .collect()
    }

    fn list(statuses: &[TransactionStatus]) -> ListTransactions {
        ListTransactions {
            statuses: statuses.to_vec(),
        }
    }

    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        for (second, id) in ["b", "a", "c", "d"].iter().enumerate() {
            story.at(NOW.plus_seconds(second as i64));
            if *id == "d" {
                story.create_transaction_until(id, 60);
            } else {
                story.create_transaction(id);
            }
        }
        let confirmation = story.confirmation("c");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        story
    }

    #[test]
    fn a_device_sees_what_waits_oldest_first() {
        let mut story = story();
        assert_eq!(ids(story.device_asks(list(&[])).answer()), ["b", "a", "d"]);
        assert_eq!(
            ids(story.device_asks(list(&[Confirmed])).answer()),
            ["b", "a", "d"]
        );
        story.at(NOW.plus_seconds(63));
        assert_eq!(ids(story.device_asks(list(&[])).answer()), ["b", "a"]);
    }

    #[test]
    fn the_bank_sees_what_it_asks_for() {
        let mut story = story();
        story.get_data("a");
        assert_eq!(ids(story.bank_asks(list(&[])).answer()), ["b", "a", "d"]);
        assert_eq!(ids(story.bank_asks(list(&[Confirmed])).answer()), ["c"]);
        assert_eq!(ids(story.bank_asks(list(&[DataSent])).answer()), ["a"]);
        assert_eq!(
            ids(story.bank_asks(list(&[Initialized, DataSent])).answer()),
            ["b", "a", "d"]
        );
        assert!(ids(story.bank_asks(list(&[Expired])).answer()).is_empty());
        story.at(NOW.plus_seconds(63));
        assert_eq!(ids(story.bank_asks(list(&[Expired])).answer()), ["d"]);
    }
}
