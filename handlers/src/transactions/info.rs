//! `get_transaction_info`: where a transaction stands. For the bank.

use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionInfo;

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Answers with the transaction's record, whatever became of it.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &GetTransactionInfo,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    let info = asked
        .person
        .transactions
        .get(id)?
        .describe(id, asked.facts.now);
    let event = looked("get_transaction_info", Some(id.clone()));
    Ok(Decision::happened(vec![event]).answering(AnswerBody::Transaction(Box::new(info))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::TransactionInfo;
    use schemas::commands::transactions::TransactionStatus;

    use super::*;
    use crate::testing::{NOW, Story};

    fn info(story: &mut Story) -> TransactionInfo {
        let command = GetTransactionInfo {
            transaction_id: "invoice-1".parse().unwrap(),
        };
        let heard = story.bank_asks(command);
        heard.happens(&["get_transaction_info"]);
        match heard.answer() {
            AnswerBody::Transaction(info) => *info,
            other => panic!("a transaction was expected: {other:?}"),
        }
    }

    #[test]
    fn a_transaction_tells_where_it_stands() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction_until("invoice-1", 60);
        assert_eq!(info(&mut story).status, TransactionStatus::Initialized);
        story.get_data("invoice-1");
        assert_eq!(info(&mut story).status, TransactionStatus::DataSent);
        let deadline = NOW.plus_seconds(60);
        story.at(deadline);
        let expired = info(&mut story);
        assert_eq!(expired.status, TransactionStatus::Expired, "noted or not");
        assert_eq!(expired.finished_at, Some(deadline));
        story.at(NOW.plus_seconds(59));
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        let confirmed = info(&mut story);
        assert_eq!(confirmed.status, TransactionStatus::Confirmed);
        assert_eq!(confirmed.finished_at, Some(NOW.plus_seconds(59)));
        assert_eq!((confirmed.created_at, confirmed.has_binary), (NOW, false));
    }

    #[test]
    fn there_is_nothing_to_tell_of_an_unknown_one() {
        let command = GetTransactionInfo {
            transaction_id: "invoice-1".parse().unwrap(),
        };
        Story::of_a_user()
            .bank_asks(command)
            .is_refused(ErrorCode::TransactionIsNull);
    }
}
