//! One fault at every step of a command: the effect happens once, and the caller hears one answer.

use std::sync::Arc;
use std::time::Duration;

use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::transactions::TransactionEvent;
use tokio::sync::watch;

use super::faults::{AppendFault, DeliveryFault, Fault, OneFault, ReadFails};
use super::faulty_bus::FaultyBus;
use super::faulty_log::FaultyLog;
use super::stage::Stage;
use crate::checker::{Floor, Placed, judge, read_all};
use crate::history::{Outcome, Phase};

/// A transaction's life where it plays no role, seconds.
const LIFE_S: i64 = 600;

const APPEND_FAULTS: [AppendFault; 6] = [
    AppendFault::Fails,
    AppendFault::LostAndUnknown,
    AppendFault::WrittenAndUnknown,
    AppendFault::CrashesBefore,
    AppendFault::CrashesAfter,
    AppendFault::IsFenced,
];
const DELIVERY_FAULTS: [DeliveryFault; 4] = [
    DeliveryFault::LosesCommand,
    DeliveryFault::LosesAnswer,
    DeliveryFault::LosesSettling,
    DeliveryFault::ComesTwice,
];

/// Every fault on the way of a command that appends so many times.
fn faults(appends: usize) -> Vec<Fault> {
    let at_appends =
        (0..appends).flat_map(|at| APPEND_FAULTS.map(|fault| Fault::Append(at, fault)));
    let at_deliveries = DELIVERY_FAULTS.map(|fault| Fault::Delivery(0, fault));
    at_appends.chain(at_deliveries).collect()
}

async fn stage() -> (Stage, Arc<OneFault>) {
    let fault = Arc::new(OneFault::default());
    let plan = Arc::clone(&fault);
    // Never closed: the sender would have to live as long as the runners.
    let (open, is_open) = watch::channel(true);
    let stage = Stage::begin(
        1,
        Box::new(move |_, log, bus, crash| {
            let _ = &open;
            let log = FaultyLog::new(log, plan.clone(), crash);
            let bus = FaultyBus::new(bus, plan.clone(), is_open.clone());
            (Arc::new(log), Arc::new(bus))
        }),
    );
    (stage.await, fault)
}

/// The log holds what the callers were told; returns it for a closer look.
async fn judged(stage: &Stage, done: usize) -> Vec<Placed> {
    let log = read_all(&*stage.log)
        .await
        .expect("the log in memory is readable");
    let floor = Floor {
        during: done,
        ..Floor::NONE
    };
    assert_eq!(judge(&stage.history.operations(), &log, floor), []);
    log
}

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_and_a_confirmation_survive_a_fault_at_every_step() {
    let (stage, fault) = stage().await;
    stage.history.enter(Phase::During);
    let anna = stage.way.enroll("anna").await;
    let faults = faults(1);
    for (number, at) in faults.iter().enumerate() {
        let transaction = format!("created-{number}");
        fault.arm(*at);
        assert!(
            is_done(&anna.create(&transaction, LIFE_S).await),
            "create, {at:?}"
        );
        assert!(fault.has_struck(), "{at:?} did not strike at the creation");
        let shown = anna.show(&transaction).await.expect("it is there");
        fault.arm(*at);
        assert!(is_done(&anna.confirm(&shown).await), "confirm, {at:?}");
        assert!(
            fault.has_struck(),
            "{at:?} did not strike at the confirmation"
        );
        let declined = format!("declined-{number}");
        anna.create(&declined, LIFE_S).await;
        fault.arm(*at);
        assert!(is_done(&anna.decline(&declined).await), "decline, {at:?}");
        assert!(
            fault.has_struck(),
            "{at:?} did not strike at the declination"
        );
    }
    judged(&stage, 4 * faults.len()).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_costs_one_try_whichever_step_fails() {
    let (stage, fault) = stage().await;
    let faults = faults(2);
    for (number, at) in faults.iter().enumerate() {
        let mut newcomer = stage
            .way
            .enroll_in_two_parts(&format!("user{number}"))
            .await;
        fault.arm(*at);
        assert!(is_done(&newcomer.activate().await), "activate, {at:?}");
        assert!(
            fault.has_struck(),
            "{at:?} did not strike at the activation"
        );
        let user_id = newcomer.user_id().to_owned();
        newcomer.settle_in().await;
        assert_eq!(tries(&stage, &user_id).await, 1, "{at:?}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_costs_one_try_whichever_step_fails() {
    let (stage, fault) = stage().await;
    for (number, at) in faults(2).iter().enumerate() {
        let mut newcomer = stage
            .way
            .enroll_in_two_parts(&format!("user{number}"))
            .await;
        fault.arm(*at);
        let incorrect = Outcome::Refused(schemas::ErrorCode::ActivationCodeIncorrect.number());
        assert_eq!(newcomer.activate_wrongly().await, incorrect, "{at:?}");
        assert!(
            fault.has_struck(),
            "{at:?} did not strike at the activation"
        );
        assert!(
            is_done(&newcomer.activate().await),
            "the right code, after {at:?}"
        );
        assert_eq!(tries(&stage, newcomer.user_id()).await, 2, "{at:?}");
    }
    stage.end().await;
}

/// How many tries of the user's code the log has; it is in order besides.
async fn tries(stage: &Stage, user_id: &str) -> usize {
    let log = read_all(&*stage.log)
        .await
        .expect("the log in memory is readable");
    let not_mine = |violation: &crate::checker::Violation| {
        // Activations are not in the history of this test; everything else is judged.
        !matches!(
            violation,
            crate::checker::Violation::Unexpected(crate::history::Kind::Activate, _)
        )
    };
    let violations: Vec<_> = judge(&stage.history.operations(), &log, Floor::NONE)
        .into_iter()
        .filter(not_mine)
        .collect();
    assert_eq!(violations, []);
    let is_try = |(_, event): &&Placed| {
        matches!(event.event, Event::Keys(KeyEvent::ActivationAttempted(_)))
            && event
                .owner
                .user_id()
                .is_some_and(|owner| owner.as_str() == user_id)
    };
    log.iter().filter(is_try).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_for_a_moment_delays_a_command_and_no_more() {
    let (stage, fault) = stage().await;
    stage.history.enter(Phase::During);
    let anna = stage.way.enroll("anna").await;
    let mut struck = 0;
    for number in 0..3 {
        let transaction = format!("read-{number}");
        fault.arm(Fault::Read(number, ReadFails));
        assert!(is_done(&anna.create(&transaction, LIFE_S).await));
        struck += usize::from(fault.has_struck());
        let shown = anna.show(&transaction).await.expect("it is there");
        fault.arm(Fault::Read(number, ReadFails));
        assert!(is_done(&anna.confirm(&shown).await));
        struck += usize::from(fault.has_struck());
    }
    assert!(struck > 0, "no question failed");
    judged(&stage, 6).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_was_written_unknown_to_the_runner_is_kept() {
    let (stage, fault) = stage().await;
    let anna = stage.way.enroll("anna").await;
    // The runner knows of a deadline far away; the next one comes before it.
    anna.create("patient", LIFE_S).await;
    fault.arm(Fault::Append(0, AppendFault::WrittenAndUnknown));
    assert!(is_done(&anna.create("hasty", 1).await));
    assert!(fault.has_struck());
    let expires = async {
        loop {
            let log = read_all(&*stage.log)
                .await
                .expect("the log in memory is readable");
            let is_it = |(_, event): &Placed| matches!(&event.event, Event::Transactions(TransactionEvent::Expired(expired)) if expired.transaction_id.as_str() == "hasty");
            if log.iter().any(is_it) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let expired = tokio::time::timeout(Duration::from_secs(10), expires).await;
    assert!(expired.is_ok(), "the deadline passed and nobody noticed");
    stage.end().await;
}
