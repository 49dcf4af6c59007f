//! `rks_transactions_data`: where a transaction stands, and what was shown as long as that is kept.

use schemas::answers::{AnswerBody, TransactionSeen};
use schemas::commands::operators::LookAtTransaction;

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::decision::Decision;
use crate::transactions;

/// Answers with the transaction, whatever became of it.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &LookAtTransaction,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    let (info, data) = transactions::seen(asked, id)?;
    let seen = TransactionSeen {
        user_id: asked.user_id.clone(),
        info,
        data,
    };
    let event = looked("rks_transactions_data", Some(id.clone()));
    Ok(Decision::happened(vec![event]).answering(AnswerBody::TransactionSeen(Box::new(seen))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::transactions::TransactionStatus;

    use super::*;
    use crate::testing::Story;

    fn look() -> LookAtTransaction {
        LookAtTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
        }
    }

    fn seen(story: &mut Story) -> TransactionSeen {
        let heard = story.operator_asks(look());
        heard.happens(&["rks_transactions_data"]);
        match heard.answer() {
            AnswerBody::TransactionSeen(seen) => *seen,
            other => panic!("a transaction was expected: {other:?}"),
        }
    }

    #[test]
    fn the_text_is_seen_as_long_as_it_is_kept() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        let before = seen(&mut story);
        assert!(before.data.is_some());
        assert_eq!(
            before.info.status,
            TransactionStatus::Initialized,
            "looking is not serving"
        );
        let confirmation = story.confirmation("invoice-1");
        story.device_asks(confirmation);
        let after = seen(&mut story);
        assert_eq!(after.info.status, TransactionStatus::Confirmed);
        assert_eq!(after.data, None);
    }

    #[test]
    fn of_an_unknown_transaction_nothing_is_seen() {
        Story::of_a_user()
            .operator_asks(look())
            .is_refused(ErrorCode::TransactionIsNull);
        let mut story = Story::of_a_system();
        story
            .operator_asks_system(look())
            .is_refused(ErrorCode::TransactionIsNull);
        story
            .operator_asks_system(schemas::commands::operators::LookAtUser {})
            .is_refused(ErrorCode::RequestError);
        story
            .operator_asks_system(schemas::commands::systems::RemoveSystem {})
            .is_refused(ErrorCode::RequestError);
        story
            .system_asks(look())
            .is_refused(ErrorCode::RequestError);
    }
}
