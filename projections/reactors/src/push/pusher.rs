//! The pusher: follows the log, keeps what is owed, has the station send it, and tells the log how it went.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::shell::{Clock, RootSecret};
use bus::{Bus, Sealer};
use event_log::EventLog;
use futures::FutureExt as _;
use projections::hints::Hints;
use projections::store::{Durability, Store, StoreError};
use schemas::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::crowding::Crowding;
use super::intake::{Intake, withdrawals};
use super::ledger::{Ledger, Owed, Settled};
use super::station::PushStation;
use crate::house_commands::HouseCommands;
use crate::reactor::ReactorError;

mod carrying;

use carrying::Carrier;

/// How often the pusher looks at the log when nobody tells it to, and waits after a failure.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Longest wait before the clock is read again: a clock may be set.
const NAP_MAX: Duration = Duration::from_millis(500);

/// How long a result waits for others to be written with it, and how many are written together.
const GROUP_WAIT: Duration = Duration::from_millis(20);
const GROUP_MAX: usize = 256;

/// Most pushes that are in the pool at a time, however large it is.
const HELD_MAX: usize = 8192;

/// How often old pushes are forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// How long pushes on their way may still take at shutdown. What takes longer is sent again after the next start.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a pusher needs.
#[derive(Debug)]
pub struct PusherOptions {
    /// Where the facts come from, and the devices' tokens.
    pub log: Arc<dyn EventLog>,
    /// Where it is told that there are new ones, and where it tells how pushes went.
    pub bus: Arc<dyn Bus>,
    /// Opens the vault, closes commands.
    pub root: RootSecret,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the ledger is: `sqlite:<path>`, `postgres://...` or `jdbc:postgresql://...`.
    pub database_address: String,
    /// Who sends.
    pub station: Arc<PushStation>,
}

/// Sends the pushes that are owed. One of them is meant to be active; two send pushes twice, and they collapse.
#[derive(Debug)]
pub struct Pusher {
    options: PusherOptions,
    ledger: Ledger,
    carrier: Arc<Carrier>,
    news: Notify,
}

impl Pusher {
    /// Opens the ledger. At the very first start pushes are born: what is in the log by now is never sent.
    pub async fn new(options: PusherOptions) -> Result<Self, ReactorError> {
        let store = Store::open(&options.database_address, Durability::Lasting).await?;
        let ledger = Ledger::open(store).await?;
        let sealer = Sealer::new(options.root.clone());
        let carrier = Carrier {
            log: Arc::clone(&options.log),
            root: options.root.clone(),
            clock: Arc::clone(&options.clock),
            station: Arc::clone(&options.station),
            crowding: Crowding::new(),
            is_ending: AtomicBool::new(false),
            house: HouseCommands::new(Arc::clone(&options.bus), sealer, Arc::clone(&options.clock)),
        };
        let pusher = Self {
            options,
            ledger,
            carrier: Arc::new(carrier),
            news: Notify::new(),
        };
        pusher.intake().await?;
        Ok(pusher)
    }

    /// Follows the log and sends until `shutdown` comes. It returns an error only when a person must look.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), ReactorError> {
        tokio::select! {
            followed = self.follow() => followed,
            delivered = self.deliver(shutdown) => delivered,
        }
    }

    /// How many pushes have something left to do.
    pub async fn open_count(&self) -> Result<u64, StoreError> {
        self.ledger.open_count().await
    }

    async fn intake(&self) -> Result<Intake, ReactorError> {
        let PusherOptions {
            log,
            clock,
            station,
            ..
        } = &self.options;
        Intake::begin(
            Arc::clone(log),
            Arc::clone(clock),
            self.ledger.clone(),
            Arc::clone(station),
        )
        .await
    }

    async fn follow(&self) -> Result<(), ReactorError> {
        let mut hints = Hints::new(Arc::clone(&self.options.bus), LOOK_EVERY);
        hints.listen().await;
        let mut intake = self.intake().await?;
        loop {
            match intake.take().await {
                Ok(Some(is_news)) => {
                    if is_news {
                        self.news.notify_one();
                    }
                    hints.pace().await;
                }
                Ok(None) => hints.wait().await,
                Err(error @ ReactorError::Behind(_)) => return Err(error),
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn deliver(&self, shutdown: impl Future<Output = ()>) -> Result<(), ReactorError> {
        let mut shutdown = std::pin::pin!(shutdown);
        let (ended, mut results) = mpsc::channel(GROUP_MAX);
        let mut work = Work {
            held: HashSet::new(),
            settled: Vec::new(),
            look_at: Some(self.options.clock.now()),
        };
        let mut group = Box::pin(sleep(GROUP_WAIT));
        let mut forget = Box::pin(sleep(FORGET_EVERY));
        loop {
            if let Err(error) = self.look(&mut work, &ended).await {
                pause_after(&error.into()).await;
            }
            let nap = self.nap(&work);
            tokio::select! {
                () = &mut shutdown => break,
                Some(settled) = results.recv() => {
                    if work.settled.is_empty() {
                        group = Box::pin(sleep(GROUP_WAIT));
                    }
                    work.settled.push(settled);
                    if work.settled.len() >= GROUP_MAX {
                        self.write(&mut work).await;
                    }
                }
                () = &mut group, if !work.settled.is_empty() => {
                    self.write(&mut work).await;
                    group = Box::pin(sleep(GROUP_WAIT));
                }
                () = self.news.notified() => work.look_at = Some(self.options.clock.now()),
                () = &mut forget => {
                    forget = Box::pin(sleep(FORGET_EVERY));
                    if let Err(error) = self.ledger.forget_old(self.options.clock.now()).await {
                        pause_after(&error.into()).await;
                    }
                }
                () = sleep(nap) => {}
            }
        }
        // What no worker has begun is left for the next start.
        self.carrier.is_ending.store(true, Ordering::Relaxed);
        let farewell = async {
            while work.settled.len() < work.held.len() {
                let Some(settled) = results.recv().await else {
                    return;
                };
                work.settled.push(settled);
            }
        };
        // What does not end in time is sent again after the next start.
        let _all_ended = tokio::time::timeout(FAREWELL, farewell).await;
        let withdrawals = withdrawals(&self.options.station);
        let now = self.options.clock.now();
        Ok(self.ledger.settle(&work.settled, withdrawals, now).await?)
    }

    /// Takes from the ledger what is due, as much as the pool has room for.
    async fn look(&self, work: &mut Work, ended: &mpsc::Sender<Settled>) -> Result<(), StoreError> {
        let now = self.options.clock.now();
        let station = &self.options.station;
        let held_max = station.capacity().min(HELD_MAX);
        // What is held is still open on disk, and comes back first: so there is no looking before half of it is done.
        if work.held.len() > held_max / 2 || work.look_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let room = station.room().min(held_max - work.held.len());
        if room == 0 {
            return Ok(());
        }
        let limit = room + work.held.len();
        let due = self.ledger.due(now, limit).await?;
        let is_all = due.pushes.len() < limit;
        work.look_at = due.next_at.filter(|_| is_all);
        work.is_cut_off(!is_all);
        for owed in due.pushes {
            if !work.held.insert(owed.id.clone()) {
                continue;
            }
            let id = owed.id.clone();
            if self.submit(owed, ended.clone()).is_err() {
                work.held.remove(&id);
                work.look_at = Some(now);
                break;
            }
        }
        Ok(())
    }

    fn submit(&self, owed: Owed, ended: mpsc::Sender<Settled>) -> Result<(), super::Full> {
        let carrier = Arc::clone(&self.carrier);
        self.options.station.note_queued(&owed.id);
        self.options.station.submit(
            async move {
                let settled = carrier.carry(owed).await;
                // Nobody listens any more when the house is ending: it is sent again after the next start.
                ended.send(settled).await.ok();
            }
            .boxed(),
        )
    }

    async fn write(&self, work: &mut Work) {
        let now = self.options.clock.now();
        let withdrawals = withdrawals(&self.options.station);
        match self.ledger.settle(&work.settled, withdrawals, now).await {
            Ok(()) => {
                for settled in work.settled.drain(..) {
                    work.held.remove(&settled.id);
                }
                work.look_at = Some(now);
            }
            Err(error) => pause_after(&error.into()).await,
        }
    }

    /// How long to wait when nothing happens.
    fn nap(&self, work: &Work) -> Duration {
        let now = self.options.clock.now();
        let until = work
            .look_at
            .map_or(i64::MAX, |at| at.0.saturating_sub(now.0));
        let until = u64::try_from(until).unwrap_or(0);
        // With no room in the pool there is nothing to do at once, whatever is due.
        NAP_MAX.min(Duration::from_millis(until.max(5)))
    }
}

/// What the pusher has in its hands.
struct Work {
    /// Pushes that the pool has, until their results are written.
    held: HashSet<String>,
    settled: Vec<Settled>,
    /// When to look into the ledger; `None` when nothing is there that the pool does not have.
    look_at: Option<Timestamp>,
}

impl Work {
    /// More is due than was taken: look again as soon as a result was written, and not before.
    fn is_cut_off(&mut self, cut_off: bool) {
        if cut_off {
            self.look_at = None;
        }
    }
}

async fn pause_after(error: &ReactorError) {
    metrics::counter!("pusher_failures_total").increment(1);
    report(error);
    sleep(LOOK_EVERY).await;
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error, "the pusher does not advance; trying again");
}
