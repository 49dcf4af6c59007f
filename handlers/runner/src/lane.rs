//! One lane, one writer: takes whatever is queued, decides it in order, appends it as one group, answers.

use std::collections::HashSet;
use std::sync::Arc;

use bus::Delivery;
use event_log::{AppendError, Commit, Epoch, Failure};
use handlers::Next;
use schemas::answers::Answer;
use schemas::commands::{Caller, Kind};
use schemas::{CommandId, Lane, Owner, Position};
use tokio::sync::{mpsc, watch};

use crate::answering::answer;
use crate::deciding::{Decided, decide, refuse};
use crate::gather::{Ready, vault_facts};
use crate::house::House;
use crate::owners::Owners;
use crate::pump;
use crate::redelivery::answer_from_log;
use crate::relay::{Relay, publication};
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
        let system = self
            .house
            .systems
            .get(&self.house, envelope.owner.system_id())
            .await?;
        let vault =
            vault_facts(&self.house, &self.owners, &envelope, &mut ready.prefetched).await?;
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
        Ok(Some(decide(&self.house, entry, &system, ready, &vault)))
    }

    /// Appends a group and answers its members; what must be decided again comes back.
    async fn append(&mut self, group: Vec<Member>) -> Result<Vec<Ready>, Fenced> {
        if group.is_empty() {
            return Ok(Vec::new());
        }
        let commits: Vec<Commit> = group.iter().map(|member| member.commit.clone()).collect();
        metrics::histogram!("runner_group_size").record(commits.len() as f64);
        match self.house.log.append(self.lane, self.epoch, &commits).await {
            Ok(appended) => Ok(self.settle(group, appended.first)),
            Err(AppendError::Fenced { .. }) => Err(Fenced),
            Err(AppendError::Unknown(error)) => {
                tracing::warn!(lane = %self.lane, error = &error as &dyn std::error::Error, "an append is of unknown outcome; its commands come again");
                self.forget(&group);
                self.timers.doubt();
                self.deliver_again(group).await;
                Ok(Vec::new())
            }
            Err(AppendError::Failed(error)) => {
                tracing::error!(lane = %self.lane, error = &error as &dyn std::error::Error, "the log could not be written");
                self.forget(&group);
                for member in group {
                    self.put_back(member.ready).await;
                }
                Ok(Vec::new())
            }
            Err(
                AppendError::Conflict
                | AppendError::Duplicate(_)
                | AppendError::Taken { .. }
                | AppendError::Group,
            ) => {
                metrics::counter!("runner_groups_split_total").increment(1);
                self.forget(&group);
                let mut again = Vec::new();
                for member in group {
                    again.extend(self.append_alone(member.ready).await?);
                }
                Ok(again)
            }
        }
    }

    /// Decides and appends one command by itself, again while its owner's history grows under it.
    async fn append_alone(&mut self, mut ready: Ready) -> Result<Option<Ready>, Fenced> {
        for _ in 0..=self.house.options.conflict_retries_max {
            let decided = match self.try_decide(&mut ready).await {
                Ok(Some(decided)) => decided,
                Ok(None) => return Ok(None),
                Err(failure) => {
                    tracing::error!(lane = %self.lane, error = &failure as &dyn std::error::Error, "a command could not be decided");
                    self.put_back(ready).await;
                    return Ok(None);
                }
            };
            let Decided {
                commit,
                answer: reply,
                next,
                if_taken,
            } = decided;
            let Some(commit) = commit else {
                match self.check_memory(&ready).await {
                    Ok(()) => answer(&self.house, ready.delivery.as_ref(), &reply).await,
                    Err(AppendError::Fenced { .. }) => return Err(Fenced),
                    Err(_) => self.put_back(ready).await,
                }
                return Ok(None);
            };
            match self
                .house
                .log
                .append(self.lane, self.epoch, std::slice::from_ref(&commit))
                .await
            {
                Ok(appended) => {
                    let member = Member {
                        ready,
                        commit,
                        answer: reply,
                        next,
                    };
                    return Ok(self.settle(vec![member], appended.first).pop());
                }
                Err(AppendError::Fenced { .. }) => return Err(Fenced),
                Err(AppendError::Taken { scope, name }) => {
                    self.owners.forget(&ready.envelope.owner);
                    let refusal = if_taken
                        .into_iter()
                        .find(|(claim, _)| claim.scope == scope && claim.name == name)
                        .map(|(_, refusal)| refusal);
                    let Some(refusal) = refusal else { break };
                    return self.append_refusal(ready, refusal).await;
                }
                Err(AppendError::Duplicate(_)) => {
                    // Another owner's command has this identity, or the cache did not know it: the log does.
                    self.owners.forget(&ready.envelope.owner);
                    return self.answer_duplicate(ready).await;
                }
                Err(AppendError::Conflict | AppendError::Group) => {
                    self.owners.forget(&ready.envelope.owner);
                }
                Err(AppendError::Unknown(_)) => {
                    let member = Member {
                        ready,
                        commit,
                        answer: reply,
                        next,
                    };
                    self.owners.forget(&member.ready.envelope.owner);
                    self.timers.doubt();
                    self.deliver_again(vec![member]).await;
                    return Ok(None);
                }
                Err(AppendError::Failed(_)) => break,
            }
        }
        self.owners.forget(&ready.envelope.owner);
        self.put_back(ready).await;
        Ok(None)
    }

    async fn append_refusal(
        &mut self,
        ready: Ready,
        refusal: handlers::Refusal,
    ) -> Result<Option<Ready>, Fenced> {
        if let Err(failure) = self.owners.ensure(&self.house, &ready.envelope.owner).await {
            tracing::error!(lane = %self.lane, error = &failure as &dyn std::error::Error, "an owner could not be loaded");
            self.put_back(ready).await;
            return Ok(None);
        }
        let now = self.house.clock.now();
        let decided = self
            .owners
            .lock()
            .get_mut(&ready.envelope.owner)
            .map(|entry| refuse(&self.house, entry, &ready.envelope, now, refusal));
        let Some(Decided {
            commit: Some(commit),
            answer: reply,
            next,
            ..
        }) = decided
        else {
            self.put_back(ready).await;
            return Ok(None);
        };
        match self
            .house
            .log
            .append(self.lane, self.epoch, std::slice::from_ref(&commit))
            .await
        {
            Ok(appended) => Ok(self
                .settle(
                    vec![Member {
                        ready,
                        commit,
                        answer: reply,
                        next,
                    }],
                    appended.first,
                )
                .pop()),
            Err(AppendError::Fenced { .. }) => Err(Fenced),
            Err(_) => {
                self.owners.forget(&ready.envelope.owner);
                self.put_back(ready).await;
                Ok(None)
            }
        }
    }

    async fn answer_duplicate(&mut self, mut ready: Ready) -> Result<Option<Ready>, Fenced> {
        let answered = async {
            let envelope = Arc::clone(&ready.envelope);
            self.owners.ensure(&self.house, &envelope.owner).await?;
            let system = self
                .house
                .systems
                .get(&self.house, envelope.owner.system_id())
                .await?;
            let vault =
                vault_facts(&self.house, &self.owners, &envelope, &mut ready.prefetched).await?;
            answer_from_log(
                &self.house,
                self.lane,
                self.epoch,
                &self.owners,
                &ready,
                &vault,
                &system,
            )
            .await
            .map_err(as_failure)
        };
        match answered.await {
            Ok(Some(reply)) => answer(&self.house, ready.delivery.as_ref(), &reply).await,
            Ok(None) | Err(_) => self.put_back(ready).await,
        }
        Ok(None)
    }

    /// The group is in the log: note, publish, answer. What needs a second decision comes back.
    fn settle(&mut self, group: Vec<Member>, first: u64) -> Vec<Ready> {
        let mut number = first;
        let mut again = Vec::new();
        let mut answers: Vec<(Option<Delivery>, Answer)> = Vec::new();
        for Member {
            ready,
            commit,
            answer,
            next,
        } in group
        {
            self.timers.note(&commit);
            if matches!(commit.owner, Owner::System(_)) {
                self.house.systems.forget(commit.owner.system_id());
            }
            let mut position = None;
            for (offset, event) in commit.events.into_iter().enumerate() {
                let at = Position {
                    lane: self.lane,
                    number,
                };
                number += 1;
                position = Some(at);
                self.relay.publish(publication(event_log::LogEvent {
                    position: at,
                    owner: commit.owner.clone(),
                    version: commit.expected_version + offset as u64 + 1,
                    word: event.word,
                    aggregate: event.aggregate,
                    at: event.at,
                    payload: event.payload,
                }));
            }
            match next {
                Next::Answer => answers.push((ready.delivery, Answer { position, ..answer })),
                Next::DecideAgain => again.push(ready),
            }
        }
        let house = Arc::clone(&self.house);
        tokio::spawn(async move {
            for (delivery, reply) in answers {
                answer(&house, delivery.as_ref(), &reply).await;
            }
        });
        again
    }

    /// After an append of unknown outcome everybody is delivered again: whoever is in the log is answered from it then.
    ///
    /// The answer at hand must not be used, even when the log has the command: another runner may have decided it, and
    /// otherwise.
    async fn deliver_again(&self, group: Vec<Member>) {
        for member in group {
            self.put_back(member.ready).await;
        }
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
