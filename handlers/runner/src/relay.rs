//! Publishes what was appended, and finds what was missed: the public stream is a copy, and this keeps it complete.
//!
//! A lane is published in order and without a gap. So the number that the stream has last says what it has, whatever a
//! server lost and whoever published before; what is queued out of turn waits until the log has filled the gap.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bus::Publication;
use event_log::LogEvent;
use schemas::Lane;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::RunnerError;
use crate::growth::Growth;
use crate::house::House;

/// Publications waiting at most; what does not fit is read from the log.
const QUEUE_MAX: usize = 4096;
/// Publications sent together at most.
const TOGETHER_MAX: usize = 512;
/// More than so many at once are a load, and worth gathering for: a batch costs the server much more than an event in it.
const LOAD_MIN: usize = 16;
/// How far apart batches are kept under load.
const PACE: Duration = Duration::from_millis(200);

/// Where lanes hand over what they appended.
#[derive(Clone, Debug)]
pub struct Relay {
    queue: mpsc::Sender<Publication>,
    growth: Growth,
    stop: watch::Sender<bool>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl Relay {
    /// Hands over an event that is in the log. Never waits: what a full queue refuses is read from the log again.
    pub fn publish(&self, publication: Publication) {
        self.growth.note(publication.position.lane);
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
    let growth = Growth::told_over(Arc::clone(&house.bus));
    let worker = Worker {
        house,
        settled: published.clone(),
        published,
    };
    let task = tokio::spawn(worker.run(queued, stopped));
    Ok(Relay {
        queue,
        growth,
        stop,
        task: Arc::new(tokio::sync::Mutex::new(Some(task))),
    })
}

/// Whatever keeps an event from being published now. It stays in the log, and the next sweep finds it.
type Failed = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
struct Worker {
    house: Arc<House>,
    /// Number of the last event of each lane in the stream.
    published: Vec<u64>,
    /// Where each lane of the log ended at the sweep before: what lies up to here had its time to be published.
    settled: Vec<u64>,
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
                // The sweep first: a queue that is never empty must not keep it away.
                biased;
                _ = sweep.tick() => {
                    let swept = self.sweep().await;
                    report(swept, "the sweep did not end; the next one goes on");
                }
                count = queued.recv_many(&mut batch, TOGETHER_MAX) => {
                    if count == 0 { break }
                    let next = Instant::now() + PACE;
                    self.take(&mut batch).await;
                    if (LOAD_MIN..TOGETHER_MAX).contains(&count) {
                        tokio::time::sleep_until(next).await;
                    }
                }
                changed = stop.changed() => if changed.is_err() || *stop.borrow() { break },
            }
        }
        queued.close();
        while queued.recv_many(&mut batch, TOGETHER_MAX).await > 0 {
            self.take(&mut batch).await;
        }
    }

    /// Publishes what was queued.
    async fn take(&mut self, batch: &mut Vec<Publication>) {
        let filled = self.fill_before(batch).await;
        report(
            filled,
            "a lane cannot be published on; the sweep will do it",
        );
        let published = self.publish(batch).await;
        report(
            published,
            "events were not published; the sweep will find them",
        );
        batch.clear();
    }

    /// Publishes what is missing before the first event of every lane: after a queue that was full, a bus that was away,
    /// or in a lane that another runner had.
    async fn fill_before(&mut self, batch: &[Publication]) -> Result<(), Failed> {
        let mut first = BTreeMap::new();
        for Publication { position, .. } in batch {
            first.entry(position.lane).or_insert(position.number);
        }
        let last = |published: &[u64], lane: Lane| published[usize::from(lane.number())];
        first.retain(|lane, first| last(&self.published, *lane) + 1 < *first);
        if first.is_empty() {
            return Ok(());
        }
        self.published = self.house.bus.published().await?;
        for (lane, first) in first {
            self.fill(lane, first - 1).await?;
        }
        Ok(())
    }

    /// Asks the stream what it has, and publishes what it lacks of what was in the log at the sweep before. Younger
    /// events may still be under way, here or in another runner.
    async fn sweep(&mut self) -> Result<(), Failed> {
        let heads = self.house.log.heads().await?;
        self.published = self.house.bus.published().await?;
        for (lane, until) in Lane::all().zip(std::mem::replace(&mut self.settled, heads)) {
            self.fill(lane, until).await?;
        }
        Ok(())
    }

    /// Publishes a lane from the log, up to that number.
    async fn fill(&mut self, lane: Lane, until: u64) -> Result<(), Failed> {
        let index = usize::from(lane.number());
        while self.published[index] < until {
            let (from, before) = (self.published[index] + 1, self.published[index]);
            let limit = TOGETHER_MAX.min((until - before) as usize);
            let events = self.house.log.read(lane, from, limit).await?;
            let mut batch: Vec<Publication> = events.into_iter().map(publication).collect();
            self.publish(&mut batch).await?;
            if self.published[index] == before {
                return Err(format!("lane {lane} of the log lacks number {from}").into());
            }
        }
        Ok(())
    }

    /// Publishes, of these events, those that go on where their lanes end.
    async fn publish(&mut self, batch: &mut Vec<Publication>) -> Result<(), Failed> {
        let mut published = self.published.clone();
        batch.retain(|Publication { position, .. }| {
            let last = &mut published[usize::from(position.lane.number())];
            let goes_on = position.number == *last + 1;
            *last += u64::from(goes_on);
            goes_on
        });
        if batch.is_empty() {
            return Ok(());
        }
        self.house.bus.publish(batch).await?;
        self.published = published;
        metrics::counter!("runner_events_published_total").increment(batch.len() as u64);
        Ok(())
    }
}

fn report(ended: Result<(), Failed>, consequence: &'static str) {
    if let Err(error) = ended {
        tracing::warn!(error = &*error as &dyn Error, "{consequence}");
    }
}

/// An event of the log, for the public stream.
pub fn publication(event: LogEvent) -> Publication {
    Publication {
        position: event.position,
        system_id: event.owner.system_id().clone(),
        aggregate: event.aggregate,
        word: event.word,
        payload: event.payload,
    }
}
