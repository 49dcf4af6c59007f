//! Events post: the journal record of an event, bare, to the system's own events address. One event is one letter.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use event_log::{EventLog, Failure};
use lru::LruCache;
use projections::JournalRecord;
use schemas::context::RequestPrivate;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::devices::DeviceEvent;
use schemas::{Digest, KeyIndex, Owner, Position, codec};

use crate::delivery::{Kind, Letter};

/// Owners whose fingerprints are remembered.
const OWNERS_REMEMBERED: NonZeroUsize =
    NonZeroUsize::new(10_000).expect("ten thousand is not zero");

/// The fingerprints of an owner's keys: the version of the history that set one, the key, the fingerprint.
type History = Vec<(u64, KeyIndex, Digest)>;

/// Device fingerprints by owner. A record shows the one its key had by then.
#[derive(Debug)]
pub(crate) struct Fingerprints(Mutex<LruCache<Owner, History>>);

impl Fingerprints {
    pub fn new() -> Self {
        Self(Mutex::new(LruCache::new(OWNERS_REMEMBERED)))
    }

    /// Notes an event that was read. To be called for every event, before its batch is turned into letters.
    pub fn note(&self, event: &RecordedEvent) {
        if let Some(set) = set_by(event)
            && let Some(history) = self.remembered().get_mut(&event.owner)
        {
            history.push(set);
        }
    }

    async fn at(
        &self,
        log: &dyn EventLog,
        event: &RecordedEvent,
        key_index: KeyIndex,
    ) -> Result<Option<Digest>, Failure> {
        let newest = |history: &History| {
            let by_then = history
                .iter()
                .filter(|(version, key, _)| *version <= event.ordinal && *key == key_index);
            by_then
                .max_by_key(|(version, ..)| *version)
                .map(|(.., fingerprint)| *fingerprint)
        };
        if let Some(history) = self.remembered().get(&event.owner) {
            return Ok(newest(history));
        }
        let events = log.load(&event.owner, 0).await?;
        let decoded = events
            .iter()
            .filter_map(|event| codec::decode(&event.payload).ok());
        let history: History = decoded.filter_map(|event| set_by(&event)).collect();
        let found = newest(&history);
        self.remembered().put(event.owner.clone(), history);
        Ok(found)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, LruCache<Owner, History>> {
        self.0
            .lock()
            .expect("nothing panics while it holds the fingerprints")
    }
}

fn set_by(event: &RecordedEvent) -> Option<(u64, KeyIndex, Digest)> {
    match &event.event {
        Event::Devices(DeviceEvent::FingerprintSet(set)) => {
            Some((event.ordinal, set.key_index, set.device_fingerprint))
        }
        _ => None,
    }
}

/// Where the event is posted, if anywhere.
pub(crate) fn posted_to(event: &RecordedEvent) -> Option<&String> {
    let url = event.context.events_post_url.as_ref();
    url.filter(|url| !url.is_empty())
}

/// The whole journal record of an event: with what lies in the vault, and the fingerprint its key had by then.
pub(crate) async fn whole_record(
    position: Position,
    event: &RecordedEvent,
    private: RequestPrivate,
    log: &dyn EventLog,
    fingerprints: &Fingerprints,
) -> Result<JournalRecord, Failure> {
    let mut record = JournalRecord::of(position, event).with_private(private);
    if let Some(key_index) = record.key_index {
        let key_index = KeyIndex(key_index as u32);
        let fingerprint = fingerprints.at(log, event, key_index).await?;
        record.device_fingerprint = fingerprint.map(|fingerprint| fingerprint.to_string());
    }
    Ok(record)
}

/// The letter that carries a record to its system's events address.
pub(crate) fn events_post(event: &RecordedEvent, url: &str, record: &JournalRecord) -> Letter {
    Letter {
        kind: Kind::EventsPost,
        order_key: format!("events_post/{}", event.owner),
        url: url.to_owned(),
        headers: Vec::new(),
        body: serde_json::to_vec(record).expect("a journal record holds nothing JSON cannot"),
    }
}
