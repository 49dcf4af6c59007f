//! The bus inside one process: the same promises as JetStream, kept with queues in memory.
//!
//! Nothing here outlives the process. That is enough: commands are in flight and not records, and events are in the log
//! before they are published. Ending without a word cannot happen to a reader alone, so no delivery times out.

mod asked;
mod commands;
mod events;
mod told;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use schemas::{Lane, SystemId};

use crate::limits::Limits;
use crate::port::{
    Before, Bus, BusError, Delivery, Parked, Publication, Published, Question, SendError,
    StreamEvent, Stretch, Unanswered,
};
use asked::AskedQuestions;
use commands::{LaneQueue, ParkedCommands};
use events::EventRing;
use told::Told;

/// A bus for one process.
#[derive(Debug)]
pub struct InProcessBus {
    limits: Limits,
    queues: Vec<Arc<LaneQueue>>,
    rings: Vec<Arc<EventRing>>,
    parked: Arc<ParkedCommands>,
    told: Told,
    asked: AskedQuestions,
}

impl InProcessBus {
    /// An empty bus with the default limits.
    #[expect(
        clippy::new_ret_no_self,
        reason = "whoever makes a bus wants the port, not this particular one"
    )]
    pub fn new() -> Arc<dyn Bus> {
        Self::with_limits(Limits::default())
    }

    /// An empty bus with these limits.
    pub fn with_limits(limits: Limits) -> Arc<dyn Bus> {
        let parked = Arc::new(ParkedCommands::default());
        Arc::new(Self {
            queues: Lane::all()
                .map(|lane| Arc::new(LaneQueue::new(lane, limits.clone(), Arc::clone(&parked))))
                .collect(),
            rings: Lane::all()
                .map(|_| Arc::new(EventRing::new(limits.lane_events_kept)))
                .collect(),
            parked,
            told: Told::default(),
            asked: AskedQuestions::default(),
            limits,
        })
    }

    fn queue(&self, lane: Lane) -> &Arc<LaneQueue> {
        &self.queues[usize::from(lane.number())]
    }

    fn ring(&self, lane: Lane) -> &Arc<EventRing> {
        &self.rings[usize::from(lane.number())]
    }
}

impl Bus for InProcessBus {
    fn send<'a>(
        &'a self,
        lane: Lane,
        _system_id: &'a SystemId,
        _verb: &'a str,
        payload: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Bytes, SendError>> {
        async move {
            let answer = self.queue(lane).send(payload)?;
            match tokio::time::timeout(deadline, answer).await {
                Ok(Ok(answer)) => Ok(answer),
                // The command was parked, or expired in the queue, or nobody answered in time: the caller cannot tell.
                Ok(Err(_)) | Err(_) => Err(SendError::Unknown),
            }
        }
        .boxed()
    }

    fn commands(
        &self,
        lane: Lane,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Delivery>, BusError>> {
        let queue = Arc::clone(self.queue(lane));
        let deliveries = futures::stream::unfold(queue, |queue| async move {
            let delivery = queue.next().await;
            Some((delivery, queue))
        });
        futures::future::ready(Ok(deliveries.boxed())).boxed()
    }

    fn publish<'a>(&'a self, events: &'a [Publication]) -> BoxFuture<'a, Result<(), BusError>> {
        let oversized = events
            .iter()
            .find(|event| event.payload.len() > self.limits.payload_bytes_max);
        if let Some(event) = oversized {
            let error = BusError::new(
                format!("cannot publish event {}", event.position),
                "it is larger than the bus allows",
            );
            return futures::future::ready(Err(error)).boxed();
        }
        for event in events {
            self.ring(event.position.lane).publish(event);
        }
        futures::future::ready(Ok(())).boxed()
    }

    fn published(&self) -> BoxFuture<'_, Result<Vec<u64>, BusError>> {
        let last = self.rings.iter().map(|ring| ring.last()).collect();
        futures::future::ready(Ok(last)).boxed()
    }

    fn events(
        &self,
        lane: Lane,
        from: u64,
    ) -> BoxFuture<'_, Result<BoxStream<'static, StreamEvent>, BusError>> {
        let events = EventRing::read(Arc::clone(self.ring(lane)), from);
        futures::future::ready(Ok(events)).boxed()
    }

    fn stretches(
        &self,
        length: usize,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Stretch, BusError>>, BusError>> {
        let events: Vec<Published> = self.rings.iter().flat_map(|ring| ring.kept()).collect();
        // A ring forgets what was first.
        let (mut left, mut before) = (events.len(), Before::Forgotten);
        let stretches = events.chunks(length).map(|events| {
            left -= events.len();
            Ok(Stretch {
                events: events.to_vec(),
                left: left as u64,
                before: std::mem::replace(&mut before, Before::Stretch),
            })
        });
        let stretches: Vec<Result<Stretch, BusError>> = stretches.collect();
        futures::future::ready(Ok(futures::stream::iter(stretches).boxed())).boxed()
    }

    fn tell<'a>(&'a self, subject: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        self.told.tell(subject, payload);
        futures::future::ready(Ok(())).boxed()
    }

    fn hear<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Bytes>, BusError>> {
        futures::future::ready(Ok(self.told.hear(subject))).boxed()
    }

    fn ask<'a>(
        &'a self,
        subject: &'a str,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Bytes, Unanswered>> {
        async move {
            let answer = self.asked.ask(subject, payload)?;
            match tokio::time::timeout(patience, answer).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(_)) | Err(_) => Err(Unanswered),
            }
        }
        .boxed()
    }

    fn serve<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Question>, BusError>> {
        futures::future::ready(Ok(self.asked.serve(subject))).boxed()
    }

    fn parked(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Parked>, BusError>> {
        futures::future::ready(Ok(self.parked.list(limit))).boxed()
    }
}
