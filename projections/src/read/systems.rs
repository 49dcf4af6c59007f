//! Application systems.

use schemas::commands::systems::SystemParameters;
use schemas::events::Event;
use schemas::events::journal::JournalEvent;
use schemas::events::systems::SystemEvent;

use crate::projection::{Projection, Seen};
use crate::read::{Page, ReadModels};
use crate::rows::{Row as _, Rows, row};
use crate::store::StoreError;

row! {
    /// An application system.
    SystemRow
    key {
        /// Which one.
        system_id: String,
    }
    /// What it is called.
    name: String,
    /// A sentence about it.
    description: String,
    /// Scheme of its deep links.
    qr_url_scheme: String,
    /// Billing model.
    billing_type: i64,
    /// Billing period, days.
    billing_period: i64,
    /// Lifetime of its users' keys, days.
    user_keys_expiration_period: i64,
    /// Address of the mobile door.
    pc_is_external_url: String,
    /// Address of the push sender.
    pc_is_internal_url: String,
    /// Where events are posted; empty text means nowhere.
    events_post_url: String,
    /// Where callbacks go; empty text means nowhere.
    callback_url: String,
    /// When it was registered, ms.
    created_at: i64,
    /// When it was registered or last changed, ms.
    updated_at: i64,
    /// When it was removed, ms; `None` while it is served.
    removed_at: i64,
    /// Journal records before this moment do not show, ms.
    events_removed_before: i64,
    /// Billing is closed before this moment, ms.
    billed_before: i64,
}

/// The table of application systems.
pub(crate) const SYSTEMS: Projection = Projection {
    name: "systems",
    table: "read_systems",
    create: include_str!("../../../migrations/projections/systems.sql"),
    columns: SystemRow::COLUMNS,
    key: SystemRow::KEY,
    fold,
};

fn fold(seen: &Seen<'_>, rows: &mut Rows) {
    let system_id = seen.system_id();
    let at = Some(seen.at());
    match &seen.event.event {
        Event::Systems(SystemEvent::Registered(event)) => rows.put(SystemRow {
            name: Some(event.name.clone()),
            description: Some(event.description.clone()),
            qr_url_scheme: event.qr_url_scheme.clone(),
            billing_type: Some(event.billing_type),
            billing_period: event.parameters.billing_period.or(event.billing_period),
            created_at: at,
            updated_at: at,
            ..with_parameters(system_id, &event.parameters)
        }),
        Event::Systems(SystemEvent::Changed(event)) => rows.put(SystemRow {
            updated_at: at,
            ..with_parameters(system_id, &event.parameters)
        }),
        Event::Systems(SystemEvent::Removed(_)) => rows.put(SystemRow {
            system_id,
            removed_at: at,
            ..SystemRow::default()
        }),
        // The decider sees to it that a later removal never hides less than an earlier one.
        Event::Journal(JournalEvent::Removed(removed)) => rows.put(SystemRow {
            system_id,
            events_removed_before: Some(removed.before.0),
            ..SystemRow::default()
        }),
        Event::Systems(SystemEvent::BillingClosed(event)) => rows.put(SystemRow {
            system_id,
            billed_before: Some(event.to.0),
            ..SystemRow::default()
        }),
        Event::Systems(
            SystemEvent::WebhookKeysRotated(_)
            | SystemEvent::LettersLookedAt(_)
            | SystemEvent::LettersOrdered(_),
        )
        | Event::Journal(JournalEvent::Cleaned(_))
        | Event::Users(_)
        | Event::Keys(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Devices(_)
        | Event::Transactions(_)
        | Event::Server(_)
        | Event::Operations(_)
        | Event::Codes(_)
        | Event::CodeOrders(_)
        | Event::Looked(_)
        | Event::Refused(_) => {}
    }
}

fn with_parameters(system_id: String, parameters: &SystemParameters) -> SystemRow {
    let SystemParameters {
        user_keys_expiration_period,
        pc_is_external_url,
        pc_is_internal_url,
        events_post_url,
        callback_url,
        billing_period,
        report_template_path: _,
    } = parameters.clone();
    SystemRow {
        system_id,
        billing_period,
        user_keys_expiration_period,
        pc_is_external_url,
        pc_is_internal_url,
        events_post_url,
        callback_url,
        ..SystemRow::default()
    }
}

impl ReadModels {
    /// Application systems, by id.
    pub async fn systems(&self, page: Page) -> Result<Vec<SystemRow>, StoreError> {
        self.rows(SYSTEMS.table, "order by system_id", Vec::new(), page)
            .await
    }

    /// Those that were removed, by id.
    pub async fn removed_systems(&self, page: Page) -> Result<Vec<SystemRow>, StoreError> {
        self.rows(
            SYSTEMS.table,
            "where removed_at is not null order by system_id",
            Vec::new(),
            page,
        )
        .await
    }
}
