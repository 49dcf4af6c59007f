//! Who runs which lane: everybody says that it lives, and everybody computes the same answer.
//!
//! No vote and no lock. Two members may believe in the same lane for a moment; the log's epoch makes that safe, and the
//! next heartbeat ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use schemas::{Digest, Lane, subjects};
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::port::{Bus, BusError};

/// How often a member says that it lives.
pub const HEARTBEAT: Duration = Duration::from_millis(500);

/// How long a silent member counts as living.
pub const SILENCE_MAX: Duration = Duration::from_secs(2);

/// A newcomer listens this long before it takes a lane: everybody who lives has spoken once.
pub const LISTENING: Duration = HEARTBEAT;

/// One runner among all that live. Dropping it without [`Self::leave`] looks like a crash to the others.
#[derive(Debug)]
pub struct Membership {
    lanes: watch::Receiver<BTreeSet<Lane>>,
    leave: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// What a member says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heartbeat {
    id: String,
    is_leaving: bool,
}

impl Membership {
    /// Joins under a name that no other member has: drawn at start, never configured.
    pub async fn join(bus: Arc<dyn Bus>, id: String) -> Result<Self, BusError> {
        let heard = bus.hear(subjects::heartbeat()).await?;
        let (mine, lanes) = watch::channel(BTreeSet::new());
        let (leave, leaving) = oneshot::channel();
        let member = Member {
            bus,
            circle: Circle::new(id, Instant::now()),
            mine,
        };
        Ok(Self {
            lanes,
            leave: Some(leave),
            task: tokio::spawn(member.run(heard, leaving)),
        })
    }

    /// The lanes to run now, and every change of them. Empty until the newcomer has listened, and after it has left.
    pub fn lanes(&self) -> watch::Receiver<BTreeSet<Lane>> {
        self.lanes.clone()
    }

    /// Leaves: the others take over at once. Stop running lanes first.
    pub async fn leave(mut self) {
        if let Some(leave) = self.leave.take() {
            // A task that is already gone has nothing to leave.
            let _ = leave.send(());
        }
        drop((&mut self.task).await);
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Member {
    bus: Arc<dyn Bus>,
    circle: Circle,
    mine: watch::Sender<BTreeSet<Lane>>,
}

impl Member {
    async fn run(
        mut self,
        mut heard: BoxStream<'static, Bytes>,
        mut leaving: oneshot::Receiver<()>,
    ) {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let listening = sleep(LISTENING);
        tokio::pin!(listening);
        let mut has_listened = false;
        loop {
            tokio::select! {
                _ = &mut leaving => break,
                () = &mut listening, if !has_listened => has_listened = true,
                _ = beat.tick() => self.say(false).await,
                message = heard.next() => match message {
                    Some(message) => self.hear(&message),
                    None => break,
                },
            }
            if has_listened {
                let mine = self.circle.lanes(Instant::now());
                self.publish(mine);
            }
        }
        self.say(true).await;
        self.publish(BTreeSet::new());
    }

    fn publish(&self, lanes: BTreeSet<Lane>) {
        self.mine.send_if_modified(|mine| {
            let has_changed = *mine != lanes;
            if has_changed {
                tracing::info!(lanes.count = lanes.len(), "the lanes to run have changed");
                *mine = lanes;
            }
            has_changed
        });
    }

    async fn say(&self, is_leaving: bool) {
        let heartbeat = Heartbeat {
            id: self.circle.id.clone(),
            is_leaving,
        };
        let bytes = rmp_serde::to_vec_named(&heartbeat).expect("a heartbeat is plain data");
        if let Err(error) = self.bus.tell(subjects::heartbeat(), bytes.into()).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a heartbeat was lost"
            );
        }
    }

    fn hear(&mut self, message: &[u8]) {
        // What another version says differently is no heartbeat of a member that we could share lanes with.
        if let Ok(heartbeat) = rmp_serde::from_slice::<Heartbeat>(message) {
            self.circle.hear(heartbeat, Instant::now());
        }
    }
}

/// Who lives, as far as one member knows.
#[derive(Debug)]
struct Circle {
    id: String,
    /// When each member, ourselves included, was last heard.
    heard: BTreeMap<String, Instant>,
}

impl Circle {
    fn new(id: String, now: Instant) -> Self {
        Self {
            heard: BTreeMap::from([(id.clone(), now)]),
            id,
        }
    }

    fn hear(&mut self, heartbeat: Heartbeat, now: Instant) {
        if heartbeat.is_leaving {
            if heartbeat.id != self.id {
                self.heard.remove(&heartbeat.id);
            }
            return;
        }
        if heartbeat.id == self.id && self.is_deaf(now) {
            // The bus is back. The others were as deaf as we were: their silence says nothing yet.
            self.heard.values_mut().for_each(|heard| *heard = now);
        }
        self.heard.insert(heartbeat.id, now);
    }

    /// Not hearing even ourselves is an outage of the bus and nobody's death.
    fn is_deaf(&self, now: Instant) -> bool {
        self.heard
            .get(&self.id)
            .is_none_or(|heard| now.duration_since(*heard) > SILENCE_MAX)
    }

    /// Our lanes. Forgets who has been silent for too long.
    fn lanes(&mut self, now: Instant) -> BTreeSet<Lane> {
        if !self.is_deaf(now) {
            self.heard
                .retain(|_, heard| now.duration_since(*heard) <= SILENCE_MAX);
        }
        Lane::all()
            .filter(|lane| {
                let members = self.heard.keys().map(String::as_str);
                winner(*lane, members) == Some(self.id.as_str())
            })
            .collect()
    }
}

/// The member with the largest digest of lane and name (rendezvous hashing): when one goes, only its lanes move.
fn winner<'a>(lane: Lane, members: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    members.max_by_key(|id| Digest::of(&[b"lane", &[lane.number()], id.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::in_process::InProcessBus;

    async fn joined(bus: &Arc<dyn Bus>, id: &str) -> Membership {
        Membership::join(Arc::clone(bus), id.to_owned())
            .await
            .unwrap()
    }

    /// Lets that much time pass, in steps smaller than anybody's timer.
    async fn pass(duration: Duration) {
        let step = Duration::from_millis(50);
        for _ in 0..duration.as_millis() / step.as_millis() {
            advance(step).await;
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn mine(member: &Membership) -> BTreeSet<Lane> {
        member.lanes().borrow().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_alone_runs_every_lane_once_it_has_listened() {
        let bus = InProcessBus::new();
        let one = joined(&bus, "one").await;
        pass(LISTENING / 2).await;
        assert!(mine(&one).is_empty());
        pass(LISTENING).await;
        assert_eq!(mine(&one).len(), usize::from(Lane::COUNT));
    }

    #[tokio::test(start_paused = true)]
    async fn members_share_the_lanes_without_overlap() {
        let bus = InProcessBus::new();
        let members = [
            joined(&bus, "one").await,
            joined(&bus, "two").await,
            joined(&bus, "three").await,
        ];
        pass(HEARTBEAT * 3).await;
        let shares: Vec<BTreeSet<Lane>> = members.iter().map(mine).collect();
        let all: BTreeSet<Lane> = shares.iter().flatten().copied().collect();
        assert_eq!(all.len(), usize::from(Lane::COUNT));
        assert_eq!(shares.iter().map(BTreeSet::len).sum::<usize>(), all.len());
        assert!(shares.iter().all(|share| share.len() > 8), "{shares:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_takes_only_what_it_keeps() {
        let bus = InProcessBus::new();
        let one = joined(&bus, "one").await;
        pass(HEARTBEAT * 3).await;
        let two = joined(&bus, "two").await;
        let mut lanes = two.lanes();
        pass(HEARTBEAT * 3).await;
        assert!(lanes.has_changed().unwrap());
        let first = lanes.borrow_and_update().clone();
        pass(HEARTBEAT * 6).await;
        assert_eq!(mine(&two), first);
        assert!(mine(&one).is_disjoint(&first));
    }

    #[tokio::test(start_paused = true)]
    async fn the_lanes_of_a_crashed_member_move_after_two_seconds() {
        let bus = InProcessBus::new();
        let one = joined(&bus, "one").await;
        let two = joined(&bus, "two").await;
        pass(HEARTBEAT * 3).await;
        let before = mine(&one);
        drop(two);
        pass(HEARTBEAT * 3).await;
        assert_eq!(mine(&one), before);
        pass(HEARTBEAT * 3).await;
        assert_eq!(mine(&one).len(), usize::from(Lane::COUNT));
    }

    #[tokio::test(start_paused = true)]
    async fn the_lanes_of_a_leaving_member_move_at_once() {
        let bus = InProcessBus::new();
        let one = joined(&bus, "one").await;
        let two = joined(&bus, "two").await;
        pass(HEARTBEAT * 3).await;
        let lanes_of_two = two.lanes();
        two.leave().await;
        pass(Duration::from_millis(50)).await;
        assert!(lanes_of_two.borrow().is_empty());
        assert_eq!(mine(&one).len(), usize::from(Lane::COUNT));
    }

    #[test]
    fn an_outage_of_the_bus_moves_no_lane() {
        let beat = |id: &str| Heartbeat {
            id: id.to_owned(),
            is_leaving: false,
        };
        let start = Instant::now();
        let mut circle = Circle::new("one".to_owned(), start);
        circle.hear(beat("two"), start);
        let before = circle.lanes(start);
        let after_the_outage = start + SILENCE_MAX * 30;
        assert_eq!(circle.lanes(after_the_outage), before);
        circle.hear(beat("one"), after_the_outage);
        assert_eq!(circle.lanes(after_the_outage), before);
        circle.hear(beat("one"), after_the_outage + SILENCE_MAX);
        let later = after_the_outage + SILENCE_MAX + HEARTBEAT;
        assert_eq!(circle.lanes(later).len(), usize::from(Lane::COUNT));
    }

    #[test]
    fn only_the_lanes_of_the_one_who_goes_move() {
        let three = ["one", "two", "three"];
        for lane in Lane::all() {
            let before = winner(lane, three.into_iter());
            let after = winner(lane, ["one", "two"].into_iter());
            assert!(before == after || before == Some("three"));
        }
    }
}
