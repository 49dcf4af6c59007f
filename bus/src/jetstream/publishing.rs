//! Publishes events: many under way at once, all acknowledged before it is done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use schemas::{Lane, subjects};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::headers;
use super::link::{Link, PATIENCE};
use super::pulling::Pause;
use super::topology::EVT;
use crate::port::{BusError, Publication};

/// How many events of one call are under way at once.
const GROUP_MAX: usize = 256;

/// How many events of the whole process are under way at once. One server alone flushes every message by itself, about a
/// thousand a second: more would wait longer than their acknowledgements are waited for.
const UNDER_WAY_MAX: usize = 1024;

/// How long an acknowledgement is waited for.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// How long a group is tried again.
const TRIED_FOR: Duration = Duration::from_secs(30);

/// How many lanes are asked for at once.
const LANES_AT_ONCE: usize = 16;

/// Publishes to EVT for the whole process.
#[derive(Debug)]
pub(super) struct Publisher {
    context: Context,
    /// The largest number published in every lane, as far as this process knows.
    heads: Vec<OnceCell<AtomicU64>>,
    under_way: Semaphore,
}

impl Publisher {
    pub(super) fn new(link: &Link) -> Self {
        let mut context = link.context.clone();
        context.set_timeout(ACKNOWLEDGED_WITHIN);
        Self {
            context,
            heads: Lane::all().map(|_| OnceCell::new()).collect(),
            under_way: Semaphore::new(UNDER_WAY_MAX),
        }
    }

    /// Publishes in order and waits for all; tries again for a while, because a repetition is harmless. What is missing
    /// then, the next sweep publishes.
    pub(super) async fn publish(
        &self,
        link: &Link,
        events: &[Publication],
    ) -> Result<(), BusError> {
        for group in events.chunks(GROUP_MAX) {
            let turn = self.under_way.acquire_many(group.len() as u32).await;
            let _turn = turn.expect("the semaphore is never closed");
            let give_up_at = Instant::now() + TRIED_FOR;
            let mut pause = Pause::default();
            while let Err(error) = self.publish_group(link, group).await {
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

    async fn publish_group(&self, link: &Link, group: &[Publication]) -> Result<(), Failed> {
        let usable = link.usable_soon("cannot publish to EVT").await;
        let generation = usable.map_err(|error| Failed {
            error,
            is_transient: false,
        })?;
        let mut acknowledgements = FuturesOrdered::new();
        let mut outcome = Ok(());
        for event in group {
            match self.hand_over(link, event).await {
                Ok(acknowledgement) => acknowledgements.push_back(acknowledgement.into_future()),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Every acknowledgement is awaited, also after a failure, so that nothing of this group arrives after its
        // repetition. Only those of a lost connection never come.
        loop {
            let acknowledged = tokio::select! {
                acknowledged = acknowledgements.next() => acknowledged,
                () = link.outlives(generation) => return Err(Failed {
                    error: BusError::new("cannot publish to EVT", "the connection was lost"),
                    is_transient: true,
                }),
            };
            match acknowledged {
                Some(Ok(_)) => {}
                Some(Err(error)) => outcome = outcome.and(Err(Failed::from(error))),
                None => return outcome,
            }
        }
    }

    async fn hand_over(
        &self,
        link: &Link,
        event: &Publication,
    ) -> Result<PublishAckFuture, Failed> {
        let position = event.position;
        let head = self.head(link, position.lane).await;
        let head = head.map_err(|error| Failed {
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
        Ok(self.context.send_publish(subject, message).await?)
    }

    async fn head(&self, link: &Link, lane: Lane) -> Result<&AtomicU64, BusError> {
        self.heads[usize::from(lane.number())]
            .get_or_try_init(|| async { Ok(AtomicU64::new(last(link, lane).await?.head)) })
            .await
    }
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

/// Number of the last event of every lane. Asks again for a while: a server that has just come back may refuse, or never
/// answer what was asked while it died.
pub(super) async fn last_of_all(link: &Link) -> Result<Vec<u64>, BusError> {
    let give_up_at = Instant::now() + PATIENCE;
    let mut pause = Pause::default();
    loop {
        link.usable_soon("cannot ask for the last events").await?;
        match last_of_all_now(link).await {
            Err(_) if Instant::now() < give_up_at => {
                link.ask_for_repair();
                pause.wait().await;
            }
            outcome => return outcome,
        }
    }
}

async fn last_of_all_now(link: &Link) -> Result<Vec<u64>, BusError> {
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
