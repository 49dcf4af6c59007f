//! The journal's table: what records are looked for by, and nothing else. What a record tells is read from the log, so it
//! cannot be other than what was signed.

use schemas::KeyIndex;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::devices::DeviceEvent;
use schemas::events::journal::JournalEvent;
use schemas::events::operations::OperationEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::events::users::UserEvent;

use crate::projection::{Projection, Seen};
use crate::rows::{Row as _, Rows, row};

row! {
    /// What a record is looked for by.
    JournalRow
    key {
        /// The record's number: it says where in the log the event lies.
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
    /// The event's word.
    request_type: String,
    /// 0, or the error code the caller heard.
    request_result: i64,
    /// The key it concerns.
    key_index: i64,
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
    let Seen { position, event } = seen;
    // What is only posted does not show; the log has it.
    if !event.context.transparent {
        rows.make(JournalRow {
            event_id: position.event_id(),
            system_id: Some(seen.system_id()),
            created_at: Some(seen.at()),
            user_id: event.owner.user_id().map(ToString::to_string),
            transaction_id: event.event.transaction_id().map(ToString::to_string),
            request_type: Some(event.event.word().to_owned()),
            request_result: Some(event.result.number().into()),
            key_index: key_of(event).map(|key_index| key_index.0.into()),
            cleaned_at: None,
        });
    }
    if let Event::Journal(JournalEvent::Cleaned(cleaned)) = &event.event {
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

/// The key that a record concerns: the one a device asked with, or the one the event is about.
pub(crate) fn key_of(recorded: &RecordedEvent) -> Option<KeyIndex> {
    let asked_with = recorded.context.key_index;
    asked_with.or_else(|| key_in(&recorded.event))
}

/// The key an event is about, for events that no device asked for.
fn key_in(event: &Event) -> Option<KeyIndex> {
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
