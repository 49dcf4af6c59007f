//! A log that fails where a plan says so, and is the true log everywhere else.

use std::sync::Arc;

use event_log::{AppendError, Appended, CommandRecord, Commit, Epoch, EventLog, Failure, LogEvent};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner};

use super::faults::{AppendFault, Plan};
use super::stage::CrashSwitch;

/// The log as one runner sees it.
#[derive(Debug)]
pub struct FaultyLog {
    true_log: Arc<dyn EventLog>,
    plan: Arc<dyn Plan>,
    crash: CrashSwitch,
}

impl FaultyLog {
    /// A view of the true log for the runner that this switch ends.
    pub fn new(true_log: Arc<dyn EventLog>, plan: Arc<dyn Plan>, crash: CrashSwitch) -> Self {
        Self {
            true_log,
            plan,
            crash,
        }
    }

    async fn append_with(
        &self,
        fault: AppendFault,
        (lane, epoch, group): (Lane, Epoch, &[Commit]),
    ) -> Result<Appended, AppendError> {
        match fault {
            AppendFault::Fails => return Err(AppendError::Failed(planned())),
            AppendFault::LostAndUnknown => return Err(AppendError::Unknown(planned())),
            AppendFault::CrashesBefore => self.crash.crash().await,
            AppendFault::IsFenced => {
                self.true_log
                    .open_lane(lane)
                    .await
                    .expect("the log in memory opens");
            }
            AppendFault::WrittenAndUnknown | AppendFault::CrashesAfter => {}
        }
        let appended = self.true_log.append(lane, epoch, group).await;
        match (fault, &appended) {
            (AppendFault::CrashesAfter, _) => self.crash.crash().await,
            (AppendFault::WrittenAndUnknown, Ok(_)) => Err(AppendError::Unknown(planned())),
            _ => appended,
        }
    }

    fn check(&self) -> Result<(), Failure> {
        self.plan.at_read().map_or(Ok(()), |_| Err(planned()))
    }
}

fn planned() -> Failure {
    Failure {
        attempt: "fail as planned".to_owned(),
        source: None,
    }
}

impl EventLog for FaultyLog {
    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        // A look at the fence writes nothing, so there is nothing to lose in it.
        match (!group.is_empty()).then(|| self.plan.at_append()).flatten() {
            None => self.true_log.append(lane, epoch, group),
            Some(fault) => self.append_with(fault, (lane, epoch, group)).boxed(),
        }
    }

    fn load<'a>(
        &'a self,
        owner: &'a Owner,
        after: u64,
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        match self.check() {
            Ok(()) => self.true_log.load(owner, after),
            Err(failure) => futures::future::ready(Err(failure)).boxed(),
        }
    }

    fn find_command<'a>(
        &'a self,
        id: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>> {
        match self.check() {
            Ok(()) => self.true_log.find_command(id),
            Err(failure) => futures::future::ready(Err(failure)).boxed(),
        }
    }

    fn vault<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>> {
        match self.check() {
            Ok(()) => self.true_log.vault(owner, names),
            Err(failure) => futures::future::ready(Err(failure)).boxed(),
        }
    }

    event_log::pass_on!(true_log: open_lane, read, heads, kept_of, count, erase, restore, due_timers);
}
