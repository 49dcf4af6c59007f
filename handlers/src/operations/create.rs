//! `create_operation`: the bank asks a person to confirm several texts.

use std::collections::{BTreeMap, HashSet};

use schemas::answers::AnswerBody;
use schemas::commands::operations::{CreateOperation, NewMember};
use schemas::events::operations::{MemberCreated, OperationCreated};
use schemas::operation_content::OperationContent;
use schemas::vault::VaultName;
use schemas::{ErrorCode, Secret};

use super::{Rejection, frame};
use crate::asked::Asked;
use crate::crypto::key_material::derive;
use crate::decision::Decision;
use crate::policies::operation_timer;
use crate::transactions::create as transaction;

/// The most transactions of one operation: what is answered in one request, and remembered in one event.
const MEMBERS_MAX: usize = 1000;

/// Creates an operation with all its transactions, or nothing. Every text goes to the vault with a salt of its own; the one
/// event keeps the digests.
pub(super) fn decide(asked: &Asked<'_>, command: &CreateOperation) -> Result<Decision, Rejection> {
    transaction::check_request(
        asked,
        command.confirm_code_length,
        command.callback_url.as_ref(),
    )?;
    let expires_at = transaction::expires_at(asked, command.ttl_s)?;
    frame::check_description(command.description.as_ref())?;
    frame::check_app_extra(command.app_extra.as_ref())?;
    check_members(&command.transactions)?;
    let id = &command.operation_id;
    if asked.person.operations.has(id) {
        return Err(Rejection::Malformed);
    }
    let mut decision = Decision::happened(Vec::new());
    let mut members = Vec::with_capacity(command.transactions.len());
    for (number, member) in command.transactions.iter().enumerate() {
        members.push(create_member(asked, number, member, &mut decision)?);
    }
    let (frame, content_digest) = frame_of(asked, command).encode();
    decision
        .vault
        .push((VaultName::operation_content(id), frame));
    decision.claims.push((
        format!("operation/{}", asked.system_id),
        id.to_string(),
        ErrorCode::CreateOperationError,
    ));
    decision.timers = expires_at
        .into_iter()
        .map(|due| (operation_timer(id), due))
        .collect();
    decision.answer = AnswerBody::OperationCreated {
        operation_id: id.clone(),
        transaction_ids: members
            .iter()
            .map(|member| member.transaction_id.clone())
            .collect(),
    };
    let created = OperationCreated {
        operation_id: id.clone(),
        content_digest,
        expires_at,
        callback_url: command.callback_url.clone(),
        confirm_code_length: command.confirm_code_length,
        notification_type: command.notification_type,
        transactions: members,
    };
    decision.events.push(created.into());
    Ok(decision)
}

/// How many there are, whether two have the same id, and what stands beside their texts.
fn check_members(members: &[NewMember]) -> Result<(), Rejection> {
    if members.is_empty() || members.len() > MEMBERS_MAX {
        return Err(Rejection::Malformed);
    }
    let mut ids = HashSet::with_capacity(members.len());
    for member in members {
        frame::check_snippet(member.snippet.as_ref())?;
        if !ids.insert(&member.transaction_id) {
            return Err(Rejection::Malformed);
        }
    }
    Ok(())
}

/// A transaction's row and claim; its part of the event comes back.
fn create_member(
    asked: &Asked<'_>,
    number: usize,
    member: &NewMember,
    decision: &mut Decision,
) -> Result<MemberCreated, Rejection> {
    let id = &member.transaction_id;
    if asked.person.transactions.has(id) {
        return Err(Rejection::Member(
            id.clone(),
            crate::transactions::Rejection::IdTaken,
        ));
    }
    let salt = derive(&asked.facts.seed, &format!("operation/salt/{number}"));
    let content =
        transaction::content(&member.text, member.text_type, member.binary.as_ref(), salt)
            .map_err(|_| Rejection::Malformed)?;
    decision.vault.push(transaction::row(id, &content));
    decision.claims.push(transaction::claim(asked, id));
    Ok(MemberCreated {
        transaction_id: id.clone(),
        digest: content.digest(asked.system_id, asked.user_id, id),
        has_binary: content.binary.is_some(),
    })
}

fn frame_of(asked: &Asked<'_>, command: &CreateOperation) -> OperationContent {
    let salt: Secret = derive(&asked.facts.seed, "operation/salt");
    let snippets: BTreeMap<_, _> = command
        .transactions
        .iter()
        .filter_map(|member| Some((member.transaction_id.clone(), member.snippet.clone()?)))
        .collect();
    OperationContent {
        salt: salt.expose().to_vec(),
        description: command.description.clone(),
        app_extra: command.app_extra.clone(),
        snippets,
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::KeyParts;
    use schemas::commands::users::DeleteUser;
    use schemas::events::Event;
    use schemas::events::operations::OperationEvent;

    use super::*;
    use crate::testing::{
        NOW, Story, create_operation, create_transaction, described, key_request,
    };

    fn refused(change: impl FnOnce(&mut CreateOperation), code: ErrorCode) {
        let mut command = create_operation("salaries-1", 3);
        change(&mut command);
        Story::of_a_user().bank_asks(command).is_refused(code);
    }

    #[test]
    fn an_operation_is_created_with_all_its_transactions_in_one_event() {
        let mut story = Story::of_a_user();
        let mut command = create_operation("salaries-1", 3);
        command.ttl_s = Some(600);
        let created = story.bank_asks(command);
        created.happens(&["create_operation"]);
        let Event::Operations(OperationEvent::Created(event)) = &created.decision().events[0]
        else {
            panic!("a creation was expected");
        };
        assert_eq!(event.expires_at, Some(NOW.plus_seconds(600)));
        assert_eq!(event.transactions.len(), 3);
        let digests: HashSet<_> = event
            .transactions
            .iter()
            .map(|member| member.digest)
            .collect();
        assert_eq!(digests.len(), 3, "every text has a salt of its own");
        assert_eq!(
            created.decision().timers,
            [(
                "expire-operation/salaries-1".to_owned(),
                NOW.plus_seconds(600)
            )]
        );
        assert_eq!(created.decision().claims.len(), 4);
        assert_eq!(
            created.answer(),
            AnswerBody::OperationCreated {
                operation_id: "salaries-1".parse().unwrap(),
                transaction_ids: ["salaries-1.0", "salaries-1.1", "salaries-1.2"]
                    .map(|id| id.parse().unwrap())
                    .to_vec(),
            }
        );
        let frame = VaultName::operation_content(&"salaries-1".parse().unwrap());
        let frame = story.vault.get(&frame).unwrap();
        let frame = OperationContent::decode(frame, &event.content_digest).unwrap();
        assert_eq!(frame.description, Some(described("Salaries of November")));
        assert_eq!(frame.snippets.len(), 3);
    }

    #[test]
    fn a_thousand_are_one_operation_and_one_more_is_none() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(create_operation("salaries-1", 1000))
            .happens(&["create_operation"]);
        story
            .bank_asks(create_operation("salaries-2", 1001))
            .is_refused(ErrorCode::CreateOperationError);
        story
            .bank_asks(create_operation("salaries-3", 0))
            .is_refused(ErrorCode::CreateOperationError);
    }

    #[test]
    fn what_cannot_be_meant_is_not_created() {
        let wrong = ErrorCode::CreateOperationError;
        refused(
            |command| command.transactions[1].transaction_id = "salaries-1.0".parse().unwrap(),
            wrong,
        );
        refused(
            |command| command.transactions[2].text = Secret::new(" "),
            wrong,
        );
        refused(
            |command| command.transactions[2].text = Secret::new("Pay\u{202e}5"),
            wrong,
        );
        refused(
            |command| command.transactions[2].binary = Some(Secret::new("")),
            wrong,
        );
        refused(
            |command| command.transactions[2].snippet = Some(described("Pay\u{202e}5")),
            wrong,
        );
        refused(
            |command| command.description = Some(described(&"x".repeat(16 * 1024 + 1))),
            wrong,
        );
        refused(
            |command| command.app_extra = Some(Secret::new("x".repeat(16 * 1024 + 1))),
            wrong,
        );
        refused(
            |command| command.confirm_code_length = Some(3),
            ErrorCode::ConfirmCodeLengthIsWrong,
        );
        refused(
            |command| command.callback_url = Some("bank.example".to_owned()),
            ErrorCode::RequestError,
        );
        refused(|command| command.ttl_s = Some(-1), ErrorCode::RequestError);
    }

    #[test]
    fn ids_are_used_once() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(create_operation("salaries-1", 2))
            .happens(&["create_operation"]);
        story
            .bank_asks(create_operation("salaries-1", 2))
            .is_refused(ErrorCode::CreateOperationError);
        story.create_transaction("salaries-2.1");
        story
            .bank_asks(create_operation("salaries-2", 2))
            .is_refused(ErrorCode::TransactionIsNotUnique);
        story
            .bank_asks(create_transaction("salaries-1.0"))
            .is_refused(ErrorCode::TransactionIsNotUnique);
    }

    #[test]
    fn nobody_is_asked_who_cannot_answer() {
        let mut story = Story::of_a_user_with(key_request(KeyParts::Whole));
        story.at(story.key_valid_to());
        story
            .bank_asks(create_operation("salaries-1", 2))
            .is_refused(ErrorCode::KeyExpired);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(create_operation("salaries-1", 2))
            .is_refused(ErrorCode::UserIsDeleted);
    }
}
