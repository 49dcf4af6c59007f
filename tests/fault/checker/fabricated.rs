//! The judge, judged: minimal bad histories, each with the one violation it must produce, and a good one without any.

use countersign::receiver::Received;
use schemas::commands::transactions::NotificationType;
use schemas::context::RequestContext;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::keys::{ActivationAttempted, ActivationFailed, KeyActivated};
use schemas::events::transactions::TransactionEvent;
use schemas::events::transactions::{
    TransactionConfirmed, TransactionCreated, TransactionDeclined,
};
use schemas::{CommandId, Digest, ErrorCode, KeyIndex, Lane, Owner, Position, Timestamp};
use serde_json::json;

use super::{Floor, Placed, Violation, judge, judge_callbacks};
use crate::history::{Kind, Operation, Outcome, Phase};

const URL: &str = "https://bank.example/callback";

fn command(number: u8) -> CommandId {
    CommandId([number; 32])
}

fn owner() -> Owner {
    "bank/anna".parse().unwrap()
}

fn at(number: u64) -> Position {
    Position {
        lane: Lane::of(&owner()),
        number,
    }
}

/// A log of one owner: events with the commands that caused them.
fn log(events: Vec<(u8, Event)>) -> Vec<Placed> {
    let placed = events.into_iter().zip(1..).map(|((cause, event), number)| {
        let recorded = RecordedEvent {
            owner: owner(),
            ordinal: number,
            recorded_at: Timestamp(0),
            causation_id: command(cause),
            result: ErrorCode::Normal,
            context: RequestContext::default(),
            event,
        };
        (at(number), recorded)
    });
    placed.collect()
}

fn created(id: &str) -> Event {
    Event::Transactions(TransactionEvent::Created(TransactionCreated {
        transaction_id: id.parse().unwrap(),
        digest: Digest([0; 32]),
        has_binary: false,
        expires_at: None,
        callback_url: Some(URL.to_owned()),
        confirm_code_length: None,
        notification_type: NotificationType::Push,
        kind: None,
    }))
}

fn confirmed(id: &str) -> Event {
    Event::Transactions(TransactionEvent::Confirmed(TransactionConfirmed {
        transaction_id: id.parse().unwrap(),
        key_index: KeyIndex(1),
        signature: None,
        confirm_code: None,
        digest: Digest([0; 32]),
        callback_url: Some(URL.to_owned()),
        operation: None,
    }))
}

fn declined(id: &str) -> Event {
    Event::Transactions(TransactionEvent::Declined(TransactionDeclined {
        transaction_id: id.parse().unwrap(),
        reason: None,
        reason_digest: Some(Digest([0; 32])),
        code: None,
        callback_url: Some(URL.to_owned()),
        operation: None,
    }))
}

fn attempted(cause: u8, attempt: u32) -> Event {
    let command_id = command(cause);
    Event::Keys(KeyEvent::ActivationAttempted(ActivationAttempted {
        key_index: KeyIndex(1),
        attempt,
        command_id,
    }))
}

fn activated() -> Event {
    Event::Keys(KeyEvent::Activated(KeyActivated {
        key_index: KeyIndex(1),
    }))
}

fn failed() -> Event {
    let result = ErrorCode::ActivationCodeIncorrect;
    Event::Keys(KeyEvent::ActivationFailed(ActivationFailed {
        key_index: KeyIndex(1),
        result,
        blocked: false,
    }))
}

fn asked(kind: Kind, about: &str, cause: u8, outcome: Outcome) -> Operation {
    Operation {
        kind,
        about: about.to_owned(),
        command_id: command(cause),
        outcome: outcome.clone(),
        again: Some(outcome),
        phase: Phase::During,
    }
}

fn done(kind: Kind, about: &str, cause: u8) -> Operation {
    asked(kind, about, cause, Outcome::Done(None))
}

fn violations(operations: &[Operation], log: &[Placed]) -> Vec<Violation> {
    judge(operations, log, Floor::NONE)
}

/// A confirmed transaction, as the caller and the log both know it.
fn good() -> (Vec<Operation>, Vec<Placed>) {
    let create = asked(Kind::Create, "t", 1, Outcome::Done(Some(at(1))));
    let late = asked(Kind::Decline, "t", 3, Outcome::Refused(232));
    let operations = vec![create, done(Kind::Confirm, "t", 2), late];
    (
        operations,
        log(vec![(1, created("t")), (2, confirmed("t"))]),
    )
}

#[test]
fn a_good_run_has_no_violation() {
    let (operations, log) = good();
    assert_eq!(violations(&operations, &log), []);
    let floor = Floor {
        before: 0,
        during: 2,
        after: 0,
    };
    assert_eq!(judge(&operations, &log, floor), []);
}

#[test]
fn a_run_in_which_nothing_succeeded_proves_nothing() {
    let (operations, log) = good();
    let floor = Floor {
        before: 1,
        during: 3,
        after: 0,
    };
    let vacuous = [
        Violation::Vacuous(Phase::Before, 0),
        Violation::Vacuous(Phase::During, 2),
    ];
    assert_eq!(judge(&operations, &log, floor), vacuous);
}

#[test]
fn an_acknowledged_effect_that_is_not_there_is_lost() {
    let (operations, mut log) = good();
    log.pop();
    assert_eq!(
        violations(&operations, &log),
        [Violation::Lost(Kind::Confirm, "t".to_owned())]
    );
}

#[test]
fn an_effect_at_another_place_than_told_is_misplaced() {
    let (mut operations, log) = good();
    operations[0] = asked(Kind::Create, "t", 1, Outcome::Done(Some(at(2))));
    assert_eq!(
        violations(&operations, &log),
        [Violation::Misplaced(Kind::Create, "t".to_owned())]
    );
}

#[test]
fn a_refusal_of_what_happened_is_a_contradiction() {
    let (mut operations, log) = good();
    operations[1] = asked(Kind::Confirm, "t", 2, Outcome::Refused(232));
    assert_eq!(
        violations(&operations, &log),
        [Violation::Contradicted(Kind::Confirm, "t".to_owned())]
    );
}

#[test]
fn an_effect_nobody_asked_for_is_unexpected() {
    let (mut operations, log) = good();
    operations.remove(1);
    assert_eq!(
        violations(&operations, &log),
        [Violation::Unexpected(Kind::Confirm, "t".to_owned())]
    );
}

#[test]
fn two_answers_to_one_question_are_found() {
    let (mut operations, log) = good();
    operations[1].again = Some(Outcome::Refused(232));
    assert_eq!(
        violations(&operations, &log),
        [Violation::AnsweredDifferently(
            Kind::Confirm,
            "t".to_owned()
        )]
    );
}

#[test]
fn a_question_that_stays_open_is_unresolved() {
    let (mut operations, log) = good();
    operations[1] = asked(Kind::Confirm, "t", 2, Outcome::Unknown);
    assert_eq!(
        violations(&operations, &log),
        [Violation::Unresolved(Kind::Confirm, "t".to_owned())]
    );
}

#[test]
fn a_transaction_that_begins_or_ends_twice_is_doubled() {
    let (mut operations, _) = good();
    operations[2] = done(Kind::Decline, "t", 3);
    let ended_twice = log(vec![
        (1, created("t")),
        (2, confirmed("t")),
        (3, declined("t")),
    ]);
    assert_eq!(
        violations(&operations, &ended_twice),
        [Violation::Doubled("t".to_owned())]
    );
    let operations = [done(Kind::Create, "t", 1), done(Kind::Create, "t", 2)];
    let begun_twice = log(vec![(1, created("t")), (2, created("t"))]);
    assert_eq!(
        violations(&operations, &begun_twice),
        [Violation::Doubled("t".to_owned())]
    );
}

#[test]
fn a_command_with_the_same_effect_twice_is_found() {
    let operations = [done(Kind::Create, "a", 1), done(Kind::Create, "b", 1)];
    let log = log(vec![(1, created("a")), (1, created("b"))]);
    assert_eq!(
        violations(&operations, &log),
        [Violation::CommandTwice(command(1), "create_transaction")]
    );
}

#[test]
fn a_gap_or_a_repetition_of_positions_is_found() {
    for wrong in [1, 3] {
        let (operations, mut log) = good();
        log[1].0.number = wrong;
        assert_eq!(
            violations(&operations, &log),
            [Violation::NotDense(at(1).lane, wrong)]
        );
    }
}

#[test]
fn a_gap_or_a_repetition_of_versions_is_found() {
    for wrong in [1, 3] {
        let (operations, mut log) = good();
        log[1].1.ordinal = wrong;
        assert_eq!(
            violations(&operations, &log),
            [Violation::NotSuccessive(owner().to_string(), wrong)]
        );
    }
}

#[test]
fn a_code_looked_at_before_its_try_was_counted_is_found() {
    let operations = [done(Kind::Activate, "anna", 2)];
    let counted = log(vec![
        (1, attempted(1, 1)),
        (1, failed()),
        (2, attempted(2, 2)),
        (2, activated()),
    ]);
    assert_eq!(violations(&operations, &counted), []);
    let not_counted = [Violation::NotCounted(owner().to_string())];
    assert_eq!(
        violations(&operations, &log(vec![(2, activated())])),
        not_counted
    );
    let after = log(vec![(2, activated()), (2, attempted(2, 1))]);
    assert_eq!(violations(&operations, &after), not_counted);
    let given_back = log(vec![
        (1, attempted(1, 1)),
        (1, failed()),
        (2, attempted(2, 1)),
        (2, activated()),
    ]);
    assert_eq!(violations(&operations, &given_back), not_counted);
}

fn callback(id: &str, transaction: &str, more: &str) -> Received {
    let body = json!({ "pc_callback": { "transaction_callback": { "transaction_id": transaction, "more": more } } });
    Received {
        headers: Vec::new(),
        webhook_id: id.to_owned(),
        timestamp: "0".to_owned(),
        signature: "v1,AA== v1a,AA==".to_owned(),
        body: body.to_string().into_bytes(),
    }
}

#[test]
fn a_callback_may_come_twice_and_must_be_the_same_then() {
    let (_, log) = good();
    let same = [callback("id", "t", ""), callback("id", "t", "")];
    assert_eq!(judge_callbacks(&same, None, &log), []);
    assert_eq!(
        judge_callbacks(&[], None, &log),
        [Violation::CallbackMissing("t".to_owned())]
    );
    let changed = [callback("id", "t", ""), callback("id", "t", "more")];
    assert_eq!(
        judge_callbacks(&changed, None, &log),
        [Violation::CallbackChanged("id".to_owned())]
    );
    let renamed = [callback("id", "t", ""), callback("other", "t", "")];
    assert_eq!(
        judge_callbacks(&renamed, None, &log),
        [Violation::CallbackRenamed("t".to_owned())]
    );
    let unlogged = [callback("id", "t", ""), callback("other", "u", "")];
    assert_eq!(
        judge_callbacks(&unlogged, None, &log),
        [Violation::CallbackUnlogged("u".to_owned())]
    );
}

#[test]
fn a_callback_with_wrong_signatures_is_forged() {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let webhook = json!({ "secret": format!("whsec_{}", encode(&[1; 32])), "public_key": format!("whpk_{}", encode(&[2; 32])) });
    let keys = countersign::receiver::WebhookKeys::from_registration(&webhook).unwrap();
    let (_, log) = good();
    let forged = [callback("id", "t", "")];
    assert_eq!(
        judge_callbacks(&forged, Some(&keys), &log),
        [Violation::CallbackForged("id".to_owned())]
    );
}
