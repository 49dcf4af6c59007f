//! Publishes events in order, and is done only when all are acknowledged.
//!
//! The stream flushes every message by itself, about a thousand a second on one server. So events go in atomic batches
//! (NATS ADR-50): a batch is flushed once, and is there wholly or not at all. One batch of a process is under way at a
//! time; thus nothing of a lane is ever there without what comes before it.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use async_nats::header::{NATS_BATCH_COMMIT, NATS_BATCH_ID, NATS_BATCH_SEQUENCE};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, Subject};
use schemas::{Lane, Position, subjects};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::link::Link;
use super::pulling::Pause;
use super::{headers, published};
use crate::port::{BusError, Publication};

/// Events of one batch; the server takes 1000.
const BATCH_EVENTS_MAX: usize = 512;

/// Bytes of one batch, unless a single event is larger.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Up to so many events go one by one to a server that is alone: making a batch costs it as much CPU as flushing these,
/// and takes longer (4 ms and 20 ms, measured). In a cluster a batch costs nothing but itself.
const ALONE_MAX: usize = 16;

/// How long an acknowledgement is waited for.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// How long a batch is tried again.
const TRIED_FOR: Duration = Duration::from_secs(30);

/// Publishes to EVT for the whole process.
#[derive(Debug)]
pub(super) struct Publisher {
    context: Context,
    /// Up to so many events go one by one.
    alone_max: usize,
    heads: Mutex<Heads>,
}

/// The largest number published in every lane, as far as it was asked for.
#[derive(Debug, Default)]
struct Heads {
    /// Of which generation of the streams; what is known of another one may be wrong.
    generation: u64,
    by_lane: BTreeMap<Lane, u64>,
}

/// An event as it goes over the wire.
struct Message<'a> {
    subject: Subject,
    headers: HeaderMap,
    event: &'a Publication,
}

impl Publisher {
    pub(super) fn new(link: &Link, replicas: usize) -> Self {
        let mut context = link.context.clone();
        context.set_timeout(ACKNOWLEDGED_WITHIN);
        Self {
            context,
            alone_max: if replicas == 1 { ALONE_MAX } else { 1 },
            heads: Mutex::default(),
        }
    }

    /// Publishes in order; tries again for a while, because a repetition is harmless. What is missing then, the next
    /// sweep publishes.
    pub(super) async fn publish(
        &self,
        link: &Link,
        events: &[Publication],
    ) -> Result<(), BusError> {
        let mut left = events;
        while !left.is_empty() {
            let (batch, after) = left.split_at(batch_length(left));
            self.publish_batch(link, batch).await?;
            left = after;
        }
        Ok(())
    }

    async fn publish_batch(&self, link: &Link, batch: &[Publication]) -> Result<(), BusError> {
        let mut heads = self.heads.lock().await;
        let give_up_at = Instant::now() + TRIED_FOR;
        let mut pause = Pause::default();
        while let Err(error) = self.try_batch(link, &mut heads, batch).await {
            if !error.is_transient || Instant::now() >= give_up_at {
                return Err(error.error);
            }
            tracing::debug!(error = %error.error, "publishing again");
            link.ask_for_repair();
            pause.wait().await;
        }
        Ok(())
    }

    async fn try_batch(
        &self,
        link: &Link,
        heads: &mut Heads,
        batch: &[Publication],
    ) -> Result<(), Failed> {
        let usable = link.usable_soon("cannot publish to EVT").await;
        let generation = usable.map_err(|error| Failed {
            error,
            is_transient: false,
        })?;
        heads.are_of(generation);
        let mut messages = Vec::with_capacity(batch.len());
        for event in batch {
            let head = heads.with(link, event).await?;
            messages.push(Message::of(event, head));
        }
        let sending = async {
            if messages.len() > self.alone_max {
                match self.commit(link, &messages).await {
                    // Somebody was here before: a batch with one known event is refused as a whole.
                    Err(error) if said_by_server(&error).is_some() => {
                        tracing::debug!(%error, "a batch was refused; its events go one by one");
                    }
                    ended => return Ok(ended?),
                }
            }
            Ok(self.send_alone(&messages).await?)
        };
        tokio::select! {
            sent = sending => sent,
            // Acknowledgements of a lost connection never come.
            () = link.outlives(generation) => Err(Failed {
                error: BusError::new("cannot publish to EVT", "the connection was lost"),
                is_transient: true,
            }),
        }
    }

    /// Sends a batch; only its last message is acknowledged, for all of them.
    async fn commit(&self, link: &Link, messages: &[Message<'_>]) -> Result<(), PublishError> {
        let id = link.client.new_inbox();
        // An inbox is an unused name; a batch has one of at most 64 bytes, and the connection's part says nothing here.
        let id = id.rsplit('.').next().unwrap_or(&id);
        for (message, number) in messages.iter().zip(1_usize..) {
            let mut headers = message.headers.clone();
            headers.insert(NATS_BATCH_ID, id);
            headers.insert(NATS_BATCH_SEQUENCE, number.to_string());
            if number == messages.len() {
                headers.insert(NATS_BATCH_COMMIT, "1");
                return self.hand_over(message, headers).await?.await.map(drop);
            }
            let (subject, payload) = (message.subject.clone(), message.event.payload.clone());
            link.client
                .publish_with_headers(subject, headers, payload)
                .await
                .map_err(|error| PublishError::with_source(PublishErrorKind::Other, error))?;
        }
        Ok(())
    }

    /// Sends each when the one before is acknowledged: also when it breaks off here, no lane has a gap.
    async fn send_alone(&self, messages: &[Message<'_>]) -> Result<(), PublishError> {
        for message in messages {
            let headers = message.headers.clone();
            self.hand_over(message, headers).await?.await?;
        }
        Ok(())
    }

    async fn hand_over(
        &self,
        message: &Message<'_>,
        headers: HeaderMap,
    ) -> Result<PublishAckFuture, PublishError> {
        let publish = PublishMessage::build()
            .payload(message.event.payload.clone())
            .headers(headers);
        let subject = message.subject.clone();
        self.context.send_publish(subject, publish).await
    }
}

impl Heads {
    fn are_of(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.by_lane.clear();
        }
    }

    /// The largest number of the event's lane once it is published.
    async fn with(&mut self, link: &Link, event: &Publication) -> Result<u64, Failed> {
        let Position { lane, number } = event.position;
        let before = match self.by_lane.get(&lane) {
            Some(head) => *head,
            None => published::last(link, lane).await?.head,
        };
        let head = before.max(number);
        self.by_lane.insert(lane, head);
        Ok(head)
    }
}

impl<'a> Message<'a> {
    fn of(event: &'a Publication, head: u64) -> Self {
        let position = event.position;
        let mut headers = HeaderMap::new();
        headers.insert(headers::MESSAGE_ID, subjects::message_id(position));
        headers.insert(headers::WORD, headers::one_line(&event.word));
        headers.insert(headers::HEAD, head.to_string());
        let subject = subjects::event(
            position.lane,
            &event.system_id,
            &event.aggregate,
            &event.word,
        );
        Self {
            subject: subject.into(),
            headers,
            event,
        }
    }
}

/// How many of these events make up the next batch.
fn batch_length(events: &[Publication]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Publication| {
        bytes += event.payload.len();
        bytes <= BATCH_BYTES_MAX
    };
    let fitting = events.iter().take(BATCH_EVENTS_MAX).take_while(fits);
    fitting.count().max(1)
}

struct Failed {
    error: BusError,
    is_transient: bool,
}

impl From<PublishError> for Failed {
    fn from(error: PublishError) -> Self {
        Self {
            is_transient: error.kind() != PublishErrorKind::MaxPayloadExceeded,
            error: BusError::new("cannot publish to EVT", error),
        }
    }
}

impl From<BusError> for Failed {
    fn from(error: BusError) -> Self {
        Self {
            error,
            is_transient: true,
        }
    }
}

/// The server's own words, when it answered with an error: it has not stored the message then. Silence and a broken
/// connection say nothing.
pub(super) fn said_by_server(error: &PublishError) -> Option<&async_nats::jetstream::Error> {
    error.source()?.downcast_ref()
}
