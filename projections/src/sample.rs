//! A small history for the tests of this package.

use std::sync::Arc;

use bus::shell::RootSecret;
use event_log::{Commit, EventLog, MemoryLog, NewEvent, VaultRow};
use schemas::codec;
use schemas::context::{RequestContext, RequestPrivate};
use schemas::envelope::RecordedEvent;
use schemas::events::keys::KeyIssued;
use schemas::events::{Event, devices, keys, transactions, users};
use schemas::flags::KeyFlags;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, KeyIndex, Lane, Owner, Position, Timestamp};

/// A system that the samples live in.
pub(crate) const SYSTEM: &str = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53";

/// A log in memory, and a way to let things happen in it.
pub(crate) struct History {
    pub log: Arc<MemoryLog>,
    pub root: RootSecret,
    now: Timestamp,
}

impl History {
    pub fn new() -> Self {
        let log = Arc::new(MemoryLog::default());
        Self {
            log,
            root: RootSecret::new([7; 32]),
            now: Timestamp(1_700_000_000_000),
        }
    }

    pub fn user(name: &str) -> Owner {
        format!("{SYSTEM}/{name}").parse().expect("a valid owner")
    }

    /// Lets these events happen to the owner, a second later each; where the last one lies.
    pub async fn happen(&mut self, owner: &Owner, events: Vec<Event>) -> Position {
        let version = self
            .log
            .load(owner, 0)
            .await
            .expect("the log is in memory")
            .len() as u64;
        let (mut rows, mut new) = (Vec::new(), Vec::new());
        for (index, event) in events.into_iter().enumerate() {
            self.now = self.now.plus_seconds(1);
            let ordinal = version + index as u64 + 1;
            let causation_id =
                CommandId::from_key(&owner.to_string(), "test", &ordinal.to_string());
            let recorded = RecordedEvent {
                owner: owner.clone(),
                ordinal,
                recorded_at: self.now,
                causation_id,
                result: event.result(),
                context: RequestContext {
                    request_url: "/pc-api".to_owned(),
                    request_hash: Some(Digest([1; 32])),
                    key_index: Some(KeyIndex(1)),
                    ..RequestContext::default()
                },
                event,
            };
            let private = RequestPrivate {
                requester_ip_address: Some("10.0.0.1".to_owned()),
                connection_info: None,
                device_info: Some(r#"{"osName":"iOS"}"#.to_owned()),
                ..RequestPrivate::default()
            };
            let name = VaultName::request(&causation_id);
            let open = rmp_serde::to_vec_named(&private).expect("encodable");
            let place = format!("{owner}/{}", name.as_str());
            rows.push(VaultRow {
                sealed: self.root.seal(SYSTEM, &place, &open),
                name,
            });
            new.push(NewEvent {
                word: recorded.event.word().into(),
                aggregate: recorded.event.aggregate().into(),
                at: self.now,
                payload: codec::encode(&recorded).into(),
            });
        }
        self.append(owner, version, new, rows).await
    }

    /// Lets something happen that is written in these bytes.
    pub async fn happen_encoded(&mut self, owner: &Owner, payload: Vec<u8>) -> Position {
        let version = self
            .log
            .load(owner, 0)
            .await
            .expect("the log is in memory")
            .len() as u64;
        let event = NewEvent {
            word: "unknown".into(),
            aggregate: "unknown".into(),
            at: self.now,
            payload: payload.into(),
        };
        self.append(owner, version, vec![event], Vec::new()).await
    }

    async fn append(
        &self,
        owner: &Owner,
        version: u64,
        events: Vec<NewEvent>,
        vault: Vec<VaultRow>,
    ) -> Position {
        let lane = Lane::of(owner);
        let commit = Commit {
            vault,
            ..Commit::of(owner.clone(), version, events)
        };
        let open = self
            .log
            .open_lane(lane)
            .await
            .expect("the log is in memory");
        let appended = self
            .log
            .append(lane, open.epoch, &[commit])
            .await
            .expect("nobody is in the way");
        Position {
            lane,
            number: appended.last,
        }
    }

    /// The life of a user: created, bound to a device, asked to confirm `transactions` texts, and confirming them.
    pub async fn live(&mut self, owner: &Owner, transactions: u32) -> Position {
        let mut events = vec![created_user(), fingerprint_set()];
        for number in 0..transactions {
            let id = format!(
                "{}-{number}",
                owner.user_id().map_or("", |user_id| user_id.as_str())
            );
            events.extend([created_transaction(&id), confirmed_transaction(&id)]);
        }
        self.happen(owner, events).await
    }
}

pub(crate) fn created_user() -> Event {
    users::UserCreated { key: issued(1) }.into()
}

pub(crate) fn issued(key_index: u32) -> KeyIssued {
    KeyIssued {
        key_index: KeyIndex(key_index),
        flags: KeyFlags::from_bits(67_585),
        valid_to: Timestamp(1_800_000_000_000),
        two_parts: false,
    }
}

pub(crate) fn updated_key(key_index: u32) -> Event {
    keys::KeyUpdated {
        key: issued(key_index),
        is_delayed: false,
        replaced_delayed: None,
        replaced: None,
    }
    .into()
}

/// A key that waits beside the one in force, in place of one that waited before.
pub(crate) fn delayed_key(key_index: u32, instead_of: Option<u32>) -> Event {
    keys::KeyUpdated {
        key: issued(key_index),
        is_delayed: true,
        replaced_delayed: instead_of.map(KeyIndex),
        replaced: None,
    }
    .into()
}

pub(crate) fn put_in_force(key_index: u32, replaced: u32) -> Event {
    keys::KeyPutInForce {
        key_index: KeyIndex(key_index),
        replaced: KeyIndex(replaced),
        is_registered: false,
    }
    .into()
}

pub(crate) fn fingerprint_set() -> Event {
    let device_fingerprint = Digest([9; 32]);
    devices::FingerprintSet {
        key_index: KeyIndex(1),
        device_fingerprint,
        callback_url: None,
    }
    .into()
}

pub(crate) fn created_transaction(id: &str) -> Event {
    let event = transactions::TransactionCreated {
        transaction_id: id.parse().expect("a valid id"),
        digest: Digest([2; 32]),
        has_binary: true,
        expires_at: None,
        callback_url: None,
        confirm_code_length: Some(6),
        notification_type: schemas::commands::transactions::NotificationType::Push,
        kind: None,
    };
    event.into()
}

pub(crate) fn confirmed_transaction(id: &str) -> Event {
    let event = transactions::TransactionConfirmed {
        transaction_id: id.parse().expect("a valid id"),
        key_index: KeyIndex(1),
        signature: Some(vec![0x30, 0x45]),
        confirm_code: None,
        digest: Digest([2; 32]),
        callback_url: None,
        operation: None,
    };
    event.into()
}
