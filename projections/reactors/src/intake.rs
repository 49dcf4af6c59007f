//! From the log to the outbox: which letters the events owe.

use std::sync::Arc;

use bus::shell::{Clock, RootSecret};
use event_log::{EventLog, Failure};
use futures::future::try_join_all;
use projections::audit::record::private_parts;
use projections::reading::{self, Wanted};
use projections::{JournalRecord, check_not_behind};
use schemas::commands::keys::PushAddress;
use schemas::context::RequestPrivate;
use schemas::envelope::RecordedEvent;
use schemas::vault::VaultName;
use schemas::{Lane, Position, Timestamp};

use crate::callbacks::{Known, callback, needs_push_address, reported_to, wishes};
use crate::delivery::{Delivery, Letter, endpoint_of, id_of};
use crate::events_post::{Fingerprints, events_post, posted_to, whole_record};
use crate::outbox::{NewDelivery, Outbox};
use crate::reactor::ReactorError;

/// Most events of one lane in a batch.
const LANE_EVENTS_MAX: u64 = 1024;

/// Most events of a batch; it is exceeded by less than one lane's share.
const BATCH_EVENTS_MAX: u64 = 4096;

/// Events that look into the vault at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// Reads the log and writes what it owes.
#[derive(Debug)]
pub(crate) struct Intake {
    log: Arc<dyn EventLog>,
    root: RootSecret,
    clock: Arc<dyn Clock>,
    outbox: Outbox,
    fingerprints: Fingerprints,
    cursors: Vec<u64>,
    first: usize,
}

impl Intake {
    /// An intake that goes on where the outbox says, or is born at the log's ends.
    pub async fn begin(
        log: Arc<dyn EventLog>,
        root: RootSecret,
        clock: Arc<dyn Clock>,
        outbox: Outbox,
    ) -> Result<Self, ReactorError> {
        let heads = log.heads().await?;
        let cursors = outbox.cursors(&heads).await?;
        check_not_behind(&heads, |lane| cursors[usize::from(lane.number())])
            .map_err(ReactorError::Behind)?;
        Ok(Self {
            log,
            root,
            clock,
            outbox,
            fingerprints: Fingerprints::new(),
            cursors,
            first: 0,
        })
    }

    /// Takes in the next batch of events. The deliveries that can be sent at once come back; `None` when there was no
    /// event to read.
    pub async fn take(&mut self) -> Result<Option<Vec<Delivery>>, ReactorError> {
        let heads = self.log.heads().await?;
        let cursors = &self.cursors;
        check_not_behind(&heads, |lane| cursors[usize::from(lane.number())])
            .map_err(ReactorError::Behind)?;
        let wanted = self.wanted(&heads);
        let slices = reading::read(&*self.log, &wanted).await?;
        let mut after = self.cursors.clone();
        let mut events = Vec::new();
        let mut stopped = None;
        for slice in slices {
            let lane = usize::from(slice.wanted.lane.number());
            after[lane] = slice.end();
            if !slice.events.is_empty() {
                self.first = lane + 1;
            }
            events.extend(slice.events);
            stopped = stopped.or(slice.stopped);
        }
        if let Some(error) = stopped {
            if events.is_empty() {
                return Err(ReactorError::Lane(error));
            }
            report(&error);
        }
        if events.is_empty() {
            return Ok(None);
        }
        let now = self.clock.now();
        let new = self.owed(&events, now).await?;
        metrics::counter!("reactor_deliveries_total").increment(new.len() as u64);
        match self.outbox.add(&self.cursors, &after, new, now).await {
            Ok(Some(ready)) => {
                self.cursors = after;
                Ok(Some(ready))
            }
            Ok(None) => {
                self.cursors = self.outbox.cursors(&heads).await?;
                Err(ReactorError::Disturbed)
            }
            Err(error) => {
                // Whether a failed commit has happened, only the database knows.
                self.cursors = self.outbox.cursors(&heads).await?;
                Err(error.into())
            }
        }
    }

    fn wanted(&self, heads: &[u64]) -> Vec<Wanted> {
        let (mut wanted, mut events) = (Vec::new(), 0);
        for lane in Lane::all()
            .cycle()
            .skip(self.first)
            .take(Lane::COUNT.into())
        {
            let index = usize::from(lane.number());
            let after = self.cursors[index];
            let limit = heads[index].saturating_sub(after).min(LANE_EVENTS_MAX);
            if limit > 0 && events < BATCH_EVENTS_MAX {
                events += limit;
                wanted.push(Wanted {
                    lane,
                    after,
                    limit: limit as usize,
                });
            }
        }
        wanted
    }

    async fn owed(
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
        let known = Known {
            push,
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
        let name = VaultName::push_address();
        let place = format!("{}/{}", event.owner, name.as_str());
        let rows = self
            .log
            .vault(&event.owner, std::slice::from_ref(&name))
            .await?;
        let Some(sealed) = rows.into_iter().next().flatten() else {
            return Ok(None);
        };
        let opened = self
            .root
            .open(event.owner.system_id().as_str(), &place, &sealed);
        let address = opened
            .ok()
            .and_then(|opened| rmp_serde::from_slice(opened.expose()).ok());
        if address.is_none() {
            tracing::error!(vault.row = %place, "a row of the vault does not open");
        }
        Ok(address)
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
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "a lane of the log cannot be read on; the others are");
}
