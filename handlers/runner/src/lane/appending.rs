//! Appending what a lane has decided, alone or in a group, and what to do when it does not go in.

use std::sync::Arc;

use bus::Delivery;
use event_log::{AppendError, Commit};
use handlers::Next;
use schemas::answers::Answer;
use schemas::{Owner, Position};

use super::{Fenced, Member, Writer, as_failure};
use crate::answering::answer;
use crate::deciding::{Decided, refuse};
use crate::gather::{Ready, vault_facts};
use crate::redelivery::answer_from_log;
use crate::relay::publication;

impl Writer {
    /// Appends a group and answers its members; what must be decided again comes back.
    pub(super) async fn append(&mut self, group: Vec<Member>) -> Result<Vec<Ready>, Fenced> {
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
                | AppendError::Full { .. }
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
                if_full,
            } = decided;
            let Some(commit) = commit else {
                if let Next::Ask(question) = next {
                    self.ask_outside(ready, *question);
                    return Ok(None);
                }
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
                Err(AppendError::Full { .. }) => {
                    self.owners.forget(&ready.envelope.owner);
                    let Some(refusal) = if_full else { break };
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
            commit,
            answer: reply,
            next,
            ..
        }) = decided
        else {
            self.put_back(ready).await;
            return Ok(None);
        };
        // The append that was refused has just shown that the lane is ours.
        let Some(commit) = commit else {
            answer(&self.house, ready.delivery.as_ref(), &reply).await;
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
            let system = self.house.systems.get(&self.house, &envelope.owner).await?;
            let vault =
                vault_facts(&self.house, &self.owners, &envelope, &mut ready.gathered).await?;
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
                Next::Ask(question) => self.ask_outside(ready, *question),
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
}
