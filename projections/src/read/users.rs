//! Users, without anything that could name a person.

use schemas::SystemId;
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::recovery::RecoveryEvent;
use schemas::events::users::UserEvent;

use crate::projection::{Projection, Seen};
use crate::read::{Page, ReadModels};
use crate::rows::{Row as _, Rows, row};
use crate::store::StoreError;

row! {
    /// A user.
    UserRow
    key {
        /// In which system.
        system_id: String,
        /// Which one.
        user_id: String,
    }
    /// Number of the key in force.
    key_index: i64,
    /// When it was created, ms.
    created_at: i64,
    /// When it was last changed by the bank, ms.
    changed_at: i64,
    /// When it was deleted, ms; its keys went with it. `None` while it lives.
    deleted_at: i64,
}

/// The table of users.
pub(crate) const USERS: Projection = Projection {
    name: "users",
    table: "read_users",
    create: include_str!("../../../migrations/projections/users.sql"),
    columns: UserRow::COLUMNS,
    key: UserRow::KEY,
    fold,
};

fn fold(seen: &Seen<'_>, rows: &mut Rows) {
    let at = Some(seen.at());
    let user = UserRow {
        system_id: seen.system_id(),
        user_id: seen.user_id(),
        ..UserRow::default()
    };
    match &seen.event.event {
        Event::Users(UserEvent::Created(event)) => rows.put(UserRow {
            key_index: Some(event.key.key_index.0.into()),
            created_at: at,
            ..user
        }),
        Event::Keys(KeyEvent::Updated(event)) if !event.is_delayed => rows.put(UserRow {
            key_index: Some(event.key.key_index.0.into()),
            ..user
        }),
        Event::Keys(KeyEvent::PutInForce(event)) => rows.put(UserRow {
            key_index: Some(event.key_index.0.into()),
            ..user
        }),
        Event::Recovery(RecoveryEvent::Renewed(event)) => rows.put(UserRow {
            key_index: Some(event.key.key_index.0.into()),
            ..user
        }),
        Event::Users(UserEvent::Changed(_)) => rows.put(UserRow {
            changed_at: at,
            ..user
        }),
        Event::Users(UserEvent::Deleted(_)) => rows.put(UserRow {
            deleted_at: at,
            ..user
        }),
        Event::Users(UserEvent::ReceiptsNoted(_))
        | Event::Keys(_)
        | Event::Server(_)
        | Event::Journal(_)
        | Event::Systems(_)
        | Event::Devices(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Transactions(_)
        | Event::Operations(_)
        | Event::Codes(_)
        | Event::CodeOrders(_)
        | Event::Looked(_)
        | Event::Refused(_) => {}
    }
}

impl ReadModels {
    /// Users of a system, by id.
    pub async fn users(
        &self,
        system_id: &SystemId,
        page: Page,
    ) -> Result<Vec<UserRow>, StoreError> {
        let values = vec![system_id.as_str().into()];
        self.rows(
            USERS.table,
            "where system_id = $1 order by user_id",
            values,
            page,
        )
        .await
    }
}
