//! `get_operation_data_list`: everything that is shown and signed, for whoever is to sign it or wrote it.

use schemas::TransactionId;
use schemas::answers::{AnswerBody, OperationData, OperationMember, TransactionData};
use schemas::commands::operations::GetOperationData;
use schemas::events::operations::OperationServed;
use schemas::operation_content::OperationContent;
use schemas::vault::VaultName;

use super::Rejection;
use crate::asked::{Asked, By};
use crate::decision::Decision;
use crate::transactions::{self, Transaction, content, data};

/// Answers with the frame and the texts; bytes that go with a text are fetched one by one. A device sees the texts it can
/// still answer, the bank those that were not erased. A device that fetched them marks all of them `dataSent`.
pub(super) fn decide(asked: &Asked<'_>, command: &GetOperationData) -> Result<Decision, Rejection> {
    let id = &command.operation_id;
    let (transactions, now) = (&asked.person.transactions, asked.facts.now);
    let operation = asked.person.operations.get(id)?;
    let info = operation.describe(id, transactions, now);
    if matches!(asked.by, By::Device(_)) && info.waiting == 0 {
        return Err(match info.status {
            schemas::commands::operations::OperationStatus::Expired => Rejection::Expired,
            _ => Rejection::WrongStatus,
        });
    }
    let row = asked.facts.vault.get(&VaultName::operation_content(id));
    let frame = row
        .map(|row| {
            OperationContent::decode(row, &operation.content_digest)
                .ok_or(Rejection::ContentAltered)
        })
        .transpose()?;
    let mut members = Vec::with_capacity(operation.members.len());
    for (id, transaction) in operation.transactions(transactions) {
        let snippets = frame.as_ref().map(|frame| &frame.snippets);
        members.push(OperationMember {
            info: transaction.describe(id, now),
            snippet: snippets.and_then(|snippets| snippets.get(id).cloned()),
            data: member_data(asked, id, transaction)
                .map_err(|rejection| Rejection::Member(id.clone(), rejection))?,
        });
    }
    let served = OperationServed {
        operation_id: id.clone(),
        to_device: matches!(asked.by, By::Device(_)),
    };
    let (description, app_extra) =
        frame.map_or((None, None), |frame| (frame.description, frame.app_extra));
    let data = OperationData {
        info,
        description,
        app_extra,
        members,
    };
    Ok(
        Decision::happened(vec![served.into()])
            .answering(AnswerBody::OperationData(Box::new(data))),
    )
}

/// A transaction's text; `None` when the caller may not see it any more.
fn member_data(
    asked: &Asked<'_>,
    id: &TransactionId,
    transaction: &Transaction,
) -> Result<Option<TransactionData>, transactions::Rejection> {
    if content::visible(asked, id).is_err() {
        return Ok(None);
    }
    let content = content::read(asked, id, transaction)?;
    Ok(Some(data::shown(id, transaction, content)))
}

#[cfg(test)]
mod tests {
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{NOW, Story, create_operation, described};

    fn get() -> GetOperationData {
        GetOperationData {
            operation_id: "a".parse().unwrap(),
        }
    }

    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        let mut command = create_operation("a", 3);
        command.ttl_s = Some(60);
        story.bank_asks(command).happens(&["create_operation"]);
        story
    }

    #[test]
    fn the_device_gets_everything_it_shows_and_signs() {
        let mut story = story();
        let data = story.get_operation_data("a");
        assert_eq!(data.description, Some(described("Salaries of November")));
        assert_eq!(data.app_extra, Some(Secret::new(r#"{"batch":1}"#)));
        assert_eq!(data.members.len(), 3);
        for (number, member) in data.members.iter().enumerate() {
            let shown = member.data.as_ref().unwrap();
            assert_eq!(shown.text.expose_text(), Some(&*format!("Pay {number} ₽")));
            assert_eq!(shown.digest, story.digest(&format!("a.{number}")));
            assert_eq!(member.snippet, Some(described(&format!("{number} ₽"))));
        }
    }

    #[test]
    fn what_was_answered_is_not_shown_to_the_device_again() {
        let mut story = story();
        let answers = story.answers("a", &["a.1"]);
        story.device_asks(answers).happens(&["operations_process"]);
        let data = story.get_operation_data("a");
        let shown: Vec<bool> = data
            .members
            .iter()
            .map(|member| member.data.is_some())
            .collect();
        assert_eq!(shown, [true, false, true]);
        let answers = story.answers("a", &["a.0", "a.2"]);
        story.device_asks(answers).happens(&["operations_process"]);
        story
            .device_asks(get())
            .is_refused(ErrorCode::OperationStatusInvalid);
        let heard = story.bank_asks(get());
        heard.happens(&["get_operation_data_list"]);
        let AnswerBody::OperationData(data) = heard.answer() else {
            panic!("the data was expected");
        };
        assert_eq!(data.description, None, "erased with the last confirmation");
        assert!(data.members.iter().all(|member| member.data.is_none()));
    }

    #[test]
    fn an_expired_one_is_not_shown_to_the_device() {
        let mut story = story();
        story.at(NOW.plus_seconds(60));
        story
            .device_asks(get())
            .is_refused(ErrorCode::OperationExpired);
        story.bank_asks(get()).happens(&["get_operation_data_list"]);
        Story::of_a_user()
            .device_asks(get())
            .is_refused(ErrorCode::OperationNotExists);
    }

    #[test]
    fn what_somebody_changed_is_not_shown() {
        let mut changed_frame = story();
        let name = VaultName::operation_content(&"a".parse().unwrap());
        changed_frame.vault.rows.insert(name, Secret::new([0xc0]));
        let mut changed_text = story();
        let name = VaultName::transaction_content(&"a.2".parse().unwrap());
        let other = VaultName::transaction_content(&"a.1".parse().unwrap());
        let other = changed_text.vault.rows[&other].clone();
        changed_text.vault.rows.insert(name, other);
        for mut story in [changed_frame, changed_text] {
            story
                .device_asks(get())
                .is_refused(ErrorCode::TransactionDataError);
        }
    }
}
