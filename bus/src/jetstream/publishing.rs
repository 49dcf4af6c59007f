//! Publishes events: many under way at once, all acknowledged before it is done.

use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use schemas::{Lane, subjects};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::headers;
use super::link::{Link, PATIENCE};
use super::pulling::Pause;
use super::topology::EVT;
use crate::port::{BusError, Publication};

/// How many events are under way at once.
const UNDER_WAY_MAX: usize = 512;

/// How many lanes are asked for at once.
const LANES_AT_ONCE: usize = 16;

/// The largest number published in every lane, as far as this process knows.
#[derive(Debug)]
pub(super) struct Heads(Vec<OnceCell<AtomicU64>>);

impl Default for Heads {
    fn default() -> Self {
        Self(Lane::all().map(|_| OnceCell::new()).collect())
    }
}

impl Heads {
    async fn of(&self, link: &Link, lane: Lane) -> Result<&AtomicU64, BusError> {
        self.0[usize::from(lane.number())]
            .get_or_try_init(|| async { Ok(AtomicU64::new(last(link, lane).await?.head)) })
            .await
    }
}

/// Publishes in order and waits for all; tries again for a while, because a repetition is harmless. What is missing then,
/// the next sweep publishes.
pub(super) async fn publish(
    link: &Link,
    heads: &Heads,
    events: &[Publication],
) -> Result<(), BusError> {
    let give_up_at = Instant::now() + PATIENCE;
    for group in events.chunks(UNDER_WAY_MAX) {
        let mut pause = Pause::default();
        while let Err(error) = publish_group(link, heads, group).await {
            if !error.is_transient || Instant::now() >= give_up_at {
                return Err(error.error);
            }
            tracing::debug!(error = %error.error, "publishing again");
            link.ask_for_repair();
            pause.wait().await;
        }
    }
    Ok(())
}

struct Failed {
    error: BusError,
    is_transient: bool,
}

async fn publish_group(link: &Link, heads: &Heads, group: &[Publication]) -> Result<(), Failed> {
    link.usable_soon("cannot publish to EVT")
        .await
        .map_err(|error| Failed {
            error,
            is_transient: false,
        })?;
    let mut acknowledgements = FuturesOrdered::new();
    for event in group {
        let acknowledgement = hand_over(link, heads, event).await?;
        acknowledgements.push_back(acknowledgement.into_future());
    }
    // Every acknowledgement is awaited, also after a failure, so that nothing of this group arrives after its repetition.
    let mut outcome = Ok(());
    while let Some(acknowledged) = acknowledgements.next().await {
        if let Err(error) = acknowledged {
            outcome = outcome.and(Err(Failed::from(error)));
        }
    }
    outcome
}

async fn hand_over(
    link: &Link,
    heads: &Heads,
    event: &Publication,
) -> Result<PublishAckFuture, Failed> {
    let position = event.position;
    let head = heads
        .of(link, position.lane)
        .await
        .map_err(|error| Failed {
            error,
            is_transient: true,
        })?;
    let before = head.fetch_max(position.number, Ordering::SeqCst);
    let message = PublishMessage::build()
        .payload(event.payload.clone())
        .message_id(subjects::message_id(position))
        .header(headers::WORD, headers::one_line(&event.word))
        .header(headers::HEAD, before.max(position.number).to_string());
    let subject = subjects::event(
        position.lane,
        &event.system_id,
        &event.aggregate,
        &event.word,
    );
    Ok(link.context.send_publish(subject, message).await?)
}

impl From<PublishError> for Failed {
    fn from(error: PublishError) -> Self {
        Self {
            is_transient: error.kind() != PublishErrorKind::MaxPayloadExceeded,
            error: BusError::new("cannot publish to EVT", error),
        }
    }
}

/// What lies last in a lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    /// Number of the event published last; 0 for none.
    pub(super) number: u64,
    /// The largest number published.
    pub(super) head: u64,
}

/// Asks the stream, not our memory: the answer is right after every restart.
pub(super) async fn last(link: &Link, lane: Lane) -> Result<Last, BusError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        BusError::new(format!("cannot find the last event of lane {lane}"), error)
    };
    let stream = link.context.get_stream_no_info(EVT).await;
    let stream = stream.map_err(|error| failed(error.into()))?;
    let message = match stream
        .get_last_raw_message_by_subject(&subjects::events_of(lane))
        .await
    {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
            return Ok(Last::default());
        }
        Err(error) => return Err(failed(error.into())),
    };
    let number = headers::position(&message.headers).map_or(0, |position| position.number);
    let head = headers::head(&message.headers).unwrap_or(number);
    Ok(Last { number, head })
}

/// Number of the last event of every lane.
pub(super) async fn last_of_all(link: &Link) -> Result<Vec<u64>, BusError> {
    link.usable_soon("cannot ask for the last events").await?;
    let lanes = futures::stream::iter(Lane::all());
    let last: Vec<Result<Last, BusError>> = lanes
        .map(|lane| last(link, lane))
        .buffered(LANES_AT_ONCE)
        .collect()
        .await;
    last.into_iter()
        .map(|last| last.map(|last| last.number))
        .collect()
}
