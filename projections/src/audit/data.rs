//! What a record of the journal tells besides the manual's fields: `event_data` of events that have something to add.

use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;
use schemas::events::journal::JournalEvent;
use schemas::events::operations::OperationEvent;
use schemas::events::server::ServerEvent;
use schemas::events::systems::SystemEvent;
use schemas::events::users::UserEvent;
use serde_json::{Value, json};

/// What an event tells that has no field of its own.
pub(super) fn data_of(recorded: &RecordedEvent) -> Option<Value> {
    if let Some(as_of) = recorded.context.as_of {
        return Some(json!({ "as_of": as_of }));
    }
    match &recorded.event {
        Event::Server(ServerEvent::SettingsChanged(changed)) => {
            Some(json!({ "changes": changed.changes }))
        }
        Event::Server(ServerEvent::AnalyticsGranted(granted)) => Some(json!({
            "name": granted.name, "systems": granted.systems, "consumers": granted.consumers,
            "identifiers": granted.identifiers, "since": granted.since, "by": granted.by,
        })),
        Event::Server(ServerEvent::AnalyticsRevoked(revoked)) => {
            Some(json!({ "name": revoked.name, "by": revoked.by }))
        }
        Event::Journal(JournalEvent::Cleaned(cleaned)) => {
            Some(json!({ "cleaned": cleaned.event_ids.len() }))
        }
        Event::Journal(JournalEvent::Removed(removed)) => {
            Some(json!({ "before": removed.before.0 }))
        }
        Event::Systems(SystemEvent::BillingClosed(closed)) => {
            Some(json!({ "from": closed.from.0, "to": closed.to.0 }))
        }
        Event::Systems(SystemEvent::LettersOrdered(ordered)) => Some(json!(ordered)),
        Event::Systems(SystemEvent::WebhookKeysRotated(rotated)) => {
            Some(json!({ "generation": rotated.generation }))
        }
        Event::Operations(OperationEvent::Created(created)) => {
            Some(json!({ "transactions": created.transactions.len() }))
        }
        Event::Operations(OperationEvent::Processed(processed)) => Some(json!({
            "status": processed.status.word(),
            "confirmed": processed.confirmed.len(),
            "declined": processed.declined.len(),
        })),
        Event::Operations(OperationEvent::Expired(expired)) => {
            Some(json!({ "expired": expired.transactions.len() }))
        }
        Event::Users(UserEvent::ReceiptsNoted(noted)) => {
            Some(json!({ "receipts": noted.receipts }))
        }
        Event::CodeOrders(CodeOrderEvent::Ordered(ordered)) => Some(json!({
            "order_id": ordered.order_id, "channels": ordered.channels, "language": ordered.language,
        })),
        Event::CodeOrders(CodeOrderEvent::Begun(begun)) => Some(json!({
            "order_id": begun.order_id, "channel": begun.channel, "attempt": begun.attempt,
        })),
        Event::CodeOrders(CodeOrderEvent::Settled(settled)) => Some(json!({
            "order_id": settled.order_id, "channel": settled.channel, "outcome": settled.outcome,
            "reason": settled.reason,
        })),
        Event::CodeOrders(CodeOrderEvent::Receipt(receipt)) => Some(json!({
            "order_id": receipt.order_id, "channel": receipt.channel, "outcome": receipt.outcome,
            "reason": receipt.reason,
        })),
        Event::Operations(OperationEvent::Updated(_) | OperationEvent::Served(_))
        | Event::Codes(_)
        | Event::Systems(_)
        | Event::Users(_)
        | Event::Keys(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Devices(_)
        | Event::Transactions(_)
        | Event::Looked(_)
        | Event::Refused(_) => None,
    }
}
