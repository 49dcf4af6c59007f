//! The judge: compares what the callers saw with what the log holds, and names every promise that was broken.

use std::collections::{BTreeMap, HashMap, HashSet};

use event_log::{EventLog, Failure};
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::{CommandId, ErrorCode, Lane, Position, TransactionId, codec};

use crate::history::{Kind, Operation, Outcome};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A caller was told "done" and the log does not hold it, or not there.
    Lost(Kind, TransactionId),
    /// A transaction ended twice.
    Doubled(TransactionId),
    /// The positions of a lane have a gap or a repetition.
    NotDense(Lane, u64),
    /// The versions of an owner have a gap or a repetition.
    NotSuccessive(String, u64),
    /// One command caused the same kind of effect twice.
    CommandTwice(CommandId),
    /// A caller was refused because it had not happened, and it had; or told "done" by a log without it.
    Contradicted(Kind, TransactionId),
    /// An activation code was looked at without the try standing in the log first.
    NotCounted(String),
    /// The run proves nothing: too few operations succeeded.
    Vacuous(usize),
}

/// The whole log, lane by lane.
pub async fn read_all(log: &dyn EventLog) -> Result<Vec<(Position, RecordedEvent)>, Failure> {
    const AT_ONCE: usize = 1000;
    let mut all = Vec::new();
    for lane in Lane::all() {
        let mut from = 1;
        loop {
            let events = log.read(lane, from, AT_ONCE).await?;
            let Some(last) = events.last() else { break };
            from = last.position.number + 1;
            for event in &events {
                let recorded = codec::decode(&event.payload).map_err(|error| Failure {
                    attempt: format!("cannot decode {}", event.position),
                    source: Some(Box::new(error)),
                })?;
                all.push((event.position, recorded));
            }
        }
    }
    Ok(all)
}

/// Judges a run. `done_min` operations must have succeeded for it to prove anything.
pub fn judge(operations: &[Operation], log: &[(Position, RecordedEvent)], done_min: usize) -> Vec<Violation> {
    let mut violations = Vec::new();
    let done = operations.iter().filter(|operation| matches!(operation.outcome, Outcome::Done(_))).count();
    if done < done_min {
        violations.push(Violation::Vacuous(done));
    }
    check_order(log, &mut violations);
    check_commands(log, &mut violations);
    check_activation(log, &mut violations);
    let effects = effects(log, &mut violations);
    for operation in operations {
        let key = (operation.kind, operation.transaction_id.clone());
        let found = effects.get(&key);
        match &operation.outcome {
            Outcome::Done(position) => {
                let right_place = found.is_some_and(|found| position.is_none_or(|told| told == *found));
                if !right_place {
                    violations.push(Violation::Lost(operation.kind, operation.transaction_id.clone()));
                }
            }
            // "Already done" is an answer to a retry that lost its identity; anything else must not have happened.
            Outcome::Refused(code) if *code != u64::from(ErrorCode::TransactionChecked.number()) => {
                if found.is_some() && operation.kind != Kind::Create {
                    violations.push(Violation::Contradicted(operation.kind, operation.transaction_id.clone()));
                }
            }
            Outcome::Refused(_) | Outcome::Unknown => {}
        }
    }
    violations
}

/// Positions are dense in each lane, versions successive for each owner.
fn check_order(log: &[(Position, RecordedEvent)], violations: &mut Vec<Violation>) {
    let mut lanes: BTreeMap<Lane, u64> = BTreeMap::new();
    let mut owners: HashMap<String, u64> = HashMap::new();
    for (position, event) in log {
        let last = lanes.entry(position.lane).or_default();
        if position.number != *last + 1 {
            violations.push(Violation::NotDense(position.lane, position.number));
        }
        *last = position.number;
        let owner = event.owner.to_string();
        let version = owners.entry(owner.clone()).or_default();
        if event.ordinal != *version + 1 {
            violations.push(Violation::NotSuccessive(owner, event.ordinal));
        }
        *version = event.ordinal;
    }
}

/// One command, one effect of each kind.
fn check_commands(log: &[(Position, RecordedEvent)], violations: &mut Vec<Violation>) {
    let mut seen: HashSet<(CommandId, &str)> = HashSet::new();
    for (_, event) in log {
        let looked = matches!(event.event, Event::Looked(_) | Event::TransactionServed(_));
        if !looked && !seen.insert((event.causation_id, event.event.word())) {
            violations.push(Violation::CommandTwice(event.causation_id));
        }
    }
}

/// Every look at an activation code stands behind its counted try.
fn check_activation(log: &[(Position, RecordedEvent)], violations: &mut Vec<Violation>) {
    let mut reserved: HashMap<String, i64> = HashMap::new();
    for (_, event) in log {
        let owner = event.owner.to_string();
        match &event.event {
            Event::ActivationAttempted(_) => *reserved.entry(owner).or_default() += 1,
            Event::KeyActivated(_) | Event::ActivationFailed(_) => {
                let left = reserved.entry(owner.clone()).or_default();
                *left -= 1;
                if *left < 0 {
                    violations.push(Violation::NotCounted(owner));
                }
            }
            _ => {}
        }
    }
}

/// Where each effect lies; a transaction that ended twice is a violation.
fn effects(
    log: &[(Position, RecordedEvent)],
    violations: &mut Vec<Violation>,
) -> HashMap<(Kind, TransactionId), Position> {
    let mut effects = HashMap::new();
    let mut last_of_command: HashMap<CommandId, Position> = HashMap::new();
    for (position, event) in log {
        last_of_command.insert(event.causation_id, *position);
    }
    let mut ended: HashSet<TransactionId> = HashSet::new();
    for (_, event) in log {
        let (kind, transaction_id) = match &event.event {
            Event::TransactionCreated(created) => (Kind::Create, &created.transaction_id),
            Event::TransactionConfirmed(confirmed) => (Kind::Confirm, &confirmed.transaction_id),
            Event::TransactionDeclined(declined) => (Kind::Decline, &declined.transaction_id),
            Event::TransactionExpired(expired) => {
                if !ended.insert(expired.transaction_id.clone()) {
                    violations.push(Violation::Doubled(expired.transaction_id.clone()));
                }
                continue;
            }
            _ => continue,
        };
        if kind != Kind::Create && !ended.insert(transaction_id.clone()) {
            violations.push(Violation::Doubled(transaction_id.clone()));
        }
        // The caller is told where the last event of its command lies.
        if let Some(position) = last_of_command.get(&event.causation_id) {
            effects.insert((kind, transaction_id.clone()), *position);
        }
    }
    effects
}
