//! The journal's table: what a record holds besides what may have to be erased.

use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::code_orders::CodeOrderEvent;
use schemas::events::devices::DeviceEvent;
use schemas::events::journal::JournalEvent;
use schemas::events::operations::OperationEvent;
use schemas::events::server::ServerEvent;
use schemas::events::systems::SystemEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::events::users::UserEvent;
use schemas::{KeyIndex, Position};
use serde_json::{Value, json};

use crate::projection::{Projection, Seen};
use crate::rows::{Row as _, Rows, row};

row! {
    /// A journal record as stored.
    JournalRow
    key {
        /// The record's number.
        event_id: i64,
    }
    /// The system it concerns.
    system_id: String,
    /// When it was recorded, ms.
    created_at: i64,
    /// The user it concerns.
    user_id: String,
    /// The transaction it concerns.
    transaction_id: String,
    /// Session on the device.
    session_id: String,
    /// The device's identifier of the request.
    device_event_id: String,
    /// The device's clock, ms.
    device_time: i64,
    /// Authentication code of the request. Not kept by this server: its header holds an HMAC instead.
    auth_code: String,
    /// SHA-256 of the request's body, hex.
    request_hash: String,
    /// HMAC of the request, hex.
    request_hmac: String,
    /// The event's word.
    request_type: String,
    /// 0, or the error code the caller heard.
    request_result: i64,
    /// The operation it concerns.
    operationid: String,
    /// Path of the request.
    request_url: String,
    /// Name of the instance whose door took the request.
    pc_instance_name: String,
    /// The key it concerns.
    key_index: i64,
    /// The command that caused it, hex: the name of the erasable part in the vault.
    causation_id: String,
    /// What the event itself tells beyond these columns, JSON.
    event_data: String,
    /// When its erasable part was erased, ms.
    cleaned_at: i64,
}

/// The table of journal records.
pub(crate) const JOURNAL: Projection = Projection {
    name: "journal",
    table: "journal",
    create: include_str!("../../../migrations/projections/journal.sql"),
    columns: JournalRow::COLUMNS,
    key: JournalRow::KEY,
    fold,
};

fn fold(seen: &Seen<'_>, rows: &mut Rows) {
    // What is only posted does not show; the log has it.
    if !seen.event.context.transparent {
        rows.put(JournalRow::of(seen.position, seen.event));
    }
    if let Event::Journal(JournalEvent::Cleaned(cleaned)) = &seen.event.event {
        fold_cleaned(seen, cleaned.event_ids.iter(), rows);
    }
}

/// Notes of these records that their erasable part was erased.
pub(crate) fn fold_cleaned<'a>(
    seen: &Seen<'_>,
    event_ids: impl Iterator<Item = &'a i64>,
    rows: &mut Rows,
) {
    for event_id in event_ids {
        rows.put(JournalRow {
            event_id: *event_id,
            cleaned_at: Some(seen.at()),
            ..JournalRow::default()
        });
    }
}

impl JournalRow {
    /// The record of an event.
    pub fn of(position: Position, event: &RecordedEvent) -> Self {
        let context = &event.context;
        let key_index = context.key_index.or_else(|| key_of(&event.event));
        Self {
            event_id: position.event_id(),
            system_id: Some(event.owner.system_id().to_string()),
            created_at: Some(event.recorded_at.0),
            user_id: event.owner.user_id().map(ToString::to_string),
            transaction_id: event.event.transaction_id().map(ToString::to_string),
            session_id: context.session_id.clone(),
            device_event_id: context.device_event_id.clone(),
            device_time: context.device_time,
            auth_code: None,
            request_hash: context.request_hash.map(|hash| hash.to_string()),
            request_hmac: context.request_hmac.map(|hmac| hmac.to_string()),
            request_type: Some(event.event.word().to_owned()),
            request_result: Some(event.result.number().into()),
            operationid: event.event.operation_id().map(ToString::to_string),
            request_url: Some(context.request_url.clone()).filter(|url| !url.is_empty()),
            pc_instance_name: context.instance.clone(),
            key_index: key_index.map(|key_index| key_index.0.into()),
            causation_id: Some(event.causation_id.to_string()),
            event_data: data_of(event).map(|data| data.to_string()),
            cleaned_at: None,
        }
    }
}

/// What an event tells that has no column of its own.
fn data_of(recorded: &RecordedEvent) -> Option<Value> {
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

/// The key an event is about, for events that no device asked for.
fn key_of(event: &Event) -> Option<KeyIndex> {
    match event {
        Event::Users(UserEvent::Created(event)) => Some(event.key.key_index),
        Event::Keys(event) => Some(event.key_index()),
        Event::Credentials(event) => Some(event.key_index()),
        Event::CodeOrders(event) => Some(event.key_index()),
        Event::Recovery(event) => Some(event.key_index()),
        Event::Devices(DeviceEvent::FingerprintSet(event)) => Some(event.key_index),
        Event::Transactions(TransactionEvent::Confirmed(event)) => Some(event.key_index),
        Event::Transactions(TransactionEvent::Autoconfirmed(event)) => Some(event.key_index),
        Event::Operations(OperationEvent::Processed(event)) => Some(event.key_index),
        Event::Users(_)
        | Event::Transactions(_)
        | Event::Server(_)
        | Event::Journal(_)
        | Event::Operations(_)
        | Event::Codes(_)
        | Event::Systems(_)
        | Event::Looked(_)
        | Event::Refused(_) => None,
    }
}
