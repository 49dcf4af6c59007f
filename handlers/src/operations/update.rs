//! `update_operation`: the bank changes the frame of an operation nobody has seen yet.

use schemas::Timestamp;
use schemas::answers::AnswerBody;
use schemas::commands::operations::{OperationStatus, UpdateOperation};
use schemas::events::operations::OperationUpdated;
use schemas::operation_content::OperationContent;
use schemas::vault::VaultName;

use super::state::Operation;
use super::{Rejection, frame};
use crate::asked::Asked;
use crate::crypto::key_material::derive;
use crate::decision::Decision;
use crate::policies::operation_timer;
use crate::transactions::create as transaction;

/// Changes description, address, deadline or the application's data. The transactions are what they were created as: what
/// may be signed never changes. Once the device has seen anything of the operation, nothing changes any more.
pub(super) fn decide(asked: &Asked<'_>, command: &UpdateOperation) -> Result<Decision, Rejection> {
    let id = &command.operation_id;
    let (transactions, now) = (&asked.person.transactions, asked.facts.now);
    let operation = asked.person.operations.get(id)?;
    match operation.status(transactions, now) {
        OperationStatus::Expired => return Err(Rejection::Expired),
        OperationStatus::Partly | OperationStatus::Processed => {
            return Err(Rejection::WrongStatus);
        }
        OperationStatus::Created if operation.was_served(transactions) => {
            return Err(Rejection::WrongStatus);
        }
        OperationStatus::Created => {}
    }
    frame::check_description(command.description.as_ref())?;
    frame::check_app_extra(command.app_extra.as_ref())?;
    let callback_url = match &command.callback_url {
        None => operation.callback_url.clone(),
        Some(url) => Some(url.clone()).filter(|url| !url.is_empty()),
    };
    transaction::check_request(asked, None, callback_url.as_ref())?;
    let expires_at = match command.ttl_s {
        None => operation.expires_at,
        some => transaction::expires_at(asked, some)?,
    };
    let content = changed(asked, operation, command)?;
    let (row, content_digest) = content.encode();
    let updated = OperationUpdated {
        operation_id: id.clone(),
        content_digest,
        expires_at,
        callback_url,
    };
    let mut info = operation.describe(id, transactions, now);
    info.expires_at = expires_at;
    let (timers, cancelled_timers) = deadline(expires_at, operation_timer(id));
    Ok(Decision {
        vault: vec![(VaultName::operation_content(id), row)],
        timers,
        cancelled_timers,
        ..Decision::happened(vec![updated.into()]).answering(AnswerBody::Operation(Box::new(info)))
    })
}

/// A deadline to remember under that name, or one to forget.
fn deadline(
    expires_at: Option<Timestamp>,
    name: String,
) -> (Vec<(String, Timestamp)>, Vec<String>) {
    match expires_at {
        Some(due) => (vec![(name, due)], Vec::new()),
        None => (Vec::new(), vec![name]),
    }
}

/// The frame as it will be, under a new salt.
fn changed(
    asked: &Asked<'_>,
    operation: &Operation,
    command: &UpdateOperation,
) -> Result<OperationContent, Rejection> {
    let name = VaultName::operation_content(&command.operation_id);
    let row = asked.facts.vault.get(&name);
    let before = row
        .and_then(|row| OperationContent::decode(row, &operation.content_digest))
        .ok_or(Rejection::ContentAltered)?;
    let salt = derive(&asked.facts.seed, "operation/salt");
    Ok(OperationContent {
        salt: salt.expose().to_vec(),
        description: command.description.clone().or(before.description),
        app_extra: command.app_extra.clone().or(before.app_extra),
        snippets: before.snippets,
    })
}

#[cfg(test)]
mod tests {
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{NOW, Story, create_operation, described};

    fn update() -> UpdateOperation {
        UpdateOperation {
            operation_id: "a".parse().unwrap(),
            description: Some(described("Salaries, corrected")),
            callback_url: None,
            ttl_s: None,
            app_extra: None,
        }
    }

    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        let mut command = create_operation("a", 2);
        command.ttl_s = Some(60);
        story.bank_asks(command).happens(&["create_operation"]);
        story
    }

    #[test]
    fn an_operation_nobody_has_seen_can_be_changed() {
        let mut story = story();
        let updated = story.bank_asks(UpdateOperation {
            callback_url: Some("https://bank.example/own".to_owned()),
            ttl_s: Some(600),
            ..update()
        });
        updated.happens(&["update_operation"]);
        assert_eq!(
            updated.decision().timers,
            [("expire-operation/a".to_owned(), NOW.plus_seconds(600))]
        );
        story.at(NOW.plus_seconds(599));
        let data = story.get_operation_data("a");
        assert_eq!(data.description, Some(described("Salaries, corrected")));
        assert_eq!(data.app_extra, Some(Secret::new(r#"{"batch":1}"#)), "kept");
        assert_eq!(data.info.expires_at, Some(NOW.plus_seconds(600)));
        let answers = story.answers("a", &["a.0", "a.1"]);
        let processed = story.device_asks(answers);
        processed.happens(&["operations_process"]);
        assert_eq!(
            story.callback_url_of_last().as_deref(),
            Some("https://bank.example/own")
        );
    }

    #[test]
    fn a_deadline_can_be_taken_away() {
        let mut story = story();
        let updated = story.bank_asks(UpdateOperation {
            ttl_s: Some(0),
            ..update()
        });
        updated.happens(&["update_operation"]);
        assert_eq!(updated.decision().cancelled_timers, ["expire-operation/a"]);
        story.at(NOW.plus_seconds(61));
        story.get_operation_data("a");
    }

    #[test]
    fn what_the_device_has_seen_does_not_change_any_more() {
        let mut served = story();
        served.get_operation_data("a");
        let mut one_served = story();
        one_served.get_data("a.1");
        let mut answered = story();
        let confirmation = answered.confirmation("a.0");
        answered
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        for mut story in [served, one_served, answered] {
            story
                .bank_asks(update())
                .is_refused(ErrorCode::OperationStatusInvalid);
        }
    }

    #[test]
    fn what_is_wrong_changes_nothing() {
        let mut story = story();
        story
            .bank_asks(UpdateOperation {
                description: Some(described("\u{200b}")),
                ..update()
            })
            .is_refused(ErrorCode::CreateOperationError);
        story
            .bank_asks(UpdateOperation {
                callback_url: Some("bank".to_owned()),
                ..update()
            })
            .is_refused(ErrorCode::RequestError);
        story
            .bank_asks(UpdateOperation {
                ttl_s: Some(-1),
                ..update()
            })
            .is_refused(ErrorCode::RequestError);
        story
            .bank_asks(UpdateOperation {
                operation_id: "b".parse().unwrap(),
                ..update()
            })
            .is_refused(ErrorCode::OperationNotExists);
        story.at(NOW.plus_seconds(60));
        story
            .bank_asks(update())
            .is_refused(ErrorCode::OperationExpired);
    }

    #[test]
    fn a_frame_somebody_changed_is_not_built_upon() {
        let mut story = story();
        let name = VaultName::operation_content(&"a".parse().unwrap());
        story.vault.rows.insert(name, Secret::new([0xc0]));
        story
            .bank_asks(update())
            .is_refused(ErrorCode::TransactionDataError);
    }
}
