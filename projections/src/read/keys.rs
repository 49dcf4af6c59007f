//! The keys of every user, without their secrets.

use schemas::commands::keys::DeviceType;
use schemas::events::Event;
use schemas::events::devices::DeviceEvent;
use schemas::events::keys::KeyEvent;
use schemas::events::keys::KeyIssued;
use schemas::events::users::UserEvent;
use schemas::{KeyIndex, SystemId, UserId};

use crate::projection::{Projection, Seen};
use crate::read::{Page, ReadModels};
use crate::rows::{Row as _, Rows, row};
use crate::store::StoreError;

row! {
    /// A key of a user. A deleted user's keys keep their rows: the user's row says that they are gone.
    KeyRow
    key {
        /// In which system.
        system_id: String,
        /// Whose.
        user_id: String,
        /// Number in the key ring: 1, 2, 3 …
        key_index: i64,
    }
    /// `issued`, `active` once a device registered with it, `blocked` or `replaced`.
    status: String,
    /// Its flags, as on the wire.
    flags: i64,
    /// 1 when an activation code releases its second half.
    two_parts: i64,
    /// When it was issued, ms.
    issued_at: i64,
    /// End of its life, ms.
    valid_to: i64,
    /// How many times an activation code was tried.
    activation_attempts: i64,
    /// When the code was right, ms.
    activated_at: i64,
    /// The registered public key, SPKI DER, hex.
    public_key: String,
    /// When it was registered, ms.
    registered_at: i64,
    /// Whose pushes reach the device.
    push_device_type: String,
    /// The application's identifier there.
    push_app_id: String,
    /// The device's fingerprint, hex.
    device_fingerprint: String,
    /// The event that set the fingerprint: journal records of this key show it from there on.
    fingerprint_event_id: i64,
}

/// The table of keys.
pub(crate) const KEYS: Projection = Projection {
    name: "keys",
    table: "read_keys",
    create: include_str!("../../../migrations/projections/keys.sql"),
    columns: KeyRow::COLUMNS,
    key: KeyRow::KEY,
    fold,
};

fn fold(seen: &Seen<'_>, rows: &mut Rows) {
    let at = Some(seen.at());
    let key = |key_index: KeyIndex| KeyRow {
        system_id: seen.system_id(),
        user_id: seen.user_id(),
        key_index: key_index.0.into(),
        ..KeyRow::default()
    };
    let status = |word: &str| Some(word.to_owned());
    let issued = |issued: &KeyIssued| KeyRow {
        status: status("issued"),
        flags: Some(issued.flags.bits().into()),
        two_parts: Some(issued.two_parts.into()),
        issued_at: at,
        valid_to: Some(issued.valid_to.0),
        ..key(issued.key_index)
    };
    match &seen.event.event {
        Event::Users(UserEvent::Created(event)) => rows.put(issued(&event.key)),
        Event::Keys(KeyEvent::Updated(event)) => {
            // Numbers grow by one with every issue, so the key before is the one that is replaced.
            if let Some(before) = event
                .key
                .key_index
                .0
                .checked_sub(1)
                .filter(|number| *number > 0)
            {
                rows.put(KeyRow {
                    status: status("replaced"),
                    ..key(KeyIndex(before))
                });
            }
            rows.put(issued(&event.key));
        }
        Event::Keys(KeyEvent::ActivationAttempted(event)) => rows.put(KeyRow {
            activation_attempts: Some(event.attempt.into()),
            ..key(event.key_index)
        }),
        Event::Keys(KeyEvent::Activated(event)) => rows.put(KeyRow {
            activated_at: at,
            ..key(event.key_index)
        }),
        Event::Keys(KeyEvent::ActivationFailed(event)) => rows.put(KeyRow {
            status: event.blocked.then(|| "blocked".to_owned()),
            ..key(event.key_index)
        }),
        Event::Keys(KeyEvent::PublicKeyRegistered(event)) => {
            let push = event.push.as_ref();
            rows.put(KeyRow {
                status: status("active"),
                public_key: Some(hex::encode(&event.public_key)),
                registered_at: at,
                push_device_type: push.map(|push| device_type_word(push.device_type).to_owned()),
                push_app_id: push.and_then(|push| push.app_id.clone()),
                ..key(event.key_index)
            });
        }
        Event::Devices(DeviceEvent::FingerprintSet(event)) => rows.put(KeyRow {
            device_fingerprint: Some(event.device_fingerprint.to_string()),
            fingerprint_event_id: Some(seen.position.event_id()),
            ..key(event.key_index)
        }),
        Event::Users(_)
        | Event::Server(_)
        | Event::Journal(_)
        | Event::Systems(_)
        | Event::Transactions(_)
        | Event::Operations(_)
        | Event::Looked(_)
        | Event::Refused(_) => {}
    }
}

fn device_type_word(device_type: DeviceType) -> &'static str {
    match device_type {
        DeviceType::Android => "Android",
        DeviceType::Ios => "iOS",
        DeviceType::Huawei => "Huawei",
    }
}

impl ReadModels {
    /// Keys of a user, the newest first.
    pub async fn keys(
        &self,
        system_id: &SystemId,
        user_id: &UserId,
        page: Page,
    ) -> Result<Vec<KeyRow>, StoreError> {
        let values = vec![system_id.as_str().into(), user_id.as_str().into()];
        let condition = "where system_id = $1 and user_id = $2 order by key_index desc";
        self.rows(KEYS.table, condition, values, page).await
    }
}
