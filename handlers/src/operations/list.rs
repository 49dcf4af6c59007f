//! `get_operation_list`: what waits for the user, or all of it for the bank.

use schemas::answers::AnswerBody;

use crate::asked::{Asked, By, looked_at_operation};
use crate::decision::Decision;

/// Lists operations, oldest first. A device sees those in which something waits.
pub(super) fn decide(asked: &Asked<'_>) -> Decision {
    let person = asked.person;
    let mut found = person
        .operations
        .list(&person.transactions, asked.facts.now);
    if let By::Device(_) = asked.by {
        found.retain(|operation| operation.waiting > 0);
    }
    Decision::happened(vec![looked_at_operation("get_operation_list", None)])
        .answering(AnswerBody::Operations(found))
}

#[cfg(test)]
mod tests {
    use schemas::commands::operations::ListOperations;
    use schemas::commands::transactions::ListTransactions;

    use super::*;
    use crate::testing::{Heard, NOW, Story, create_operation};

    fn ids(heard: &Heard) -> Vec<String> {
        heard.happens(&["get_operation_list"]);
        let AnswerBody::Operations(found) = heard.answer() else {
            panic!("a list was expected");
        };
        found
            .into_iter()
            .map(|info| info.operation_id.to_string())
            .collect()
    }

    #[test]
    fn a_device_sees_what_waits_and_the_bank_sees_all() {
        let mut story = Story::of_a_registered_device();
        for (second, id) in ["b", "a", "c"].into_iter().enumerate() {
            story.at(NOW.plus_seconds(second as i64));
            let mut command = create_operation(id, 1);
            command.ttl_s = (id == "c").then_some(60);
            story.bank_asks(command).happens(&["create_operation"]);
        }
        assert_eq!(ids(&story.device_asks(ListOperations {})), ["b", "a", "c"]);
        let answers = story.answers("b", &["b.0"]);
        story.device_asks(answers).happens(&["operations_process"]);
        assert_eq!(ids(&story.device_asks(ListOperations {})), ["a", "c"]);
        story.at(NOW.plus_seconds(62));
        assert_eq!(ids(&story.device_asks(ListOperations {})), ["a"]);
        assert_eq!(ids(&story.bank_asks(ListOperations {})), ["b", "a", "c"]);
    }

    #[test]
    fn its_transactions_are_not_listed_to_the_device_once_more() {
        let mut story = Story::of_a_registered_device();
        story
            .bank_asks(create_operation("a", 2))
            .happens(&["create_operation"]);
        let list = ListTransactions {
            statuses: Vec::new(),
        };
        let AnswerBody::Transactions(found) = story.device_asks(list.clone()).answer() else {
            panic!("a list was expected");
        };
        assert!(found.is_empty());
        let AnswerBody::Transactions(found) = story.bank_asks(list).answer() else {
            panic!("a list was expected");
        };
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].operation_id, Some("a".parse().unwrap()));
    }
}
