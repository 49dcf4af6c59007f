//! Which letters the events owe.

use std::sync::Arc;

use bus::shell::RootSecret;
use event_log::{EventLog, Failure};
use futures::future::try_join_all;
use projections::JournalRecord;
use projections::audit::told::private_parts;
use schemas::commands::keys::PushAddress;
use schemas::context::RequestPrivate;
use schemas::envelope::RecordedEvent;
use schemas::reasons::Reasons;
use schemas::vault::VaultName;
use schemas::{Position, Timestamp};

use crate::callbacks::{Known, callback, needs_push_address, needs_reasons, reported_to, wishes};
use crate::delivery::{Delivery, Kind, Letter, endpoint_of, id_of};
use crate::events_post::{Fingerprints, events_post, posted_to, whole_record};
use crate::outbox::NewDelivery;

/// Events that look into the vault at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// Writes the letters.
#[derive(Debug)]
pub(crate) struct Owing {
    log: Arc<dyn EventLog>,
    root: RootSecret,
    fingerprints: Fingerprints,
}

impl Owing {
    pub fn new(log: Arc<dyn EventLog>, root: RootSecret) -> Self {
        Self {
            log,
            root,
            fingerprints: Fingerprints::new(),
        }
    }

    /// The letters of these events, the same whenever they are asked for as long as the vault has what belongs into them.
    pub async fn owed(
        &self,
        events: &[(Position, RecordedEvent)],
        now: Timestamp,
    ) -> Result<Vec<NewDelivery>, Failure> {
        for (_, event) in events {
            self.fingerprints.note(event);
        }
        let mut new = Vec::new();
        for events in events.chunks(LOOKS_AT_ONCE) {
            let looks: Vec<_> = events
                .iter()
                .map(|(position, event)| self.letters(*position, event))
                .collect();
            for ((position, event), letters) in events.iter().zip(try_join_all(looks).await?) {
                new.extend(
                    letters
                        .into_iter()
                        .map(|letter| address(letter, *position, event, now)),
                );
            }
        }
        Ok(new)
    }

    async fn letters(
        &self,
        position: Position,
        event: &RecordedEvent,
    ) -> Result<Vec<Letter>, Failure> {
        let (posted_to, reports) = (posted_to(event), reported_to(&event.event).is_some());
        if posted_to.is_none() && !reports {
            return Ok(Vec::new());
        }
        // The vault is asked only for what somebody is told: records that are posted are whole.
        let private = if posted_to.is_some() || event.context.carries_headers {
            self.private(event).await?
        } else {
            RequestPrivate::default()
        };
        let headers = private.headers.clone();
        let record = if posted_to.is_some() {
            whole_record(position, event, private, &*self.log, &self.fingerprints).await?
        } else {
            JournalRecord::of(position, event)
        };
        let push = if needs_push_address(&event.event) {
            self.push_address(event).await?
        } else {
            None
        };
        let reasons = if reports && needs_reasons(&event.event) {
            self.reasons(event).await?
        } else {
            Reasons::default()
        };
        let known = Known {
            push,
            reasons,
            record: Some(&record).filter(|_| wishes(event).tells_event),
        };
        let mut letters: Vec<Letter> = callback(event, known).into_iter().collect();
        letters.extend(posted_to.map(|url| events_post(event, url, &record)));
        for letter in &mut letters {
            letter.headers.clone_from(&headers);
        }
        Ok(letters)
    }

    /// The erasable part of the request that caused the event.
    async fn private(&self, event: &RecordedEvent) -> Result<RequestPrivate, Failure> {
        let causes = [event.causation_id];
        let parts = private_parts(&*self.log, &self.root, &event.owner, &causes).await?;
        Ok(parts.into_iter().next().flatten().unwrap_or_default())
    }

    /// Where pushes reach the device; `None` when that was erased since.
    async fn push_address(&self, event: &RecordedEvent) -> Result<Option<PushAddress>, Failure> {
        let read = |row: &[u8]| rmp_serde::from_slice(row).ok();
        self.row(event, &VaultName::push_address(), read).await
    }

    /// Why something was declined; nothing when that was erased since.
    async fn reasons(&self, event: &RecordedEvent) -> Result<Reasons, Failure> {
        let name = VaultName::reasons(&event.causation_id);
        let row = self.row(event, &name, Reasons::decode).await?;
        Ok(row.unwrap_or_default())
    }

    /// What a row of the event's owner holds; `None` where there is nothing, or nothing that reads.
    async fn row<T>(
        &self,
        event: &RecordedEvent,
        name: &VaultName,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let place = format!("{}/{}", event.owner, name.as_str());
        let rows = self
            .log
            .vault(&event.owner, std::slice::from_ref(name))
            .await?;
        let Some(sealed) = rows.into_iter().next().flatten() else {
            return Ok(None);
        };
        let opened = self
            .root
            .open(event.owner.system_id().as_str(), &place, &sealed);
        let found = opened.ok().and_then(|opened| read(opened.expose()));
        if found.is_none() {
            tracing::error!(vault.row = %place, "a row of the vault does not open");
        }
        Ok(found)
    }
}

fn address(
    letter: Letter,
    position: Position,
    event: &RecordedEvent,
    now: Timestamp,
) -> NewDelivery {
    let (endpoint, undeliverable) = match endpoint_of(&letter.url) {
        Ok(endpoint) => (endpoint, None),
        Err(error) => (String::new(), Some(error.reason().to_owned())),
    };
    let id = id_of(letter.kind, position, event);
    if let Some(reason) = &undeliverable {
        tracing::error!(delivery.id = id, system.id = %event.owner.system_id(), reason, "a letter cannot be sent");
    }
    NewDelivery {
        delivery: Delivery {
            id,
            system_id: event.owner.system_id().to_string(),
            url: letter.url,
            endpoint,
            order_key: letter.order_key,
            headers: letter.headers,
            body: letter.body,
            attempt: 0,
            next_at: now,
        },
        kind: letter.kind.word(),
        position,
        undeliverable,
        // A post of the journal tells the journal nothing new.
        owner: (letter.kind != Kind::EventsPost).then(|| event.owner.clone()),
    }
}
