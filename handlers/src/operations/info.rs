//! `get_operation_info`: where an operation and its transactions stand. For the bank.

use schemas::answers::AnswerBody;
use schemas::commands::operations::GetOperationInfo;

use super::Rejection;
use crate::asked::{Asked, looked_at_operation};
use crate::decision::Decision;

/// Answers with the operation's record, whatever became of it.
pub(super) fn decide(asked: &Asked<'_>, command: &GetOperationInfo) -> Result<Decision, Rejection> {
    let id = &command.operation_id;
    let (transactions, now) = (&asked.person.transactions, asked.facts.now);
    let operation = asked.person.operations.get(id)?;
    let mut info = operation.describe(id, transactions, now);
    info.transactions = operation.describe_members(transactions, now);
    let event = looked_at_operation("get_operation_info", Some(id.clone()));
    Ok(Decision::happened(vec![event]).answering(AnswerBody::Operation(Box::new(info))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::OperationInfo;
    use schemas::commands::operations::OperationStatus;
    use schemas::commands::transactions::{DeclineTransaction, TransactionStatus};

    use super::*;
    use crate::testing::{NOW, Story, create_operation};

    fn info(story: &mut Story) -> OperationInfo {
        let command = GetOperationInfo {
            operation_id: "a".parse().unwrap(),
        };
        let heard = story.bank_asks(command);
        heard.happens(&["get_operation_info"]);
        match heard.answer() {
            AnswerBody::Operation(info) => *info,
            other => panic!("an operation was expected: {other:?}"),
        }
    }

    #[test]
    fn an_operation_tells_where_it_and_its_transactions_stand() {
        let mut story = Story::of_a_registered_device();
        let mut command = create_operation("a", 3);
        command.ttl_s = Some(60);
        story.bank_asks(command).happens(&["create_operation"]);
        let created = info(&mut story);
        assert_eq!(created.status, OperationStatus::Created);
        assert_eq!((created.total, created.waiting), (3, 3));
        story.get_operation_data("a");
        let statuses: Vec<_> = info(&mut story)
            .transactions
            .iter()
            .map(|transaction| transaction.status)
            .collect();
        assert_eq!(statuses, [TransactionStatus::DataSent; 3]);
        let answers = story.answers("a", &["a.0"]);
        story.device_asks(answers).happens(&["operations_process"]);
        let partly = info(&mut story);
        assert_eq!(partly.status, OperationStatus::Partly);
        assert_eq!((partly.waiting, partly.finished_at), (2, None));
        assert_eq!(partly.transactions[0].status, TransactionStatus::Confirmed);
        story.at(NOW.plus_seconds(60));
        let expired = info(&mut story);
        assert_eq!(expired.status, OperationStatus::Expired, "noted or not");
        assert_eq!(expired.finished_at, Some(NOW.plus_seconds(60)));
        assert_eq!(expired.transactions[2].status, TransactionStatus::Expired);
    }

    #[test]
    fn answers_one_by_one_count_too() {
        let mut story = Story::of_a_registered_device();
        story
            .bank_asks(create_operation("a", 2))
            .happens(&["create_operation"]);
        let confirmation = story.confirmation("a.0");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        assert_eq!(info(&mut story).status, OperationStatus::Partly);
        story.at(NOW.plus_seconds(5));
        let decline = DeclineTransaction {
            transaction_id: "a.1".parse().unwrap(),
            reason: "not me".to_owned(),
            code: None,
        };
        story.bank_asks(decline).happens(&["decline_transaction"]);
        let processed = info(&mut story);
        assert_eq!(processed.status, OperationStatus::Processed);
        assert_eq!(processed.finished_at, Some(NOW.plus_seconds(5)));
    }

    #[test]
    fn there_is_nothing_to_tell_of_an_unknown_one() {
        let command = GetOperationInfo {
            operation_id: "a".parse().unwrap(),
        };
        Story::of_a_user()
            .bank_asks(command)
            .is_refused(ErrorCode::OperationNotExists);
    }
}
