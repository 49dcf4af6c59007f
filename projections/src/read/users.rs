//! Users, without anything that could name a person.

use schemas::SystemId;
use schemas::events::Event;

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
    /// When its name was last changed, ms.
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
        Event::UserCreated(event) => rows.put(UserRow {
            key_index: Some(event.key.key_index.0.into()),
            created_at: at,
            ..user
        }),
        Event::KeyUpdated(event) => rows.put(UserRow {
            key_index: Some(event.key.key_index.0.into()),
            ..user
        }),
        Event::UserChanged(_) => rows.put(UserRow {
            changed_at: at,
            ..user
        }),
        Event::UserDeleted(_) => rows.put(UserRow {
            deleted_at: at,
            ..user
        }),
        Event::SystemRegistered(_)
        | Event::SystemChanged(_)
        | Event::SystemRemoved(_)
        | Event::ActivationAttempted(_)
        | Event::KeyActivated(_)
        | Event::ActivationFailed(_)
        | Event::PublicKeyRegistered(_)
        | Event::FingerprintSet(_)
        | Event::TransactionCreated(_)
        | Event::TransactionServed(_)
        | Event::TransactionConfirmed(_)
        | Event::TransactionDeclined(_)
        | Event::TransactionExpired(_)
        | Event::TransactionCleaned(_)
        | Event::TransactionDeleted(_)
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
