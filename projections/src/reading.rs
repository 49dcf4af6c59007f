//! Reading the log, lane by lane, decoded and checked for holes.

use std::collections::BTreeMap;

use event_log::{EventLog, Failure, Frame, Piece};
use schemas::codec::{self, DecodeError};
use schemas::envelope::RecordedEvent;
use schemas::{Lane, Position};

/// What is to be read of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which lane.
    pub lane: Lane,
    /// The number that was read last; 0 before the first.
    pub after: u64,
    /// How many events; the lane is known to have them.
    pub limit: usize,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Most events of one lane.
    pub lane: u64,
    /// Most events of all lanes together; it is exceeded by less than one lane's share.
    pub all: u64,
}

/// The usual portion.
pub const PORTION: Portion = Portion {
    lane: 1024,
    all: 4096,
};

impl Portion {
    /// What comes next of every lane that was read up to `at` and goes on to `until`, both by lane number; of the lanes the
    /// one with number `first` has its turn first.
    pub fn of(self, at: &[u64], until: &[u64], first: usize) -> Vec<Wanted> {
        let (mut wanted, mut events) = (Vec::new(), 0);
        let lanes = Lane::all().cycle().skip(first);
        for lane in lanes.take(Lane::COUNT.into()) {
            let index = usize::from(lane.number());
            let after = at[index];
            let limit = until[index].saturating_sub(after).min(self.lane);
            if limit > 0 && events < self.all {
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
}

/// What was read of a lane.
#[derive(Debug)]
pub struct Slice {
    /// What was asked.
    pub wanted: Wanted,
    /// The events that follow, without a gap.
    pub events: Vec<(Position, RecordedEvent)>,
    /// Why it ends here, when it was not for want of events.
    pub stopped: Option<ReadError>,
}

/// Why a lane cannot be read on. The other lanes can.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The event is not one this program knows: a newer one wrote it, and a newer one must read it.
    #[error("cannot decode the event at {position}")]
    Decode {
        /// Where it lies.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The lane promises dense numbers and does not keep it.
    #[error("lane {lane} of the log has a hole: expected number {expected}, found {found}")]
    Hole {
        /// Which lane.
        lane: Lane,
        /// The number that should come next.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The lane ends before the number that was said to be its last.
    #[error("lane {lane} of the log ends before number {expected}, which it should have")]
    Missing {
        /// Which lane.
        lane: Lane,
        /// The first number that is missing.
        expected: u64,
    },
}

impl Slice {
    /// The number that has been read last, after this slice.
    pub fn end(&self) -> u64 {
        self.wanted.after + self.events.len() as u64
    }

    /// Decodes what was found, as far as it goes without a hole.
    fn of(wanted: Wanted, found: Vec<Frame>) -> Self {
        let Wanted { lane, limit, .. } = wanted;
        let mut slice = Self {
            wanted,
            events: Vec::with_capacity(limit),
            stopped: None,
        };
        for frame in found {
            let (position, expected) = (frame.position, slice.end() + 1);
            if position.number != expected {
                let found = position.number;
                slice.stopped = Some(ReadError::Hole {
                    lane,
                    expected,
                    found,
                });
                return slice;
            }
            match codec::decode(&frame.payload) {
                Ok(recorded) => slice.events.push((position, recorded)),
                Err(source) => {
                    slice.stopped = Some(ReadError::Decode { position, source });
                    return slice;
                }
            }
        }
        if slice.events.len() < limit {
            let expected = slice.end() + 1;
            slice.stopped = Some(ReadError::Missing { lane, expected });
        }
        slice
    }
}

/// Reads these pieces, all at once.
pub async fn read(log: &dyn EventLog, wanted: &[Wanted]) -> Result<Vec<Slice>, Failure> {
    let fetched = fetch(log, wanted).await?;
    Ok(fetched.into_iter().map(Fetched::decode).collect())
}

/// What was read of a lane, as it is stored.
pub(crate) struct Fetched {
    wanted: Wanted,
    found: Vec<Frame>,
}

impl Fetched {
    /// Decodes it, which takes longer than reading it.
    pub fn decode(self) -> Slice {
        Slice::of(self.wanted, self.found)
    }
}

/// Reads these pieces as they are stored.
pub(crate) async fn fetch(log: &dyn EventLog, wanted: &[Wanted]) -> Result<Vec<Fetched>, Failure> {
    let pieces: Vec<Piece> = wanted.iter().map(Wanted::piece).collect();
    let mut found: BTreeMap<Lane, Vec<Frame>> = BTreeMap::new();
    for frame in log.read_frames(&pieces).await? {
        found.entry(frame.position.lane).or_default().push(frame);
    }
    let fetched = wanted.iter().map(|wanted| Fetched {
        wanted: *wanted,
        found: found.remove(&wanted.lane).unwrap_or_default(),
    });
    Ok(fetched.collect())
}

impl Wanted {
    fn piece(&self) -> Piece {
        Piece {
            lane: self.lane,
            first: self.after + 1,
            last: self.after + self.limit as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::History;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// A lane that is not what it promises is read up to there, and not one event further.
    #[tokio::test]
    async fn a_lane_is_read_up_to_what_is_wrong_with_it() -> Outcome {
        let mut history = History::new();
        let user = History::user("sample-1");
        let last = history.live(&user, 3).await;
        let wanted = Wanted {
            lane: last.lane,
            after: 0,
            limit: last.number as usize,
        };
        let fetched = fetch(&*history.log, &[wanted]).await?.remove(0);
        let read = |change: &dyn Fn(&mut Vec<Frame>)| {
            let mut found = fetched.found.clone();
            change(&mut found);
            let slice = Fetched { wanted, found }.decode();
            let positions = slice.events.iter().map(|(position, _)| position.number);
            assert!(positions.eq(1..=slice.end()));
            (
                slice.end(),
                slice.stopped.map(|stopped| stopped.to_string()),
            )
        };
        assert_eq!(read(&|_| ()), (last.number, None));
        let (end, stopped) = read(&|found| drop(found.remove(2)));
        assert_eq!(end, 2);
        assert!(stopped.is_some_and(|it| it.ends_with("a hole: expected number 3, found 4")));
        let (end, stopped) = read(&|found| found.swap(0, 1));
        assert_eq!(end, 0);
        assert!(stopped.is_some_and(|it| it.ends_with("a hole: expected number 1, found 2")));
        let (end, stopped) = read(&|found| found.truncate(4));
        assert_eq!(end, 4);
        assert!(stopped.is_some_and(|it| it.contains("ends before number 5")));
        let (end, stopped) = read(&|found| found[1].payload.truncate(3));
        assert_eq!(end, 1);
        assert!(stopped.is_some_and(|it| it.starts_with("cannot decode the event at")));
        Ok(())
    }
}
