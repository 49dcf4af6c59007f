//! Reads the events of one lane, from the past into the present, and comes back by itself after every interruption.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use schemas::{Lane, Position, subjects};
use tokio::sync::mpsc;

use super::headers;
use super::link::Link;
use super::pulling::{self, Interrupted};
use super::topology::EVT;
use crate::port::{BusError, Published, StreamEvent};
use crate::sequence::Sequence;

/// How many events lie ready for their reader.
const READY_MAX: usize = 256;

/// How many messages one pull asks for.
const PULL_MAX: usize = 512;

/// How long the server keeps a consumer whose reader went without a word.
const CONSUMER_LIFE: Duration = Duration::from_mins(1);

/// Opens a lane's events from number `from` on. The stream ends only when its reader drops it.
pub(super) async fn open(
    link: Arc<Link>,
    lane: Lane,
    from: u64,
) -> Result<BoxStream<'static, StreamEvent>, BusError> {
    let attempt = format!("cannot read the events of lane {lane}");
    link.usable_soon(&attempt).await?;
    let reader = Reader {
        next: start(&link, lane, from).await?,
        delivered: 0,
        sequence: Sequence::starting_at(from),
        link,
        lane,
    };
    let (generation, messages) =
        pulling::pull_soon(&reader.link, &attempt, || reader.open_pull()).await?;
    let (sender, receiver) = mpsc::channel(READY_MAX);
    tokio::spawn(reader.run(generation, messages, sender));
    let events = futures::stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        Some((event, receiver))
    });
    Ok(events.boxed())
}

struct Reader {
    link: Arc<Link>,
    lane: Lane,
    /// Sequence number of the stream to go on with.
    next: u64,
    /// How many messages the present consumer has delivered: a jump means that one was lost on the way.
    delivered: u64,
    sequence: Sequence,
}

impl Reader {
    async fn run(
        mut self,
        mut generation: u64,
        mut messages: pull::Stream,
        reader: mpsc::Sender<StreamEvent>,
    ) {
        let mut pause = pulling::Pause::default();
        loop {
            let interrupted = tokio::select! {
                biased;
                () = reader.closed() => return,
                () = self.link.outlives(generation) => Interrupted::NewGeneration,
                message = messages.next() => match message {
                    Some(Ok(message)) => match self.take(&message) {
                        Some(seen) => {
                            pause = pulling::Pause::default();
                            for event in seen {
                                if reader.send(event).await.is_err() {
                                    return;
                                }
                            }
                            continue;
                        }
                        None => Interrupted::Ended,
                    },
                    Some(Err(error)) => Interrupted::from(error),
                    None => Interrupted::Ended,
                },
            };
            drop(messages);
            messages = loop {
                tracing::debug!(lane = %self.lane, %interrupted, "reading events again");
                tokio::select! {
                    () = reader.closed() => return,
                    () = pause.wait() => {}
                }
                generation = self.link.usable().await;
                self.start_over_if_the_stream_did().await;
                match self.pull().await {
                    Ok(messages) => break messages,
                    Err(interrupted) => {
                        tracing::warn!(lane = %self.lane, %interrupted, "cannot read events; trying again");
                        self.link.ask_for_repair();
                    }
                }
            };
        }
    }

    /// What the reader sees of a message; `None` when one before it got lost between the server and us.
    fn take(&mut self, message: &async_nats::jetstream::Message) -> Option<VecDeque<StreamEvent>> {
        let mut seen = VecDeque::new();
        let Ok(info) = message.info() else {
            return Some(seen);
        };
        if info.consumer_sequence != self.delivered + 1 {
            return None;
        }
        self.delivered = info.consumer_sequence;
        self.next = info.stream_sequence + 1;
        // Without a position it is not ours; a reader of the lane has no use for it.
        let position = message.headers.as_ref().and_then(headers::position);
        if let Some(position) = position.filter(|position| position.lane == self.lane) {
            self.sequence.take(published(message, position), &mut seen);
        }
        Some(seen)
    }

    async fn pull(&mut self) -> Result<pull::Stream, Interrupted> {
        let messages = self.open_pull().await?;
        self.delivered = 0;
        Ok(messages)
    }

    async fn open_pull(&self) -> Result<pull::Stream, Interrupted> {
        pulling::pull(&self.link, EVT, self.consumer(), PULL_MAX).await
    }

    fn consumer(&self) -> pull::Config {
        pull::Config {
            description: Some("Events of one lane, for one reader".to_owned()),
            filter_subject: subjects::events_of(self.lane),
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.next,
            },
            inactive_threshold: CONSUMER_LIFE,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        }
    }

    /// A stream that is shorter than what we have read was lost and is being refilled: read it from the beginning. The
    /// sequence drops what was seen before.
    async fn start_over_if_the_stream_did(&mut self) {
        match bounds(&self.link).await {
            Ok((_, last)) if last + 1 < self.next => {
                tracing::warn!(lane = %self.lane, "EVT is shorter than before; reading it from the beginning");
                self.next = 1;
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// The event of that place, as it lies on the stream.
pub(super) fn published(message: &async_nats::Message, position: Position) -> Published {
    Published {
        position,
        subject: message.subject.to_string(),
        payload: message.payload.clone(),
    }
}

/// First and last sequence number of EVT.
pub(super) async fn bounds(link: &Link) -> Result<(u64, u64), BusError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        BusError::new("cannot look at EVT", error)
    };
    let stream = link.context.get_stream(EVT).await;
    let stream = stream.map_err(|error| failed(error.into()))?;
    let state = &stream.cached_info().state;
    Ok((state.first_sequence, state.last_sequence))
}

/// Sequence number to start at, so that no event from number `from` on is missed. Found by halving: the header
/// `Countersign-Head` never falls along the stream, however late a single event was filled in.
async fn start(link: &Link, lane: Lane, from: u64) -> Result<u64, BusError> {
    if from <= 1 {
        return Ok(1);
    }
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        BusError::new(format!("cannot find event {lane}-{from}"), error)
    };
    let stream = link.context.get_stream_no_info(EVT).await;
    let stream = stream.map_err(|error| failed(error.into()))?;
    let (first, last) = bounds(link).await?;
    // Every event of the lane before `low` lies before the start; from `high` on, none does.
    let (mut low, mut high) = (first.max(1), last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let next = stream
            .raw_message_builder()
            .sequence(middle)
            .next_by_subject(subjects::events_of(lane))
            .send()
            .await;
        match next {
            Ok(message) if headers::head(&message.headers).is_some_and(|head| head < from) => {
                low = message.sequence + 1;
            }
            Ok(_) => high = middle,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => high = middle,
            Err(error) => return Err(failed(error.into())),
        }
    }
    Ok(low)
}
