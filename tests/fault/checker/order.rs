//! What must hold for any log, whoever called: order, single effects, counted tries.

use std::collections::{BTreeMap, HashMap, HashSet};

use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::{CommandId, Lane};

use super::{Placed, Violation};

/// Judges the log by itself.
pub(super) fn judge(log: &[Placed]) -> Vec<Violation> {
    let mut violations = positions_and_versions(log);
    violations.extend(commands(log));
    violations.extend(lives(log));
    violations.extend(tries(log));
    violations
}

/// Positions are dense in each lane, versions successive for each owner.
fn positions_and_versions(log: &[Placed]) -> Vec<Violation> {
    let mut violations = Vec::new();
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
    violations
}

/// One command, one effect of each kind. A look changes nothing: delivered again, it is journaled again.
fn commands(log: &[Placed]) -> Vec<Violation> {
    let mut seen: HashSet<(CommandId, &str)> = HashSet::new();
    let mut violations = Vec::new();
    for (_, event) in log {
        let is_look = event.event.word().starts_with("get_");
        if !is_look && !seen.insert((event.causation_id, event.event.word())) {
            violations.push(Violation::CommandTwice(
                event.causation_id,
                event.event.word(),
            ));
        }
    }
    violations
}

/// A transaction begins once and ends at most once.
fn lives(log: &[Placed]) -> Vec<Violation> {
    let mut begun = HashSet::new();
    let mut ended = HashSet::new();
    let is_first = |(_, event): &&Placed| match &event.event {
        Event::Transactions(TransactionEvent::Created(created)) => {
            begun.insert(created.transaction_id.clone())
        }
        Event::Transactions(TransactionEvent::Confirmed(confirmed)) => {
            ended.insert(confirmed.transaction_id.clone())
        }
        Event::Transactions(TransactionEvent::Declined(declined)) => {
            ended.insert(declined.transaction_id.clone())
        }
        Event::Transactions(TransactionEvent::Expired(expired)) => {
            ended.insert(expired.transaction_id.clone())
        }
        _ => true,
    };
    let again = log.iter().filter({
        let mut is_first = is_first;
        move |placed| !is_first(placed)
    });
    let transaction = |(_, event): &Placed| event.event.transaction_id().map(ToString::to_string);
    again
        .filter_map(transaction)
        .map(Violation::Doubled)
        .collect()
}

/// Every look at an activation code stands behind its own counted try, and tries are numbered without a gap.
fn tries(log: &[Placed]) -> Vec<Violation> {
    let mut counted: HashSet<CommandId> = HashSet::new();
    let mut last: HashMap<(String, u32), u32> = HashMap::new();
    let mut violations = Vec::new();
    for (_, event) in log {
        let owner = event.owner.to_string();
        match &event.event {
            Event::Keys(KeyEvent::ActivationAttempted(attempted)) => {
                let last = last
                    .entry((owner.clone(), attempted.key_index.0))
                    .or_default();
                if attempted.attempt != *last + 1 {
                    violations.push(Violation::NotCounted(owner));
                }
                *last = attempted.attempt;
                counted.insert(event.causation_id);
            }
            Event::Keys(KeyEvent::Activated(_) | KeyEvent::ActivationFailed(_))
                if !counted.remove(&event.causation_id) =>
            {
                violations.push(Violation::NotCounted(owner));
            }
            _ => {}
        }
    }
    violations
}
