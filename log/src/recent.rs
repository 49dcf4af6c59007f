//! What was appended last, in memory: whoever follows the log reads it a moment later, and need not ask the store.
//!
//! Only what this process appended, and what the store has confirmed, is kept; an event never changes, so it cannot become
//! wrong. Everything else is asked of the store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::{Lane, Position};

use crate::commit::Commit;
use crate::port::{AppendError, Appended, Epoch, EventLog, Failure, Frame, LogEvent, Piece};

/// Bytes of payloads that are kept of each lane; at 4,000 events a second over all lanes that is some seconds.
const LANE_BYTES: usize = 256 << 10;

/// A log with the newest of what was appended through it in memory.
#[derive(Debug)]
pub struct Recent {
    log: Arc<dyn EventLog>,
    lanes: Vec<Mutex<Kept>>,
}

/// The newest events of a lane, without a gap.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<LogEvent>,
    bytes: usize,
}

impl Recent {
    /// Over this log.
    pub fn over(log: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        let lanes = Lane::all().map(|_| Mutex::default()).collect();
        Arc::new(Self { log, lanes })
    }

    /// What is here of these pieces, and the pieces that are not.
    fn known<Taken>(
        &self,
        pieces: &[Piece],
        take: impl Fn(&LogEvent) -> Taken,
    ) -> (Vec<Taken>, Vec<Piece>) {
        let (mut taken, mut others) = (Vec::new(), Vec::new());
        for piece in pieces {
            match self.kept(piece.lane).piece(*piece) {
                Some(kept) => taken.extend(kept.map(&take)),
                None => others.push(*piece),
            }
        }
        (taken, others)
    }

    fn kept(&self, lane: Lane) -> MutexGuard<'_, Kept> {
        let kept = self.lanes[usize::from(lane.number())].lock();
        kept.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Takes up what was appended from number `first` on.
    fn extend(&mut self, lane: Lane, first: u64, group: &[Commit]) {
        let last = self.events.back().map(|event| event.position.number);
        if last.is_some_and(|last| last + 1 != first) {
            // Somebody else appended in between.
            *self = Self::default();
        }
        let mut number = first;
        for commit in group {
            for (version, event) in (commit.expected_version + 1..).zip(&commit.events) {
                self.bytes += event.payload.len();
                self.events.push_back(LogEvent {
                    position: Position { lane, number },
                    owner: commit.owner.clone(),
                    version,
                    word: event.word.clone(),
                    aggregate: event.aggregate.clone(),
                    at: event.at,
                    payload: event.payload.clone(),
                });
                number += 1;
            }
        }
        while self.bytes > LANE_BYTES
            && let Some(forgotten) = self.events.pop_front()
        {
            self.bytes -= forgotten.payload.len();
        }
    }

    /// The events of a piece; `None` unless all of them are here.
    fn piece(&self, piece: Piece) -> Option<impl Iterator<Item = &LogEvent>> {
        let first = self.events.front()?.position.number;
        let from = usize::try_from(piece.first.checked_sub(first)?).ok()?;
        let until = usize::try_from((piece.last + 1).checked_sub(first)?).ok()?;
        (from <= until && until <= self.events.len()).then(|| self.events.range(from..until))
    }
}

impl EventLog for Recent {
    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        let appending = async move {
            let appended = self.log.append(lane, epoch, group).await?;
            self.kept(lane).extend(lane, appended.first, group);
            Ok(appended)
        };
        appending.boxed()
    }

    fn read_pieces<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        let reading = async move {
            let (mut events, others) = self.known(pieces, LogEvent::clone);
            if !others.is_empty() {
                events.extend(self.log.read_pieces(&others).await?);
            }
            Ok(events)
        };
        reading.boxed()
    }

    fn read_frames<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<Frame>, Failure>> {
        let reading = async move {
            let (mut frames, others) = self.known(pieces, |event| Frame {
                position: event.position,
                payload: event.payload.clone(),
            });
            if !others.is_empty() {
                frames.extend(self.log.read_frames(&others).await?);
            }
            Ok(frames)
        };
        reading.boxed()
    }

    fn restore<'a>(&'a self, event: &'a LogEvent) -> BoxFuture<'a, Result<(), Failure>> {
        *self.kept(event.position.lane) = Kept::default();
        self.log.restore(event)
    }

    crate::pass_on!(log: open_lane, load, read, heads, find_command, vault, kept_of, count, erase, due_timers);
}

#[cfg(test)]
mod tests {
    use schemas::{Owner, Timestamp};

    use super::*;
    use crate::commit::NewEvent;

    fn lane() -> Lane {
        Lane::of(&owner())
    }

    fn owner() -> Owner {
        "bank/user".parse().expect("an owner")
    }

    fn commit(expected_version: u64, sizes: &[usize]) -> Commit {
        let events = sizes.iter().map(|size| NewEvent {
            word: "create_user".into(),
            aggregate: "users".into(),
            at: Timestamp(7),
            payload: vec![1; *size].into(),
        });
        Commit::of(owner(), expected_version, events.collect())
    }

    fn numbers(kept: &Kept, first: u64, last: u64) -> Option<Vec<u64>> {
        let lane = lane();
        let piece = kept.piece(Piece { lane, first, last })?;
        Some(piece.map(|event| event.position.number).collect())
    }

    #[test]
    fn a_piece_is_there_whole_or_not_at_all() {
        let mut kept = Kept::default();
        assert_eq!(numbers(&kept, 1, 1), None);
        kept.extend(lane(), 4, &[commit(3, &[1, 1]), commit(5, &[1])]);
        assert_eq!(numbers(&kept, 4, 6), Some(vec![4, 5, 6]));
        assert_eq!(numbers(&kept, 6, 6), Some(vec![6]));
        assert_eq!(numbers(&kept, 3, 6), None);
        assert_eq!(numbers(&kept, 6, 7), None);
    }

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let mut kept = Kept::default();
        kept.extend(lane(), 1, &[commit(0, &[LANE_BYTES - 1, 1])]);
        assert_eq!(numbers(&kept, 1, 2), Some(vec![1, 2]));
        kept.extend(lane(), 3, &[commit(2, &[1])]);
        assert_eq!(numbers(&kept, 1, 1), None);
        assert_eq!(numbers(&kept, 2, 3), Some(vec![2, 3]));
        assert_eq!(kept.bytes, 2);
    }

    #[test]
    fn what_somebody_else_appended_in_between_is_a_new_beginning() {
        let mut kept = Kept::default();
        kept.extend(lane(), 1, &[commit(0, &[1, 1])]);
        kept.extend(lane(), 4, &[commit(3, &[1])]);
        assert_eq!(numbers(&kept, 2, 2), None);
        assert_eq!(numbers(&kept, 4, 4), Some(vec![4]));
        assert_eq!(kept.bytes, 1);
    }
}
