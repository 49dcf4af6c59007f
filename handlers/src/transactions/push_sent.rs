//! `send_push`: the house notes that a push service took the push of a transaction, or of a whole operation.

use schemas::TransactionId;
use schemas::commands::transactions::NotePushSent;
use schemas::events::transactions::TransactionPushSent;

use super::state::Pending;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::users::Person;

/// Notes it, once for each command. Of what was answered meanwhile, or is on the device already, the status stays; whoever
/// is gone has no pushes, and that is no mistake.
///
/// Ours: the manual names the status and not what leads to it. A push counts as sent when the first push service took it.
pub(crate) fn decide(
    person: Option<&Person>,
    command: &NotePushSent,
    facts: &Facts<'_>,
) -> Decision {
    let Some(person) = person else {
        return Decision::happened(Vec::new());
    };
    let transactions = &person.transactions;
    let operation = command.operation_id.as_ref();
    let operation = operation.and_then(|id| person.operations.get(id).ok());
    let told: Vec<&TransactionId> = match operation {
        Some(operation) => operation.members.iter().collect(),
        None => vec![&command.transaction_id],
    };
    if !told.iter().any(|id| transactions.has(id)) {
        return Decision::happened(Vec::new());
    }
    let is_news = |id: &TransactionId| {
        let transaction = transactions.get(id).ok();
        let pending = transaction.and_then(|transaction| transaction.pending(facts.now).ok());
        pending.is_some_and(Pending::is_unannounced)
    };
    let announced = told.into_iter().filter(|id| is_news(id)).cloned();
    let event = TransactionPushSent {
        transaction_id: command.transaction_id.clone(),
        push_id: command.push_id.clone(),
        announced: announced.collect(),
    };
    Decision::happened(vec![event.into()])
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::transactions::{GetTransactionData, TransactionStatus};
    use schemas::commands::users::DeleteUser;
    use schemas::events::Event;
    use schemas::events::transactions::TransactionEvent;

    use super::*;
    use crate::testing::{NOW, Story, create_operation};

    fn sent(id: &str) -> NotePushSent {
        NotePushSent {
            transaction_id: id.parse().unwrap(),
            operation_id: None,
            push_id: "push_1".to_owned(),
        }
    }

    fn status(story: &Story, id: &str) -> TransactionStatus {
        let person = story.person();
        let transaction = person.transactions.get(&id.parse().unwrap()).unwrap();
        transaction.status(story.now())
    }

    fn announced(story: &Story) -> Vec<String> {
        let last = story.history.last().unwrap();
        let Event::Transactions(TransactionEvent::PushSent(event)) = &last.event else {
            panic!("a push was expected");
        };
        event.announced.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_waiting_transaction_stands_at_push_sent_until_its_text_is_fetched() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        story.house_asks(sent("invoice-1")).happens(&["send_push"]);
        assert_eq!(status(&story, "invoice-1"), TransactionStatus::PushSent);
        let look = GetTransactionData {
            transaction_id: "invoice-1".parse().unwrap(),
        };
        story.device_asks(look).happens(&["get_transaction_data"]);
        assert_eq!(status(&story, "invoice-1"), TransactionStatus::DataSent);
        story.house_asks(sent("invoice-1")).happens(&["send_push"]);
        assert_eq!(announced(&story), [""; 0]);
        assert_eq!(status(&story, "invoice-1"), TransactionStatus::DataSent);
    }

    #[test]
    fn an_outcome_stays_an_outcome() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction_until("invoice-1", 60);
        story.at(NOW.plus_seconds(60));
        story.house_asks(sent("invoice-1")).happens(&["send_push"]);
        assert_eq!(announced(&story), [""; 0]);
        assert_eq!(status(&story, "invoice-1"), TransactionStatus::Expired);
    }

    #[test]
    fn one_push_announces_all_of_an_operation() {
        let mut story = Story::of_a_registered_device();
        let mut command = create_operation("a", 2);
        command.ttl_s = None;
        story.bank_asks(command).happens(&["create_operation"]);
        let members = story
            .person()
            .operations
            .get(&"a".parse().unwrap())
            .unwrap();
        let members: Vec<_> = members.members.iter().map(ToString::to_string).collect();
        let mut command = sent(&members[0]);
        command.operation_id = Some("a".parse().unwrap());
        story.house_asks(command).happens(&["send_push"]);
        assert_eq!(announced(&story), members);
        assert_eq!(status(&story, &members[1]), TransactionStatus::PushSent);
    }

    #[test]
    fn nothing_is_noted_of_what_nobody_knows() {
        let mut story = Story::of_a_user();
        story.house_asks(sent("invoice-1")).happens(&[]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story.house_asks(sent("invoice-1")).happens(&[]);
    }

    #[test]
    fn only_the_house_knows_the_word() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(sent("invoice-1"))
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(sent("invoice-1"))
            .is_refused(ErrorCode::RequestError);
    }
}
