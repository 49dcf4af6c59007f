//! The log with a known bug in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_log::{AppendError, Appended, Commit, Epoch, EventLog};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::Lane;

/// Which bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// None: the control run.
    None,
    /// The answer goes out before anything is written, and then the write is lost.
    AnswersBeforeAppending,
    /// Whoever appends last wins: neither the lane's epoch nor the owner's version is looked at.
    ForgetsTheFence,
    /// The try of a code is not written before the code is looked at.
    CountsNoTries,
    /// The identity of a command is not written.
    ForgetsIdentities,
}

/// The true log, with a bug before it while it is on.
#[derive(Debug)]
pub struct BuggyLog {
    /// What it should be.
    pub true_log: Arc<dyn EventLog>,
    /// What it does instead.
    pub bug: Bug,
    /// Whether it does.
    pub is_on: Arc<AtomicBool>,
}

impl BuggyLog {
    async fn append_wrongly(
        &self,
        lane: Lane,
        epoch: Epoch,
        group: &[Commit],
    ) -> Result<Appended, AppendError> {
        match self.bug {
            Bug::None => self.true_log.append(lane, epoch, group).await,
            Bug::AnswersBeforeAppending => {
                let last = self.last(lane).await;
                let events: u64 = group.iter().map(|commit| commit.events.len() as u64).sum();
                Ok(Appended {
                    first: last + 1,
                    last: last + events,
                })
            }
            Bug::ForgetsTheFence => self.append_blindly(lane, group.to_vec()).await,
            Bug::CountsNoTries => {
                let mut group = group.to_vec();
                for commit in &mut group {
                    commit
                        .events
                        .retain(|event| event.word != "activate_key_attempt");
                }
                self.append_blindly(lane, group).await
            }
            Bug::ForgetsIdentities => {
                let mut group = group.to_vec();
                for commit in &mut group {
                    commit.command = None;
                }
                self.true_log.append(lane, epoch, &group).await
            }
        }
    }

    /// Appends whatever was decided on, however old it is.
    async fn append_blindly(
        &self,
        lane: Lane,
        group: Vec<Commit>,
    ) -> Result<Appended, AppendError> {
        let before = self.last(lane).await;
        for mut commit in group {
            let history = self
                .true_log
                .load(&commit.owner, 0)
                .await
                .map_err(AppendError::Failed)?;
            commit.expected_version = history.len() as u64;
            let newest = self
                .true_log
                .open_lane(lane)
                .await
                .map_err(AppendError::Failed)?;
            self.true_log.append(lane, newest.epoch, &[commit]).await?;
        }
        Ok(Appended {
            first: before + 1,
            last: self.last(lane).await,
        })
    }

    async fn last(&self, lane: Lane) -> u64 {
        self.true_log
            .heads()
            .await
            .expect("the log in memory is readable")[usize::from(lane.number())]
    }
}

impl EventLog for BuggyLog {
    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        if self.is_on.load(Ordering::SeqCst) {
            self.append_wrongly(lane, epoch, group).boxed()
        } else {
            self.true_log.append(lane, epoch, group)
        }
    }

    event_log::pass_on!(true_log: open_lane, load, read, heads, find_command, vault, kept_of, count, erase, restore, due_timers);
}
