//! A small world for the tests: a log in memory, a clock that is turned by hand, an outbox on disk.

use std::sync::Arc;

use bus::InProcessBus;
use bus::shell::{Clock as _, LiveSettings, ManualClock, RootSecret};
use event_log::{Commit, EventLog, MemoryLog, NewEvent, VaultRow};
use schemas::codec;
use schemas::context::{RequestContext, RequestPrivate};
use schemas::envelope::RecordedEvent;
use schemas::events::{Event, transactions};
use schemas::settings::Settings;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, KeyIndex, Lane, Owner, Timestamp};

use projections::store::{Durability, Store, StoreError};

use crate::delivery::Delivery;
use crate::intake::Intake;
use crate::letters::Letters;
use crate::outbox::Outbox;
use crate::sender::Sender;
use crate::signing::Signing;
use crate::{EgressOptions, EgressPolicy, Reactor, ReactorOptions, StartError};

/// The system that the tests live in.
pub(crate) const SYSTEM: &str = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53";

/// The usual addresses and the loopback interface, where the tests' banks are.
pub(crate) fn here() -> Arc<EgressPolicy> {
    EgressPolicy::new(EgressOptions {
        allows_loopback: true,
        ..EgressOptions::default()
    })
}

/// What the clock shows at first.
pub(crate) const BEGINNING: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) struct World {
    pub log: Arc<MemoryLog>,
    pub root: RootSecret,
    pub clock: Arc<ManualClock>,
    pub egress: Arc<EgressPolicy>,
    folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::that_calls(here())
    }

    /// A world with this policy for its calls.
    pub fn that_calls(egress: Arc<EgressPolicy>) -> Self {
        Self {
            egress,
            log: Arc::new(MemoryLog::new()),
            root: RootSecret::new([7; 32]),
            clock: Arc::new(ManualClock::new(BEGINNING)),
            folder: tempfile::tempdir().expect("a folder for the outbox"),
        }
    }

    /// A reactor; the second one finds the first one's outbox.
    pub async fn reactor(&self) -> Result<Reactor, StartError> {
        let options = ReactorOptions {
            log: self.log.clone(),
            bus: InProcessBus::new(),
            root: self.root.clone(),
            settings: LiveSettings::new(Settings::default()),
            egress: Arc::clone(&self.egress),
            clock: self.clock.clone(),
            database_address: self.outbox(),
        };
        Reactor::new(options).await
    }

    /// What a dispatcher needs; the outbox is the reactor's.
    pub async fn outbox_and_sender(&self) -> Result<(Outbox, Sender), Box<dyn std::error::Error>> {
        let store = Store::open(&self.outbox(), Durability::Lasting).await?;
        let outbox = Outbox::open(store, self.root.clone()).await?;
        let sender = Sender::new(
            Signing::new(self.root.clone(), self.log.clone()),
            self.clock.clone(),
            LiveSettings::new(Settings::default()),
            Arc::clone(&self.egress),
        )?;
        Ok((outbox, sender))
    }

    /// Takes in what is in the log; the letters that can be sent at once come back.
    pub async fn take_in(&self) -> Result<Vec<Delivery>, Box<dyn std::error::Error>> {
        let (outbox, _) = self.outbox_and_sender().await?;
        let log = self.log.clone();
        let mut intake = Intake::begin(log, self.root.clone(), self.clock.clone(), outbox).await?;
        let mut ready = Vec::new();
        while let Some(more) = intake.take().await? {
            ready.extend(more.ready);
        }
        Ok(ready)
    }

    /// A person gives parked letters another round of attempts; all of them, or the one with that id. How many there were.
    pub async fn release(&self, id: Option<&str>) -> Result<u64, StoreError> {
        let letters = Letters::open(&self.outbox()).await?;
        letters.retry(id, self.clock.now()).await
    }

    /// Where the outbox is.
    pub fn outbox(&self) -> String {
        let file = self.folder.path().join("outbox.sqlite");
        format!("sqlite:{}", file.display())
    }

    pub fn user(name: &str) -> Owner {
        format!("{SYSTEM}/{name}").parse().expect("a valid owner")
    }

    /// Lets an event happen that is posted nowhere.
    pub async fn happen(&self, owner: &Owner, event: impl Into<Event>) {
        self.happen_posted(owner, event, None).await;
    }

    /// Lets an event happen whose journal record is posted.
    pub async fn happen_posted(&self, owner: &Owner, event: impl Into<Event>, post: Option<&str>) {
        self.happen_at(BEGINNING, owner, event.into(), post).await;
    }

    /// Lets an event happen that is posted nowhere, by the clock.
    pub async fn happen_now(&self, owner: &Owner, event: impl Into<Event>) {
        self.happen_at(self.clock.now(), owner, event.into(), None)
            .await;
    }

    async fn happen_at(&self, at: Timestamp, owner: &Owner, event: Event, post: Option<&str>) {
        let version = self
            .log
            .load(owner, 0)
            .await
            .expect("the log is in memory")
            .len() as u64;
        let causation_id = CommandId::from_key(&owner.to_string(), "test", &version.to_string());
        let recorded = RecordedEvent {
            owner: owner.clone(),
            ordinal: version + 1,
            recorded_at: at,
            causation_id,
            result: event.result(),
            context: RequestContext {
                events_post_url: post.map(ToOwned::to_owned),
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
        let vault = vec![self.sealed(owner, VaultName::request(&causation_id), &private)];
        let event = NewEvent {
            word: recorded.event.word().into(),
            aggregate: recorded.event.aggregate().into(),
            at,
            payload: codec::encode(&recorded).into(),
        };
        self.append(owner, version, vec![event], vault).await;
    }

    pub async fn keep(&self, owner: &Owner, name: VaultName, value: &impl serde::Serialize) {
        let version = self
            .log
            .load(owner, 0)
            .await
            .expect("the log is in memory")
            .len() as u64;
        let row = self.sealed(owner, name, value);
        self.append(owner, version, Vec::new(), vec![row]).await;
    }

    fn sealed(&self, owner: &Owner, name: VaultName, value: &impl serde::Serialize) -> VaultRow {
        let open = rmp_serde::to_vec_named(value).expect("encodable");
        let sealed = self
            .root
            .seal(SYSTEM, &format!("{owner}/{}", name.as_str()), &open);
        VaultRow { name, sealed }
    }

    async fn append(
        &self,
        owner: &Owner,
        version: u64,
        events: Vec<NewEvent>,
        vault: Vec<VaultRow>,
    ) {
        let commit = Commit {
            vault,
            ..Commit::of(owner.clone(), version, events)
        };
        let lane = Lane::of(owner);
        let open = self
            .log
            .open_lane(lane)
            .await
            .expect("the log is in memory");
        self.log
            .append(lane, open.epoch, &[commit])
            .await
            .expect("nobody is in the way");
    }
}

pub(crate) fn confirmed(id: &str, callback_url: &str) -> transactions::TransactionConfirmed {
    transactions::TransactionConfirmed {
        transaction_id: id.parse().expect("a valid id"),
        key_index: KeyIndex(1),
        signature: Some(vec![0x30, 0x45]),
        confirm_code: Some("0".repeat(64)),
        digest: Digest([1; 32]),
        callback_url: Some(callback_url.to_owned()),
        operation: None,
    }
}
