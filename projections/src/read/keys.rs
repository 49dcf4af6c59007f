//! The keys of every user, without their secrets.

use schemas::commands::keys::DeviceType;
use schemas::events::Event;
use schemas::events::credentials::CredentialsEvent;
use schemas::events::devices::DeviceEvent;
use schemas::events::keys::KeyEvent;
use schemas::events::keys::{KeyIssued, KeyUpdated};
use schemas::events::recovery::RecoveryEvent;
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
    /// `issued`, `delayed` while another is in force, `active` once a device registered with it, `blocked` or `replaced`. A
    /// block of the user is the user's, not the key's.
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
            for gone in replaced_by(event) {
                rows.put(KeyRow {
                    status: status("replaced"),
                    ..key(gone)
                });
            }
            let mut row = issued(&event.key);
            if event.is_delayed {
                row.status = status("delayed");
            }
            rows.put(row);
        }
        Event::Recovery(RecoveryEvent::Renewed(event)) => {
            for gone in [Some(event.replaced), event.replaced_delayed]
                .into_iter()
                .flatten()
            {
                rows.put(KeyRow {
                    status: status("replaced"),
                    ..key(gone)
                });
            }
            rows.put(issued(&event.key));
        }
        Event::Keys(KeyEvent::PutInForce(event)) => {
            rows.put(KeyRow {
                status: status("replaced"),
                ..key(event.replaced)
            });
            rows.put(KeyRow {
                status: status(in_use(event.is_registered)),
                ..key(event.key_index)
            });
        }
        Event::Keys(KeyEvent::Exported(event)) => rows.put(KeyRow {
            status: status("issued"),
            two_parts: Some(event.two_parts.into()),
            ..key(event.key_index)
        }),
        Event::Keys(KeyEvent::TriesRestored(event)) => rows.put(KeyRow {
            status: status(in_use(event.is_registered)),
            activation_attempts: Some(0),
            ..key(event.key_index)
        }),
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
        Event::Keys(KeyEvent::NonceRepeated(event)) => rows.put(KeyRow {
            status: status("blocked"),
            ..key(event.key_index)
        }),
        Event::Devices(DeviceEvent::FingerprintSet(event)) => rows.put(KeyRow {
            device_fingerprint: Some(event.device_fingerprint.to_string()),
            fingerprint_event_id: Some(seen.position.event_id()),
            ..key(event.key_index)
        }),
        Event::Credentials(CredentialsEvent::PasswordFailed(event)) => rows.put(KeyRow {
            status: event.blocked.then(|| "blocked".to_owned()),
            ..key(event.key_index)
        }),
        // Whose pushes reached the device last stays known.
        Event::Keys(KeyEvent::PushAddressForgotten(_))
        | Event::Users(_)
        | Event::Credentials(_)
        | Event::Recovery(_)
        | Event::Server(_)
        | Event::Journal(_)
        | Event::Systems(_)
        | Event::Transactions(_)
        | Event::Operations(_)
        | Event::Codes(_)
        | Event::CodeOrders(_)
        | Event::Looked(_)
        | Event::Refused(_) => {}
    }
}

/// The keys that an update replaces. Numbers grow with every issue, so before there were delayed keys it was the one before.
fn replaced_by(event: &KeyUpdated) -> impl Iterator<Item = KeyIndex> {
    let one_before = event.key.key_index.0.checked_sub(1).map(KeyIndex);
    let in_force = event.replaced.or(one_before.filter(|_| !event.is_delayed));
    let both = [in_force, event.replaced_delayed].into_iter().flatten();
    both.filter(|index| *index > KeyIndex(0))
}

fn in_use(is_registered: bool) -> &'static str {
    if is_registered { "active" } else { "issued" }
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

#[cfg(test)]
mod tests {
    use crate::Projector;
    use crate::read::Page;
    use crate::sample::{History, created_user, delayed_key, put_in_force, updated_key};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[tokio::test]
    async fn one_key_of_the_ring_is_in_force() -> Outcome {
        let (folder, mut history) = (tempfile::tempdir()?, History::new());
        let owner = History::user("sample-1");
        let address = format!("sqlite:{}", folder.path().join("read.sqlite").display());
        let projector = Projector::open(history.log.clone(), &address).await?;
        let page = Page {
            offset: 0,
            limit: 10,
        };
        for (event, in_force, expected) in [
            (created_user(), 1, "issued"),
            (delayed_key(2, None), 1, "delayed issued"),
            (delayed_key(3, Some(2)), 1, "delayed replaced issued"),
            (put_in_force(3, 1), 3, "issued replaced replaced"),
            (updated_key(4), 4, "issued replaced replaced replaced"),
        ] {
            history.happen(&owner, vec![event]).await;
            projector.catch_up().await?;
            let (system_id, user_id) = (owner.system_id(), owner.user_id().ok_or("a user")?);
            let models = projector.read_models();
            let keys = models.keys(system_id, user_id, page).await?;
            let statuses: Vec<String> = keys.into_iter().filter_map(|key| key.status).collect();
            assert_eq!(statuses.join(" "), expected);
            let users = models.users(system_id, page).await?;
            assert_eq!(users[0].key_index, Some(in_force));
        }
        Ok(())
    }
}
