//! The public events of one lane, the newest of them kept for readers that come late.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use schemas::subjects;
use tokio::sync::watch;

use crate::port::{Publication, Published, StreamEvent};
use crate::sequence::Sequence;

/// How many events a reader takes at once.
const READ_MAX: usize = 256;

/// The events of one lane in the order they were published.
#[derive(Debug)]
pub(super) struct EventRing {
    kept_max: usize,
    kept: Mutex<Kept>,
    /// Index after the newest event, for readers that wait.
    grown: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Index of the oldest event still kept; the first event ever published had index 0.
    first_index: u64,
    events: VecDeque<Published>,
    /// Numbers of the kept events: one of them is not kept twice.
    numbers: BTreeSet<u64>,
    /// Number of the last event that was published; 0 for none.
    last: u64,
}

impl EventRing {
    pub(super) fn new(kept_max: usize) -> Self {
        Self {
            kept_max: kept_max.max(1),
            kept: Mutex::default(),
            grown: watch::Sender::new(0),
        }
    }

    pub(super) fn publish(&self, event: &Publication) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.numbers.insert(event.position.number) {
            return;
        }
        kept.last = event.position.number;
        kept.events.push_back(Published {
            position: event.position,
            subject: subjects::event(
                event.position.lane,
                &event.system_id,
                &event.aggregate,
                &event.word,
            ),
            payload: event.payload.clone(),
        });
        if kept.events.len() > self.kept_max
            && let Some(oldest) = kept.events.pop_front()
        {
            kept.numbers.remove(&oldest.position.number);
            kept.first_index += 1;
        }
        let after = kept.first_index + kept.events.len() as u64;
        self.grown.send_replace(after);
    }

    /// Number of the event that was published last; 0 for none.
    pub(super) fn last(&self) -> u64 {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last
    }

    /// What is kept now.
    pub(super) fn kept(&self) -> Vec<Published> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.events.iter().cloned().collect()
    }

    /// What a reader from number `from` on sees.
    pub(super) fn read(ring: Arc<Self>, from: u64) -> BoxStream<'static, StreamEvent> {
        let reader = Reader {
            grown: ring.grown.subscribe(),
            ring,
            index: 0,
            sequence: Sequence::starting_at(from),
            seen: VecDeque::new(),
        };
        futures::stream::unfold(reader, |mut reader| async move {
            let event = reader.next().await;
            Some((event, reader))
        })
        .boxed()
    }

    /// Events from that index on, and the index after them. A reader that fell behind continues with the oldest kept.
    fn page(&self, index: u64) -> (Vec<Published>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = index.saturating_sub(kept.first_index) as usize;
        let events: Vec<Published> = kept
            .events
            .iter()
            .skip(skipped)
            .take(READ_MAX)
            .cloned()
            .collect();
        let after = index.max(kept.first_index) + events.len() as u64;
        (events, after)
    }
}

struct Reader {
    ring: Arc<EventRing>,
    grown: watch::Receiver<u64>,
    index: u64,
    sequence: Sequence,
    seen: VecDeque<StreamEvent>,
}

impl Reader {
    async fn next(&mut self) -> StreamEvent {
        loop {
            if let Some(event) = self.seen.pop_front() {
                return event;
            }
            let wanted = self.index;
            self.grown
                .wait_for(|after| *after > wanted)
                .await
                .expect("the ring, and with it the sender, lives as long as its readers");
            let (events, after) = self.ring.page(self.index);
            self.index = after;
            for event in events {
                self.sequence.take(event, &mut self.seen);
            }
        }
    }
}
