//! The log once more, from a place to a place: all lanes in one order, or into read models of their own.
//!
//! The order is by time as far as the order within each lane permits, and of one time the lower lane first: the same for
//! everybody, however much is read at once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use event_log::{EventLog, Failure};
use schemas::envelope::RecordedEvent;
use schemas::{Lane, Owner, Position, SystemId};

use crate::reading::{self, ReadError, Wanted};

/// Events of a lane that are read ahead.
const AHEAD: u64 = 256;

/// Which events are replayed; what is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this lane.
    pub lane: Option<Lane>,
    /// Only of this owner.
    pub owner: Option<Owner>,
    /// Only of this system and its users.
    pub system_id: Option<SystemId>,
    /// Only with this word.
    pub word: Option<String>,
}

/// Why a replay ends early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// The log holds something that this program cannot read.
    #[error("a lane of the log cannot be replayed")]
    Lane(#[from] ReadError),
}

impl Filter {
    /// Does it take this event?
    pub fn takes(&self, event: &RecordedEvent) -> bool {
        let owner = &event.owner;
        self.owner.as_ref().is_none_or(|only| only == owner)
            && self
                .system_id
                .as_ref()
                .is_none_or(|only| only == owner.system_id())
            && self
                .word
                .as_ref()
                .is_none_or(|only| only == event.event.word())
    }

    /// Leaves lanes that it takes nothing of at their beginning.
    pub fn narrow(&self, counts: &mut [u64]) {
        let of_owner = self.owner.as_ref().map(Lane::of);
        for only in [self.lane, of_owner].into_iter().flatten() {
            for (lane, count) in Lane::all().zip(counts.iter_mut()) {
                if lane != only {
                    *count = 0;
                }
            }
        }
    }
}

/// The events between two places, in their order.
#[derive(Debug)]
pub struct Replay {
    log: Arc<dyn EventLog>,
    filter: Filter,
    read: Vec<u64>,
    until: Vec<u64>,
    ahead: Vec<VecDeque<(Position, RecordedEvent)>>,
    /// The newest time of every lane so far.
    latest: Vec<i64>,
    /// The head of every lane with one: time and lane.
    heads: BTreeSet<(i64, u8)>,
    done: u64,
}

impl Replay {
    /// From after these numbers of the lanes to those.
    pub fn new(
        log: Arc<dyn EventLog>,
        from: Vec<u64>,
        mut until: Vec<u64>,
        filter: Filter,
    ) -> Self {
        filter.narrow(&mut until);
        let lanes = usize::from(Lane::COUNT);
        Self {
            log,
            filter,
            read: from,
            until,
            ahead: vec![VecDeque::new(); lanes],
            latest: vec![i64::MIN; lanes],
            heads: BTreeSet::new(),
            done: 0,
        }
    }

    /// How many events there are to read, whether the filter takes them or not.
    pub fn total(&self) -> u64 {
        let left = self.until.iter().zip(&self.read);
        let left: u64 = left.map(|(until, read)| until.saturating_sub(*read)).sum();
        let ahead: usize = self.ahead.iter().map(VecDeque::len).sum();
        self.done + left + ahead as u64
    }

    /// How many of them were read.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The next event that the filter takes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<(Position, RecordedEvent)>, ReplayError> {
        loop {
            self.read_ahead().await?;
            let Some((_, lane)) = self.heads.pop_first() else {
                return Ok(None);
            };
            let lane = usize::from(lane);
            let next = self.ahead[lane].pop_front();
            let (position, event) = next.expect("a lane with a head has an event");
            self.note_head(lane);
            self.done += 1;
            if self.filter.takes(&event) {
                return Ok(Some((position, event)));
            }
        }
    }

    /// Sees to it that every lane that goes on has an event at hand.
    async fn read_ahead(&mut self) -> Result<(), ReplayError> {
        let goes_on = |lane: usize| self.read[lane] < self.until[lane];
        let is_dry = |lane: usize| self.ahead[lane].is_empty() && goes_on(lane);
        if !(0..self.ahead.len()).any(is_dry) {
            return Ok(());
        }
        // The others that will soon be dry come along.
        let wanted = Lane::all().filter_map(|lane| {
            let index = usize::from(lane.number());
            let few = self.ahead[index].len() < AHEAD as usize / 4;
            let after = self.read[index];
            let limit = self.until[index].saturating_sub(after).min(AHEAD) as usize;
            (few && limit > 0).then_some(Wanted { lane, after, limit })
        });
        let wanted: Vec<Wanted> = wanted.collect();
        for slice in reading::read(&*self.log, &wanted).await? {
            let lane = usize::from(slice.wanted.lane.number());
            self.read[lane] = slice.end();
            let was_dry = self.ahead[lane].is_empty();
            self.ahead[lane].extend(slice.events);
            if was_dry {
                self.note_head(lane);
            }
            if let Some(stopped) = slice.stopped {
                return Err(stopped.into());
            }
        }
        Ok(())
    }

    fn note_head(&mut self, lane: usize) {
        if let Some((_, event)) = self.ahead[lane].front() {
            let latest = self.latest[lane].max(event.recorded_at.0);
            self.latest[lane] = latest;
            self.heads.insert((latest, lane as u8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{History, SYSTEM};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn sample() -> History {
        let mut history = History::new();
        for number in 0..7 {
            history
                .live(&History::user(&format!("sample-{number}")), 200)
                .await;
        }
        history
    }

    async fn replayed(
        history: &History,
        filter: Filter,
    ) -> Result<Vec<(Position, RecordedEvent)>, ReplayError> {
        let until = history.log.heads().await?;
        let mut replay = Replay::new(history.log.clone(), vec![0; 64], until, filter);
        let total = replay.total();
        let mut found = Vec::new();
        while let Some(event) = replay.next().await? {
            found.push(event);
            assert_eq!(replay.total(), total);
        }
        assert_eq!(replay.done(), total);
        Ok(found)
    }

    #[tokio::test]
    async fn all_lanes_come_in_one_order() -> Outcome {
        let history = sample().await;
        let found = replayed(&history, Filter::default()).await?;
        assert_eq!(found.len(), 7 * 402);
        assert!(found.is_sorted_by_key(|(_, event)| event.recorded_at));
        let lanes: BTreeSet<_> = found.iter().map(|(at, _)| at.lane).collect();
        assert!(lanes.len() > 2);
        Ok(())
    }

    #[tokio::test]
    async fn a_filter_narrows() -> Outcome {
        let history = sample().await;
        let owner = History::user("sample-3");
        let everything = Filter::default();
        for (filter, expected) in [
            (
                Filter {
                    owner: Some(owner.clone()),
                    ..everything.clone()
                },
                402,
            ),
            (
                Filter {
                    word: Some("create_user".to_owned()),
                    ..everything.clone()
                },
                7,
            ),
            (
                Filter {
                    system_id: Some(SYSTEM.parse()?),
                    ..everything.clone()
                },
                7 * 402,
            ),
            (
                Filter {
                    system_id: Some("other".parse()?),
                    ..everything.clone()
                },
                0,
            ),
        ] {
            assert_eq!(
                replayed(&history, filter.clone()).await?.len(),
                expected,
                "{filter:?}"
            );
        }
        let lane = Lane::of(&owner);
        let of_lane = replayed(
            &history,
            Filter {
                lane: Some(lane),
                ..everything
            },
        )
        .await?;
        assert!(of_lane.len() >= 402 && of_lane.iter().all(|(at, _)| at.lane == lane));
        Ok(())
    }
}
