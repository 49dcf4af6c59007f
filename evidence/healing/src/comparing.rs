//! Is the public stream what the log is? Event by event, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, Published, StreamEvent};
use event_log::{EventLog, Failure, LogEvent};
use futures::StreamExt as _;
use schemas::{Lane, Position, subjects};

/// Events of a lane that are compared before the next look at the clock.
const STRETCH: u64 = 256;
/// How far apart stretches are kept: about 256 events a second are compared.
const PACE: Duration = Duration::from_secs(1);
/// How far apart lanes are kept: each costs the server a consumer.
const LANE_PACE: Duration = Duration::from_secs(10);
/// Longest wait for an event that the stream should have.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the stream has otherwise than the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamDifference {
    /// Another event.
    #[error("the stream has another event than the log at lane {} number {}", .0.lane, .0.number)]
    Altered(Position),
    /// None, though it has later ones.
    #[error("the stream lacks numbers {from} to {to} of lane {lane}")]
    Missing {
        /// Which lane.
        lane: Lane,
        /// First number.
        from: u64,
        /// Last number.
        to: u64,
    },
}

/// How a comparison ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Events that are the same.
    pub same: u64,
    /// Events at the beginning that the stream does not keep any more.
    pub forgotten: u64,
    /// What differs.
    pub differences: Vec<StreamDifference>,
}

/// Why they could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ComparingError {
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// The stream.
    #[error("cannot read the stream")]
    Bus(#[from] BusError),
    /// The stream says nothing.
    #[error("the stream does not deliver lane {0} in time")]
    Silent(Lane),
}

/// Compares all lanes over and over, until `shutdown` comes. What differs is told, and counted in
/// `stream_differences_total`.
pub async fn watch(log: Arc<dyn EventLog>, bus: Arc<dyn Bus>, shutdown: impl Future<Output = ()>) {
    let rounds = async {
        loop {
            tokio::time::sleep(LANE_PACE).await;
            match round(&*log, &*bus).await {
                Ok(()) => metrics::counter!("stream_comparisons_total").increment(1),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "the stream cannot be compared with the log");
                }
            }
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = rounds => {}
    }
}

/// Compares what both have when the round begins.
async fn round(log: &dyn EventLog, bus: &dyn Bus) -> Result<(), ComparingError> {
    for (lane, end) in Lane::all().zip(both(log, bus).await?) {
        if end > 0 {
            tell(&compare_until(log, bus, lane, end, PACE).await?);
            tokio::time::sleep(LANE_PACE).await;
        }
    }
    Ok(())
}

/// How far both have every lane, by lane number.
async fn both(log: &dyn EventLog, bus: &dyn Bus) -> Result<Vec<u64>, ComparingError> {
    // What is published is in the log: asked in this order, neither is behind.
    let published = bus.published().await?;
    let heads = log.heads().await?;
    let ends = published.into_iter().zip(heads);
    Ok(ends.map(|(stream, log)| stream.min(log)).collect())
}

fn tell(compared: &Compared) {
    for difference in &compared.differences {
        metrics::counter!("stream_differences_total").increment(1);
        tracing::error!(%difference, "the public stream is not what the log is");
    }
}

/// Compares all lanes, as far as both have them when this begins, without a pause. `progress` hears of every lane.
pub async fn compare(
    log: &dyn EventLog,
    bus: &dyn Bus,
    mut progress: impl FnMut(),
) -> Result<Compared, ComparingError> {
    let mut all = Compared::default();
    for (lane, end) in Lane::all().zip(both(log, bus).await?) {
        let compared = compare_until(log, bus, lane, end, Duration::ZERO).await?;
        all.same += compared.same;
        all.forgotten += compared.forgotten;
        all.differences.extend(compared.differences);
        progress();
    }
    Ok(all)
}

/// Compares one lane up to that number, with a pause after every 256 events.
async fn compare_until(
    log: &dyn EventLog,
    bus: &dyn Bus,
    lane: Lane,
    end: u64,
    pace: Duration,
) -> Result<Compared, ComparingError> {
    let mut compared = Compared::default();
    if end == 0 {
        return Ok(compared);
    }
    let mut stream = bus.events(lane, 1).await?;
    let (mut next, mut rows) = (1, Vec::<LogEvent>::new().into_iter());
    while next <= end {
        let heard = tokio::time::timeout(PATIENCE, stream.next()).await;
        match heard.ok().flatten().ok_or(ComparingError::Silent(lane))? {
            StreamEvent::Hole { from, to } => {
                let (from, to) = (from.max(next), to.min(end));
                if next == 1 {
                    // A stream does not keep its beginning for ever.
                    compared.forgotten = to;
                } else if from <= to {
                    let missing = StreamDifference::Missing { lane, from, to };
                    compared.differences.push(missing);
                }
                next = to + 1;
                rows = Vec::new().into_iter();
            }
            StreamEvent::Event(published) => {
                if published.position.number < next {
                    continue;
                }
                if rows.len() == 0 {
                    let limit = STRETCH.min(end + 1 - next) as usize;
                    rows = log.read(lane, next, limit).await?.into_iter();
                    tokio::time::sleep(pace).await;
                }
                match rows.next() {
                    Some(row) if is_same(&row, &published) => compared.same += 1,
                    _ => {
                        let altered = StreamDifference::Altered(published.position);
                        compared.differences.push(altered);
                    }
                }
                next = published.position.number + 1;
            }
        }
    }
    Ok(compared)
}

fn is_same(row: &LogEvent, published: &Published) -> bool {
    let system_id = row.owner.system_id();
    let subject = subjects::event(row.position.lane, system_id, &row.aggregate, &row.word);
    row.position == published.position
        && published.payload == row.payload
        && subject == published.subject
}

#[cfg(test)]
mod tests;
