//! `expire_operation`: the house notes that an operation's deadline has passed.

use schemas::TransactionId;
use schemas::commands::operations::ExpireOperation;
use schemas::events::operations::OperationExpired;

use crate::decision::Decision;
use crate::facts::Facts;
use crate::policies::operation_timer;
use crate::systems::Registered;
use crate::users::Person;

/// Notes the deadline for everything that has no outcome, once. A clock that rings too early, too late or for nobody is
/// never refused: nothing happens.
pub(crate) fn decide(
    person: Option<&Person>,
    system: Option<&Registered>,
    command: &ExpireOperation,
    facts: &Facts<'_>,
) -> Decision {
    let id = &command.operation_id;
    let found = person.and_then(|person| Some((person, person.operations.get(id).ok()?)));
    let Some((person, operation)) = found else {
        return Decision::happened(Vec::new());
    };
    let overdue: Vec<TransactionId> = operation
        .transactions(&person.transactions)
        .filter(|(_, transaction)| transaction.overdue(facts.now).is_some())
        .map(|(id, _)| id.clone())
        .collect();
    if overdue.is_empty() {
        return Decision::happened(Vec::new());
    }
    let own_url = operation.callback_url.clone();
    let event = OperationExpired {
        operation_id: id.clone(),
        transactions: overdue,
        callback_url: own_url.or_else(|| system.and_then(Registered::callback_url)),
    };
    Decision {
        cancelled_timers: vec![operation_timer(id)],
        ..Decision::happened(vec![event.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::users::DeleteUser;
    use schemas::events::Event;
    use schemas::events::operations::OperationEvent;

    use super::*;
    use crate::testing::{NOW, Story, create_operation};

    fn expire() -> ExpireOperation {
        ExpireOperation {
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
    fn what_has_no_outcome_expires_at_the_deadline_and_once() {
        let mut story = story();
        let answers = story.answers("a", &["a.1"]);
        story.device_asks(answers).happens(&["operations_process"]);
        story.at(NOW.plus_seconds(60).plus_ms(-1));
        story.house_asks(expire()).happens(&[]);
        story.at(NOW.plus_seconds(60));
        let expired = story.house_asks(expire());
        expired.happens(&["expire_operation"]);
        let Event::Operations(OperationEvent::Expired(event)) = &expired.decision().events[0]
        else {
            panic!("an expiry was expected");
        };
        let expected: Vec<TransactionId> = ["a.0", "a.2"].map(|id| id.parse().unwrap()).to_vec();
        assert_eq!(event.transactions, expected);
        story.house_asks(expire()).happens(&[]);
        let confirmation = story.confirmation("a.0");
        story
            .device_asks(confirmation)
            .is_refused(ErrorCode::TransactionExpired);
    }

    #[test]
    fn nothing_expires_that_was_answered_or_never_was() {
        let mut story = story();
        let answers = story.answers("a", &["a.0", "a.1", "a.2"]);
        let processed = story.device_asks(answers);
        processed.happens(&["operations_process"]);
        assert_eq!(
            processed.decision().cancelled_timers,
            ["expire-operation/a"]
        );
        story.at(NOW.plus_seconds(60));
        story.house_asks(expire()).happens(&[]);
        Story::of_a_user().house_asks(expire()).happens(&[]);
        Story::of_a_system().house_asks(expire()).happens(&[]);
    }

    #[test]
    fn a_deleted_users_deadlines_are_forgotten() {
        let mut story = story();
        let deleted = story.bank_asks(DeleteUser {});
        assert_eq!(deleted.decision().cancelled_timers, ["expire-operation/a"]);
        story.at(NOW.plus_seconds(60));
        story.house_asks(expire()).happens(&[]);
    }

    #[test]
    fn only_the_house_knows_the_word() {
        let mut story = story();
        story
            .bank_asks(expire())
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(expire())
            .is_refused(ErrorCode::RequestError);
    }
}
