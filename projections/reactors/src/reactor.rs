//! The reactor: follows the log, and sees to it that what is owed is delivered.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bus::shell::{Clock, LiveSettings, RootSecret};
use bus::{Bus, Sealer};
use event_log::{EventLog, Failure};
use projections::hints::Hints;
use projections::reading::ReadError;
use projections::store::{Durability, Store, StoreError};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Sleep, sleep};

use crate::client::ClientError;
use crate::delivery::Delivery;
use crate::dispatcher::{Dispatcher, GROUP_MAX};
use crate::egress::EgressPolicy;
use crate::house_commands::HouseCommands;
use crate::intake::Intake;
use crate::outbox::{Outbox, Status};
use crate::receipts::Teller;
use crate::replay::Replay;
use crate::sender::Sender;
use crate::signing::Signing;

/// How often the reactor looks at the log when nobody tells it to, and waits after a failure.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long a result waits for others to be written with it.
const GROUP_WAIT: Duration = Duration::from_millis(20);

/// How often the outbox is looked through for what nobody told: released letters, and old ones to forget.
const LOOK_AROUND_EVERY: Duration = Duration::from_mins(1);

/// Longest wait before the clock is read again: a clock may be set.
const NAP_MAX: Duration = Duration::from_secs(1);

/// How long letters on their way may still take at shutdown. What takes longer is sent again after the next start.
const FAREWELL: Duration = Duration::from_secs(5);

/// Batches of new deliveries that wait for the dispatcher.
const BATCHES_WAITING: usize = 4;

/// What a reactor needs.
#[derive(Debug)]
pub struct ReactorOptions {
    /// Where the facts come from.
    pub log: Arc<dyn EventLog>,
    /// Where it is told that there are new ones.
    pub bus: Arc<dyn Bus>,
    /// Seals bodies in the outbox, opens the vault, signs letters.
    pub root: RootSecret,
    /// NETWORK_TIMEOUT is the longest wait for a connection.
    pub settings: Arc<LiveSettings>,
    /// Where letters may go.
    pub egress: Arc<EgressPolicy>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the outbox is: `sqlite:<path>`, `postgres://...` or `jdbc:postgresql://...`.
    pub database_address: String,
}

/// Delivers what is owed. One of them is meant to be active; two deliver letters twice, under the same identity.
#[derive(Debug)]
pub struct Reactor {
    options: ReactorOptions,
    outbox: Outbox,
    sender: Arc<Sender>,
    replay: Replay,
    /// Banks ordered something.
    ordered: Notify,
    /// Letters may be there to be sent that nobody told the dispatcher of.
    released: Notify,
}

/// Why a reactor does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The outbox.
    #[error("cannot prepare the outbox")]
    Store(#[from] StoreError),
    /// The client for outgoing calls.
    #[error("cannot prepare outgoing calls")]
    Client(#[from] ClientError),
    /// The log, or the place in it.
    #[error(transparent)]
    Reactor(#[from] ReactorError),
}

/// Why a reactor, a pusher or the sending of codes does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReactorError {
    /// The log is shorter than what was read of it.
    #[error(transparent)]
    Behind(projections::StartError),
    /// What is owed.
    #[error("cannot write down what is owed")]
    Store(#[from] StoreError),
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// A lane cannot be read on.
    #[error("a lane of the log cannot be read")]
    Lane(#[source] ReadError),
    /// Somebody else moved the bookmark.
    #[error("another process is delivering the same")]
    Disturbed,
}

impl Reactor {
    /// Opens the outbox. At the very first start the reactor is born: what is in the log by now is never sent.
    pub async fn new(options: ReactorOptions) -> Result<Self, StartError> {
        let store = Store::open(&options.database_address, Durability::Lasting).await?;
        let outbox = Outbox::open(store, options.root.clone()).await?;
        let sender = Sender::new(
            Signing::new(options.root.clone(), Arc::clone(&options.log)),
            Arc::clone(&options.clock),
            Arc::clone(&options.settings),
            Arc::clone(&options.egress),
        )?;
        let replay = Replay::into(
            outbox.clone(),
            Arc::clone(&options.log),
            options.root.clone(),
            Arc::clone(&options.clock),
        );
        let reactor = Self {
            options,
            outbox,
            sender: Arc::new(sender),
            replay,
            ordered: Notify::new(),
            released: Notify::new(),
        };
        reactor.intake().await?;
        Ok(reactor)
    }

    /// Follows the log and delivers until `shutdown` comes. It returns an error only when a person must look.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), ReactorError> {
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
        let ReactorOptions {
            bus, root, clock, ..
        } = &self.options;
        let sealer = Sealer::new(root.clone());
        let house = HouseCommands::new(Arc::clone(bus), sealer, Arc::clone(clock));
        let teller = Teller::new(self.outbox.store.clone(), house);
        tokio::select! {
            never = teller.run() => match never {},
            never = Box::pin(self.replay()) => match never {},
            followed = self.follow(sender) => followed,
            delivered = self.deliver(receiver, shutdown) => delivered,
        }
    }

    /// How many deliveries are where.
    pub async fn status(&self) -> Result<Status, StoreError> {
        self.outbox.status().await
    }

    /// Takes in what is in the log, and sends everything that is due by the clock, until nothing is. How many attempts
    /// that took. For maintenance and tests; not beside [`Self::run`].
    pub async fn deliver_due_now(&self) -> Result<u64, ReactorError> {
        let mut intake = self.intake().await?;
        while intake.take().await?.is_some() {}
        while self.replay.run_next_order().await? {}
        let (sender, clock) = (Arc::clone(&self.sender), Arc::clone(&self.options.clock));
        let mut dispatcher = Dispatcher::begin(self.outbox.clone(), sender, clock).await?;
        let mut attempts = 0;
        loop {
            dispatcher.go_on().await?;
            if dispatcher.next_result().await.is_none() {
                return Ok(attempts);
            }
            attempts += dispatcher.unwritten() as u64;
            dispatcher.write_results().await?;
        }
    }

    async fn intake(&self) -> Result<Intake, ReactorError> {
        let ReactorOptions {
            log, root, clock, ..
        } = &self.options;
        Intake::begin(
            Arc::clone(log),
            root.clone(),
            Arc::clone(clock),
            self.outbox.clone(),
        )
        .await
    }

    async fn follow(&self, new: mpsc::Sender<Vec<Delivery>>) -> Result<(), ReactorError> {
        let mut hints = Hints::new(Arc::clone(&self.options.bus), LOOK_EVERY);
        hints.listen().await;
        let mut intake = self.intake().await?;
        loop {
            match intake.take().await {
                Ok(Some(taken)) => {
                    if taken.was_ordered {
                        self.ordered.notify_one();
                        self.released.notify_one();
                    }
                    if new.send(taken.ready).await.is_err() {
                        return Ok(());
                    }
                    hints.pace().await;
                }
                Ok(None) => hints.wait().await,
                Err(error @ ReactorError::Behind(_)) => return Err(error),
                Err(error) => pause_after(&error).await,
            }
        }
    }

    /// Writes letters of the past again that banks want, one order after the other.
    async fn replay(&self) -> Infallible {
        loop {
            match self.replay.run_next_order().await {
                Ok(true) => self.released.notify_one(),
                Ok(false) => self.ordered.notified().await,
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn deliver(
        &self,
        mut new: mpsc::Receiver<Vec<Delivery>>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ReactorError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let (sender, clock) = (Arc::clone(&self.sender), Arc::clone(&self.options.clock));
        let mut dispatcher = Dispatcher::begin(self.outbox.clone(), sender, clock).await?;
        let mut group_ends: Option<Pin<Box<Sleep>>> = None;
        let mut look_around = Box::pin(sleep(LOOK_AROUND_EVERY));
        loop {
            if let Err(error) = dispatcher.go_on().await {
                pause_after(&error.into()).await;
            }
            let nap = self.nap(&dispatcher);
            let must_write = tokio::select! {
                () = &mut shutdown => break,
                Some(ready) = new.recv() => {
                    dispatcher.admit(ready);
                    false
                }
                Some(()) = dispatcher.next_result() => {
                    group_ends.get_or_insert_with(|| Box::pin(sleep(GROUP_WAIT)));
                    dispatcher.unwritten() >= GROUP_MAX
                }
                () = ended(&mut group_ends) => true,
                () = either(&mut look_around, self.released.notified()) => {
                    look_around = Box::pin(sleep(LOOK_AROUND_EVERY));
                    if let Err(error) = dispatcher.look_around().await {
                        pause_after(&error.into()).await;
                    }
                    false
                }
                () = sleep(nap) => false,
            };
            if must_write {
                group_ends = None;
                if let Err(error) = dispatcher.write_results().await {
                    pause_after(&error.into()).await;
                    // The results are still there: they are written with the next group, or soon.
                    group_ends = Some(Box::pin(sleep(GROUP_WAIT)));
                }
            }
        }
        let farewell = async { while dispatcher.next_result().await.is_some() {} };
        // What does not end in time is sent again after the next start, under the same identity.
        let _all_ended = tokio::time::timeout(FAREWELL, farewell).await;
        Ok(dispatcher.write_results().await?)
    }

    /// How long to wait when nothing happens.
    fn nap(&self, dispatcher: &Dispatcher) -> Duration {
        let now = self.options.clock.now();
        let until = dispatcher
            .next_look()
            .map_or(i64::MAX, |at| at.0.saturating_sub(now.0));
        NAP_MAX.min(Duration::from_millis(u64::try_from(until).unwrap_or(0)))
    }
}

async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => (),
        () = other => (),
    }
}

/// Waits for the end of a group; for ever when there is none.
async fn ended(group_ends: &mut Option<Pin<Box<Sleep>>>) {
    match group_ends {
        Some(end) => end.await,
        None => futures::future::pending().await,
    }
}

async fn pause_after(error: &ReactorError) {
    metrics::counter!("reactor_failures_total").increment(1);
    report(error);
    sleep(LOOK_EVERY).await;
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "the reactor does not advance; trying again");
}

#[cfg(test)]
mod tests;
