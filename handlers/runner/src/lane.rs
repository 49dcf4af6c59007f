//! One lane, one writer: takes whatever is queued, decides it in order, appends it as one group, answers.

mod appending;

use std::collections::HashSet;
use std::sync::Arc;

use event_log::{AppendError, Commit, Epoch, Failure};
use handlers::Next;
use schemas::answers::Answer;
use schemas::commands::{Caller, Kind};
use schemas::outside::OutsideQuestion;
use schemas::{CommandId, Lane};
use tokio::sync::{mpsc, watch};

use crate::answering::answer;
use crate::deciding::{Decided, decide};
use crate::gather::{Ready, vault_facts, verify_again};
use crate::house::House;
use crate::outside::ask_for;
use crate::owners::Owners;
use crate::pump;
use crate::redelivery::answer_from_log;
use crate::relay::Relay;
use crate::systems::decoded;
use crate::timers::Timers;

/// How a lane ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// It was told to.
    Stopped,
    /// Another runner opened it.
    Fenced,
}

/// Opens the lane and serves it until it is stopped or fenced.
pub async fn serve(
    house: Arc<House>,
    lane: Lane,
    relay: Relay,
    stop: watch::Receiver<bool>,
) -> Result<LaneEnd, crate::RunnerError> {
    let epoch = house.log.open_lane(lane).await?.epoch;
    let owners = Arc::new(Owners::new(house.options.owners_max));
    let timers = Timers::open(&house, lane).await?;
    let (queue, queued) = mpsc::channel(house.options.lane_queue_max);
    let asked = queue.downgrade();
    let pump = tokio::spawn(pump::run(
        Arc::clone(&house),
        lane,
        Arc::clone(&owners),
        queue,
        stop,
    ));
    let end = Writer {
        house,
        lane,
        epoch,
        owners,
        timers,
        relay,
        asked,
    }
    .run(queued)
    .await;
    pump.abort();
    match pump.await {
        Ok(Err(error)) => Err(error.into()),
        _ => Ok(end),
    }
}

/// The lane's only writer, as long as its epoch is the newest.
#[derive(Debug)]
struct Writer {
    house: Arc<House>,
    lane: Lane,
    epoch: Epoch,
    owners: Arc<Owners>,
    timers: Timers,
    relay: Relay,
    /// Where a command comes back that was waiting for the outside.
    asked: mpsc::WeakSender<Ready>,
}

/// A decided command that waits for its group to be appended.
#[derive(Debug)]
struct Member {
    ready: Ready,
    commit: Commit,
    answer: Answer,
    next: Next,
}

/// The fence fell: nothing more may be written.
#[derive(Debug)]
struct Fenced;

/// Why a command was not decided. It is delivered again.
#[derive(Debug)]
enum Undecided {
    Fenced,
    Failed(Failure),
}

impl Writer {
    async fn run(mut self, mut queued: mpsc::Receiver<Ready>) -> LaneEnd {
        let mut batch = Vec::new();
        loop {
            let until_due = self.until_due();
            tokio::select! {
                biased;
                count = queued.recv_many(&mut batch, self.house.options.group_max) => {
                    if count == 0 { return LaneEnd::Stopped }
                }
                () = tokio::time::sleep(until_due) => match self.timers.due(&self.house).await {
                    Ok(due) => batch.extend(due),
                    Err(error) => {
                        self.timers.doubt();
                        tracing::warn!(lane = %self.lane, error = &error as &dyn std::error::Error, "deadlines could not be read");
                    }
                },
            }
            let timed = batch.iter().any(|ready| ready.timer.is_some());
            if self.carry(std::mem::take(&mut batch)).await.is_err() {
                return LaneEnd::Fenced;
            }
            let now = self.house.clock.now();
            if (timed
                || self.timers.is_in_doubt()
                || self.timers.next().is_some_and(|next| next <= now))
                && let Err(error) = self.timers.refresh(&self.house).await
            {
                self.timers.doubt();
                tracing::warn!(lane = %self.lane, error = &error as &dyn std::error::Error, "deadlines could not be read");
            }
        }
    }

    /// How long until the next deadline; an hour when there is none, and a moment when nobody knows.
    fn until_due(&self) -> std::time::Duration {
        const IDLE_MS: i64 = 3_600_000;
        if self.timers.is_in_doubt() {
            return self.house.options.retry_after;
        }
        let now = self.house.clock.now();
        let ms = self.timers.next().map_or(IDLE_MS, |next| {
            (next.0.saturating_sub(now.0)).clamp(1, IDLE_MS)
        });
        std::time::Duration::from_millis(ms as u64)
    }

    /// Carries commands through, group after group: some take two decisions, some must wait for another.
    async fn carry(&mut self, mut waiting: Vec<Ready>) -> Result<(), Fenced> {
        while !waiting.is_empty() {
            let mut group = Vec::new();
            let mut later = Vec::new();
            let mut in_group: HashSet<CommandId> = HashSet::new();
            for ready in waiting {
                if in_group.contains(&ready.envelope.command_id) {
                    // The same command twice at once: the second is answered once the first is in the log.
                    later.push(ready);
                    continue;
                }
                let command_id = ready.envelope.command_id;
                match self.decide(ready).await {
                    Ok(Some(member)) => {
                        in_group.insert(command_id);
                        group.push(member);
                    }
                    Ok(None) => {}
                    Err(Undecided::Fenced) => return Err(Fenced),
                    Err(Undecided::Failed(error)) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::error!(lane = %self.lane, command.id = %command_id, error, "a command could not be decided");
                    }
                }
            }
            later.extend(self.append(group).await?);
            waiting = later;
        }
        Ok(())
    }

    /// Decides one command; `None` when it was answered without an append, or goes back to the bus.
    async fn decide(&self, mut ready: Ready) -> Result<Option<Member>, Undecided> {
        match self.try_decide(&mut ready).await {
            Ok(Some(Decided {
                commit: Some(commit),
                answer,
                next,
                ..
            })) => Ok(Some(Member {
                ready,
                commit,
                answer,
                next,
            })),
            Ok(Some(Decided {
                commit: None,
                next: Next::Ask(question),
                ..
            })) => {
                self.ask_outside(ready, *question);
                Ok(None)
            }
            Ok(Some(Decided {
                commit: None,
                answer: reply,
                ..
            })) => match self.check_memory(&ready).await {
                Ok(()) => {
                    answer(&self.house, ready.delivery.as_ref(), &reply).await;
                    Ok(None)
                }
                Err(AppendError::Fenced { .. }) => Err(Undecided::Fenced),
                Err(error) => {
                    self.put_back(ready).await;
                    Err(Undecided::Failed(as_failure(error)))
                }
            },
            Ok(None) => Ok(None),
            Err(failure) => {
                self.put_back(ready).await;
                Err(Undecided::Failed(failure))
            }
        }
    }

    /// Before an answer that leaves nothing in the log: is what we remember of the owner still the truth? A runner that
    /// lost its lane would tell a bank that the user whom another runner just created does not exist.
    ///
    /// A device that is refused silently takes that for no last word, and could be anybody: it is not worth the question.
    async fn check_memory(&self, ready: &Ready) -> Result<(), AppendError> {
        if matches!(ready.envelope.caller, Caller::Device(_)) {
            return Ok(());
        }
        self.house
            .log
            .append(self.lane, self.epoch, &[])
            .await
            .map(drop)
    }

    /// The decision on the owner's present state; `None` when the log already had the answer.
    async fn try_decide(&self, ready: &mut Ready) -> Result<Option<Decided>, Failure> {
        let envelope = Arc::clone(&ready.envelope);
        self.owners.ensure(&self.house, &envelope.owner).await?;
        let system = self.house.systems.get(&self.house, &envelope.owner).await?;
        let vault = vault_facts(&self.house, &self.owners, &envelope, &mut ready.gathered).await?;
        verify_again(&self.house, &self.owners, ready).await;
        let history = if handlers::looks_back(&envelope) {
            decoded(&self.house.log.load(&envelope.owner, 0).await?)?
        } else {
            Vec::new()
        };
        let repeated = envelope.command.kind() == Kind::Write
            && self
                .owners
                .lock()
                .get(&envelope.owner)
                .is_some_and(|entry| entry.may_have_seen(&envelope.command_id));
        if repeated {
            let found = answer_from_log(
                &self.house,
                self.lane,
                self.epoch,
                &self.owners,
                ready,
                &vault,
                &system,
            )
            .await;
            match found {
                Ok(Some(reply)) => {
                    answer(&self.house, ready.delivery.as_ref(), &reply).await;
                    return Ok(None);
                }
                Ok(None) => {}
                Err(error) => return Err(as_failure(error)),
            }
        }
        let mut entries = self.owners.lock();
        // The cache is smaller than one group only if somebody configured it so.
        let Some(entry) = entries.get_mut(&envelope.owner) else {
            return Err(Failure {
                attempt: "the owner cache is too small for its own group".to_owned(),
                source: None,
            });
        };
        Ok(Some(decide(
            &self.house,
            entry,
            &system,
            ready,
            &vault,
            &history,
        )))
    }

    /// Lets a command out of the lane until the outside has answered.
    fn ask_outside(&self, ready: Ready, question: OutsideQuestion) {
        let (house, owners) = (Arc::clone(&self.house), Arc::clone(&self.owners));
        let queue = self.asked.clone();
        tokio::spawn(ask_for(house, owners, queue, ready, question));
    }

    fn forget(&self, group: &[Member]) {
        for member in group {
            self.owners.forget(&member.ready.envelope.owner);
        }
    }

    /// Hands a command back to the bus, which delivers it again in a while.
    async fn put_back(&self, ready: Ready) {
        if let Some(delivery) = &ready.delivery {
            delivery
                .handle
                .later(self.house.options.retry_after)
                .await
                .ok();
        }
    }
}

fn as_failure(error: AppendError) -> Failure {
    Failure {
        attempt: "a command could not be answered from the log".to_owned(),
        source: Some(Box::new(error)),
    }
}
