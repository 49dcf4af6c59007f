//! `get_transaction_binary_data`: the bytes that go with a text.

use schemas::Secret;
use schemas::answers::AnswerBody;
use schemas::commands::transactions::GetTransactionBinaryData;

use super::{Rejection, content};
use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Answers with the bytes, under the same rules as the text.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &GetTransactionBinaryData,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    let transaction = content::visible(asked, id)?;
    let content = content::read(asked, id, transaction)?;
    let binary = Secret::new(content.binary.ok_or(Rejection::ContentMissing)?);
    let event = looked("get_transaction_binary_data", Some(id.clone()));
    Ok(Decision::happened(vec![event]).answering(AnswerBody::TransactionBinaryData { binary }))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use super::*;
    use crate::testing::{Story, create_transaction};

    fn get() -> GetTransactionBinaryData {
        GetTransactionBinaryData {
            transaction_id: "invoice-1".parse().unwrap(),
        }
    }

    #[test]
    fn the_bytes_come_back_as_they_were_sent() {
        let mut story = Story::of_a_user();
        let mut command = create_transaction("invoice-1");
        command.binary = Some(Secret::new("%PDF-1.7"));
        story.bank_asks(command).happens(&["create_transaction"]);
        for heard in [story.device_asks(get()), story.bank_asks(get())] {
            heard.happens(&["get_transaction_binary_data"]);
            let binary = Secret::new("%PDF-1.7");
            assert_eq!(heard.answer(), AnswerBody::TransactionBinaryData { binary });
        }
    }

    #[test]
    fn there_are_none_without_a_transaction_or_without_bytes() {
        let mut story = Story::of_a_user();
        story
            .device_asks(get())
            .is_refused(ErrorCode::TransactionIsNull);
        story.create_transaction("invoice-1");
        story.device_asks(get()).is_refused(ErrorCode::NoResult);
    }
}
