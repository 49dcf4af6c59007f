//! What a bank was told, against what the log owed it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use countersign::receiver::{Received, WebhookKeys};
use schemas::events::Event;
use schemas::events::transactions::TransactionEvent;

use super::{Placed, Violation};

/// The transactions whose outcome a callback is owed for.
pub fn owed(log: &[Placed]) -> BTreeSet<String> {
    let owed = log.iter().filter_map(|(_, event)| {
        let (transaction_id, url) = match &event.event {
            Event::Transactions(TransactionEvent::Confirmed(event)) => {
                (&event.transaction_id, &event.callback_url)
            }
            Event::Transactions(TransactionEvent::Declined(event)) => {
                (&event.transaction_id, &event.callback_url)
            }
            Event::Transactions(TransactionEvent::Expired(event)) => {
                (&event.transaction_id, &event.callback_url)
            }
            _ => return None,
        };
        url.as_ref()
            .filter(|url| !url.is_empty())
            .map(|_| transaction_id.to_string())
    });
    owed.collect()
}

/// Judges what was received. A callback may come more than once, always under its one id and with its one body.
pub fn judge_callbacks(
    received: &[Received],
    keys: Option<&WebhookKeys>,
    log: &[Placed],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut bodies: HashMap<&str, &[u8]> = HashMap::new();
    let mut told: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for callback in received {
        let id = callback.webhook_id.as_str();
        if keys.is_some_and(|keys| !keys.accept(callback)) {
            violations.push(Violation::CallbackForged(id.to_owned()));
        }
        if *bodies.entry(id).or_insert(&callback.body) != callback.body.as_slice() {
            violations.push(Violation::CallbackChanged(id.to_owned()));
        }
        let body = callback.json();
        if let Some(transaction) =
            body["pc_callback"]["transaction_callback"]["transaction_id"].as_str()
        {
            told.entry(transaction.to_owned()).or_default().insert(id);
        }
    }
    let owed = owed(log);
    let missing = owed
        .iter()
        .filter(|transaction| !told.contains_key(*transaction));
    violations.extend(missing.cloned().map(Violation::CallbackMissing));
    for (transaction, ids) in told {
        if ids.len() > 1 {
            violations.push(Violation::CallbackRenamed(transaction.clone()));
        }
        if !owed.contains(&transaction) {
            violations.push(Violation::CallbackUnlogged(transaction));
        }
    }
    violations
}
