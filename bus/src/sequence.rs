//! Order in a lane: what a reader has seen, what is missing, what came late.

use std::collections::{BTreeMap, VecDeque};

use crate::port::{Published, StreamEvent};

/// How many separate gaps a reader remembers. An event that fills a forgotten gap is dropped: its reader was told of the
/// hole and has fetched it from the log.
const GAPS_MAX: usize = 1024;

/// Turns published events of one lane, as they lie on the stream, into what a reader sees.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// The number expected next.
    next: u64,
    /// Gaps that were reported and not filled: first number to last.
    gaps: BTreeMap<u64, u64>,
}

impl Sequence {
    /// A reader that starts at that number.
    pub(crate) fn starting_at(from: u64) -> Self {
        Self {
            next: from.max(1),
            gaps: BTreeMap::new(),
        }
    }

    /// Takes the next event off the stream; appends what its reader sees of it: nothing for a repetition, a hole and the
    /// event after a gap, the event alone otherwise, also when it fills a gap that was reported before.
    pub(crate) fn take(&mut self, event: Published, seen: &mut VecDeque<StreamEvent>) {
        let number = event.position.number;
        if number > self.next {
            let hole = (self.next, number - 1);
            seen.push_back(StreamEvent::Hole {
                from: hole.0,
                to: hole.1,
            });
            self.remember(hole);
        } else if number < self.next && !self.fill(number) {
            return;
        }
        self.next = self.next.max(number + 1);
        seen.push_back(StreamEvent::Event(event));
    }

    fn remember(&mut self, (from, to): (u64, u64)) {
        if self.gaps.len() == GAPS_MAX {
            self.gaps.pop_first();
        }
        self.gaps.insert(from, to);
    }

    /// Whether that number was missing; from now on it is not.
    fn fill(&mut self, number: u64) -> bool {
        let Some((&from, &to)) = self.gaps.range(..=number).next_back() else {
            return false;
        };
        if number > to {
            return false;
        }
        self.gaps.remove(&from);
        if from < number {
            self.gaps.insert(from, number - 1);
        }
        if number < to {
            self.gaps.insert(number + 1, to);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use schemas::{Lane, Position};

    use super::*;

    /// What a reader from `from` on sees: numbers for events, ranges for holes.
    fn seen(from: u64, stream: &[u64]) -> Vec<(u64, u64)> {
        let mut sequence = Sequence::starting_at(from);
        let mut seen = VecDeque::new();
        for &number in stream {
            let position = Position {
                lane: Lane::all().next().unwrap(),
                number,
            };
            let event = Published {
                position,
                subject: String::new(),
                payload: Bytes::new(),
            };
            sequence.take(event, &mut seen);
        }
        seen.into_iter()
            .map(|event| match event {
                StreamEvent::Event(event) => (event.position.number, event.position.number),
                StreamEvent::Hole { from, to } => (from, to),
            })
            .collect()
    }

    #[test]
    fn events_in_order_pass_and_repetitions_do_not() {
        assert_eq!(seen(1, &[1, 2, 2, 1, 3]), [(1, 1), (2, 2), (3, 3)]);
    }

    #[test]
    fn a_hole_is_told_before_the_event_after_it() {
        assert_eq!(seen(1, &[1, 5]), [(1, 1), (2, 4), (5, 5)]);
    }

    #[test]
    fn a_hole_that_is_filled_later_is_seen_once() {
        assert_eq!(
            seen(1, &[1, 5, 3, 3, 2, 4, 4, 6]),
            [(1, 1), (2, 4), (5, 5), (3, 3), (2, 2), (4, 4), (6, 6)]
        );
    }

    #[test]
    fn what_lies_before_the_start_is_not_seen() {
        assert_eq!(seen(3, &[1, 2, 3, 2]), [(3, 3)]);
        assert_eq!(seen(0, &[1]), [(1, 1)]);
    }

    #[test]
    fn forgotten_gaps_stay_bounded() {
        let numbers: Vec<u64> = (1..=5000).map(|n| n * 2).collect();
        let mut sequence = Sequence::starting_at(1);
        let mut out = VecDeque::new();
        for number in numbers {
            let position = Position {
                lane: Lane::all().next().unwrap(),
                number,
            };
            sequence.take(
                Published {
                    position,
                    subject: String::new(),
                    payload: Bytes::new(),
                },
                &mut out,
            );
        }
        assert_eq!(sequence.gaps.len(), GAPS_MAX);
    }
}
