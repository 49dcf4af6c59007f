//! Publishes what was appended, and finds what was missed: the public stream is a copy, and this keeps it complete.

use std::sync::Arc;

use bus::Publication;
use bytes::Bytes;
use event_log::LogEvent;
use schemas::{Lane, subjects};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::RunnerError;
use crate::house::House;

/// Publications waiting at most; what does not fit is found by the sweep.
const QUEUE_MAX: usize = 4096;
/// Publications sent together at most.
const TOGETHER_MAX: usize = 512;
/// Events the sweep reads at once.
const SWEEP_MAX: usize = 512;

/// Where lanes hand over what they appended.
#[derive(Clone, Debug)]
pub struct Relay {
    queue: mpsc::Sender<Publication>,
    stop: watch::Sender<bool>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl Relay {
    /// Hands over an event that is in the log. Never waits: a full queue is the sweep's business.
    pub fn publish(&self, publication: Publication) {
        if self.queue.try_send(publication).is_err() {
            metrics::counter!("runner_relay_queue_full_total").increment(1);
        }
    }

    /// Publishes what is queued, and ends.
    pub async fn end(self) {
        self.stop.send(true).ok();
        if let Some(task) = self.task.lock().await.take() {
            task.await.ok();
        }
    }
}

/// Starts the relay; it first finds out how far the public stream is.
pub async fn start(house: Arc<House>) -> Result<Relay, RunnerError> {
    let published = house.bus.published().await?;
    let (queue, queued) = mpsc::channel(QUEUE_MAX);
    let (stop, stopped) = watch::channel(false);
    let worker = Worker { house, published };
    let task = tokio::spawn(worker.run(queued, stopped));
    Ok(Relay {
        queue,
        stop,
        task: Arc::new(tokio::sync::Mutex::new(Some(task))),
    })
}

#[derive(Debug)]
struct Worker {
    house: Arc<House>,
    /// Number of the last event of each lane that is known to be published with all before it.
    published: Vec<u64>,
}

impl Worker {
    async fn run(
        mut self,
        mut queued: mpsc::Receiver<Publication>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut batch = Vec::new();
        let mut sweep = tokio::time::interval(self.house.options.sweep_every);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                count = queued.recv_many(&mut batch, TOGETHER_MAX) => {
                    if count == 0 { break }
                    self.publish(&batch).await;
                    batch.clear();
                }
                _ = sweep.tick() => self.sweep().await,
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { break },
            }
        }
        queued.close();
        while queued.recv_many(&mut batch, TOGETHER_MAX).await > 0 {
            self.publish(&batch).await;
            batch.clear();
        }
    }

    async fn publish(&mut self, batch: &[Publication]) {
        if let Err(error) = self.house.bus.publish(batch).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "events were not published; the sweep will find them"
            );
            return;
        }
        for publication in batch {
            let position = publication.position;
            let last = &mut self.published[usize::from(position.lane.number())];
            // Only an unbroken row counts: a gap stays the sweep's to fill.
            if position.number == *last + 1 {
                *last = position.number;
            }
        }
        metrics::counter!("runner_events_published_total").increment(batch.len() as u64);
        self.tell_growth(batch.iter().map(|publication| publication.position.lane))
            .await;
    }

    /// Publishes, lane by lane, what is in the log and not known to be published.
    async fn sweep(&mut self) {
        let heads = match self.house.log.heads().await {
            Ok(heads) => heads,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the sweep could not read the log"
                );
                return;
            }
        };
        for lane in Lane::all() {
            let index = usize::from(lane.number());
            while self.published[index] < heads[index] {
                let from = self.published[index] + 1;
                let events = match self.house.log.read(lane, from, SWEEP_MAX).await {
                    Ok(events) if !events.is_empty() => events,
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%lane, error = &error as &dyn std::error::Error, "the sweep could not read the lane");
                        return;
                    }
                };
                let before = self.published[index];
                let batch: Vec<Publication> = events.into_iter().map(publication).collect();
                self.publish(&batch).await;
                if self.published[index] == before {
                    return;
                }
            }
        }
    }

    async fn tell_growth(&self, lanes: impl Iterator<Item = Lane>) {
        let mut grown = lanes.map(Lane::number).collect::<Vec<u8>>();
        grown.sort_unstable();
        grown.dedup();
        // A lost hint costs its hearers one poll interval.
        self.house
            .bus
            .tell(subjects::grown(), Bytes::from(grown))
            .await
            .ok();
    }
}

/// An event of the log, for the public stream.
pub fn publication(event: LogEvent) -> Publication {
    Publication {
        position: event.position,
        system_id: event.owner.system_id().clone(),
        aggregate: event.aggregate,
        word: event.word,
        payload: Bytes::from(event.payload),
    }
}
