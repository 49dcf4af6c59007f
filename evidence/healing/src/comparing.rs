//! Is the public stream what the log is? Event by event, a little at a time.

mod numbers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bus::{Before, Bus, BusError, Published, Stretch};
use event_log::{EventLog, Failure, LogEvent, Pace, Piece};
use futures::TryStreamExt as _;
use schemas::{Lane, Position, subjects};
use tokio::time::Instant;

use numbers::Numbers;

/// Events of the stream that are compared before the next look at the clock.
const STRETCH: usize = 256;
/// About 256 events a second are compared where there is time for it, and fewer where there is not.
const PACE: Pace = Pace::OF_COMPARISONS;
/// How far apart rounds are kept.
const ROUND_PACE: Duration = Duration::from_secs(10);

/// What the stream has otherwise than the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamDifference {
    /// Another event.
    #[error("the stream has another event than the log at lane {} number {}", .0.lane, .0.number)]
    Altered(Position),
    /// One that the log does not have.
    #[error("the stream has an event at lane {} number {}, and the log has none there", .0.lane, .0.number)]
    Invented(Position),
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
}

/// Compares the stream with the log over and over, until `shutdown` comes. What differs is told, and counted in
/// `stream_differences_total`.
pub async fn watch(log: Arc<dyn EventLog>, bus: Arc<dyn Bus>, shutdown: impl Future<Output = ()>) {
    let rounds = async {
        loop {
            tokio::time::sleep(ROUND_PACE).await;
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

/// Compares what the stream has when the round begins.
async fn round(log: &dyn EventLog, bus: &dyn Bus) -> Result<(), ComparingError> {
    let mut stretches = bus.stretches(STRETCH).await?;
    let mut comparison = Comparison::of(log);
    let mut begin = Instant::now();
    while let Some(stretch) = stretches.try_next().await? {
        tell(&comparison.take(&stretch).await?);
        metrics::gauge!("stream_comparison_left_events").set(stretch.left as f64);
        tokio::time::sleep(PACE.rest(begin.elapsed())).await;
        begin = Instant::now();
    }
    tell(&comparison.missing());
    Ok(())
}

fn tell(differences: &[StreamDifference]) {
    for difference in differences {
        metrics::counter!("stream_differences_total").increment(1);
        tracing::error!(%difference, "the public stream is not what the log is");
    }
}

/// Compares what the stream has when this begins, without a pause. `progress` hears how many events were compared, and of how
/// many.
pub async fn compare(
    log: &dyn EventLog,
    bus: &dyn Bus,
    mut progress: impl FnMut(u64, u64),
) -> Result<Compared, ComparingError> {
    let mut stretches = bus.stretches(STRETCH).await?;
    let mut comparison = Comparison::of(log);
    let (mut done, mut differences) = (0, Vec::new());
    while let Some(stretch) = stretches.try_next().await? {
        differences.extend(comparison.take(&stretch).await?);
        done += stretch.events.len() as u64;
        progress(done, done + stretch.left);
    }
    differences.extend(comparison.missing());
    Ok(Compared {
        same: comparison.same,
        forgotten: comparison.forgotten(),
        differences,
    })
}

/// One walk along the stream.
struct Comparison<'a> {
    log: &'a dyn EventLog,
    /// What came of every lane, by lane number.
    lanes: Vec<Numbers>,
    same: u64,
    /// Did the walk begin where the stream did?
    is_whole: bool,
}

impl<'a> Comparison<'a> {
    fn of(log: &'a dyn EventLog) -> Self {
        Self {
            log,
            lanes: Lane::all().map(|_| Numbers::default()).collect(),
            same: 0,
            is_whole: false,
        }
    }

    /// Compares the next events of the stream. What is published is in the log: it is read later, and has them all.
    async fn take(&mut self, stretch: &Stretch) -> Result<Vec<StreamDifference>, ComparingError> {
        let mut differences = Vec::new();
        match stretch.before {
            Before::Nothing => self.is_whole = true,
            Before::Stretch => {}
            Before::Forgotten => {
                // Nobody can say any more whether all of it came: every lane begins anew.
                differences = self.missing();
                self.lanes.fill_with(Numbers::default);
                self.is_whole = false;
            }
        }
        let events = &stretch.events;
        let rows = self.log.read_pieces(&pieces(events)).await?;
        let rows = rows.into_iter().map(|row| (row.position, row));
        let rows: HashMap<Position, LogEvent> = rows.collect();
        for event in events {
            let Position { lane, number } = event.position;
            let is_new = self.lanes[usize::from(lane.number())].take(number);
            match rows.get(&event.position) {
                None => differences.push(StreamDifference::Invented(event.position)),
                Some(row) if !is_same(row, event) => {
                    differences.push(StreamDifference::Altered(event.position));
                }
                Some(_) => self.same += u64::from(is_new),
            }
        }
        Ok(differences)
    }

    /// What has not come though later ones have. A lane may have no beginning any more where the stream has none.
    fn missing(&self) -> Vec<StreamDifference> {
        let lanes = Lane::all().zip(&self.lanes);
        let missing = lanes.flat_map(|(lane, numbers)| {
            let beginning = (self.is_whole && numbers.before() > 0).then(|| (1, numbers.before()));
            let missing = beginning.into_iter().chain(numbers.missing());
            missing.map(move |(from, to)| StreamDifference::Missing { lane, from, to })
        });
        missing.collect()
    }

    /// How many the stream has had, and keeps no more.
    fn forgotten(&self) -> u64 {
        if self.is_whole {
            return 0;
        }
        self.lanes.iter().map(Numbers::before).sum()
    }
}

/// Where these events lie in the log.
fn pieces(events: &[Published]) -> Vec<Piece> {
    let mut positions: Vec<Position> = events.iter().map(|event| event.position).collect();
    positions.sort_unstable();
    let mut pieces: Vec<Piece> = Vec::new();
    for position in positions {
        match pieces.last_mut() {
            Some(piece)
                if piece.lane == position.lane
                    && position.number <= piece.last.saturating_add(1) =>
            {
                piece.last = position.number;
            }
            _ => pieces.push(Piece::one(position)),
        }
    }
    pieces
}

fn is_same(row: &LogEvent, published: &Published) -> bool {
    let system_id = row.owner.system_id();
    let subject = subjects::event(row.position.lane, system_id, &row.aggregate, &row.word);
    published.payload == row.payload && subject == published.subject
}

#[cfg(test)]
mod tests;
