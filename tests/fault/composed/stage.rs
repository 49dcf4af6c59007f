//! One house in one process: doors over HTTP, runners in runtimes of their own that can be ended without a word.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::shell::{LiveSettings, RootSecret, SystemClock};
use bus::{Bus, InProcessBus, Limits, Sealer};
use countersign::evidence::EvidenceBehindTheDoors;
use event_log::{EventLog, MemoryLog};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{
    GatewayOptions, JournalFailure, JournalQuery, JournalRecords, LetterPutAside, LettersFailure,
    LettersQuery, Receivers, RunningGateway,
};
use runner::{House, HouseOptions};
use schemas::commands::journal::RecordToClean;
use schemas::journal::{Figures, JournalFilter};
use schemas::settings::Settings;
use schemas::{AsOf, Lane, LetterId, Owner, Position, SystemId, Timestamp, TransactionId, UserId};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use crate::customer::Way;
use crate::history::History;

/// The only bank of a stage.
pub const SYSTEM_ID: &str = "11111111-2222-4333-8444-555555555555";
/// How long customers insist.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the doors wait for a runner.
const ANSWER: Duration = Duration::from_millis(200);

/// What one runner works on.
pub type View = (Arc<dyn EventLog>, Arc<dyn Bus>);

/// Shows a runner, by its number, its log and its bus.
pub type ShowView =
    dyn Fn(usize, Arc<dyn EventLog>, Arc<dyn Bus>, CrashSwitch) -> View + Send + Sync;

/// Ends the runner it belongs to.
#[derive(Clone, Debug)]
pub struct CrashSwitch {
    number: usize,
    crashed: mpsc::UnboundedSender<usize>,
}

impl CrashSwitch {
    /// Ends the runner; nothing after this is ever executed.
    pub async fn crash<T>(&self) -> T {
        self.crashed.send(self.number).ok();
        std::future::pending().await
    }
}

/// A house that plays.
pub struct Stage {
    /// The true log.
    pub log: Arc<dyn EventLog>,
    /// What its customers saw.
    pub history: History,
    /// The way to it.
    pub way: Way,
    runners: Arc<Runners>,
    keeper: tokio::task::JoinHandle<()>,
    doors: Option<RunningGateway>,
}

impl Stage {
    /// Opens the doors and starts so many runners, each on its own view. A runner that crashes is started again. The bank
    /// is registered.
    pub async fn begin(count: usize, show: Box<ShowView>) -> Self {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let bus = InProcessBus::with_limits(Limits {
            attempts_max: 1000,
            retry_after: Duration::from_millis(5),
            silence_max: Duration::from_millis(50),
            ..Limits::default()
        });
        let root = RootSecret::new([7; 32]);
        let (crashed, crashes) = mpsc::unbounded_channel();
        let runners = Arc::new(Runners {
            log: Arc::clone(&log),
            bus: Arc::clone(&bus),
            root: root.clone(),
            show,
            crashed,
            running: Mutex::new((0..count).map(|_| None).collect()),
        });
        (0..count).for_each(|number| runners.start(number));
        let keeper = tokio::spawn(Arc::clone(&runners).keep(crashes));
        let doors = open_doors(bus, root).await;
        let history = History::new();
        let way = Way::to(
            &doors.address().to_string(),
            SYSTEM_ID,
            &history,
            PATIENCE,
            2 * ANSWER,
        );
        // Nobody listens there, and nobody sends: callbacks have no part in this.
        way.register_bank("http://127.0.0.1:9/callback").await;
        Self {
            log,
            history,
            way,
            runners,
            keeper,
            doors: Some(doors),
        }
    }

    /// Ends everything.
    pub async fn end(mut self) {
        self.keeper.abort();
        self.runners.end();
        if let Some(doors) = self.doors.take() {
            doors.shutdown().await;
        }
    }
}

struct Runners {
    log: Arc<dyn EventLog>,
    bus: Arc<dyn Bus>,
    root: RootSecret,
    show: Box<ShowView>,
    crashed: mpsc::UnboundedSender<usize>,
    running: Mutex<Vec<Option<Running>>>,
}

/// A runner in a runtime of its own: when that goes, everything of it goes, as with a process.
struct Running {
    runtime: Option<Runtime>,
    _lanes: watch::Sender<BTreeSet<Lane>>,
    _shutdown: watch::Sender<bool>,
}

impl Runners {
    async fn keep(self: Arc<Self>, mut crashes: mpsc::UnboundedReceiver<usize>) {
        while let Some(number) = crashes.recv().await {
            self.start(number);
        }
    }

    /// Starts a runner; the one that had its place ends.
    fn start(&self, number: usize) {
        let crash = CrashSwitch {
            number,
            crashed: self.crashed.clone(),
        };
        let (log, bus) = (self.show)(number, Arc::clone(&self.log), Arc::clone(&self.bus), crash);
        let options = HouseOptions {
            retry_after: Duration::from_millis(5),
            lane_retry: Duration::from_millis(10),
            sweep_every: Duration::from_millis(50),
            ..HouseOptions::default()
        };
        let settings = LiveSettings::new(Settings::default());
        let house = House::new(
            log,
            bus,
            Arc::new(SystemClock),
            settings,
            self.root.clone(),
            options,
        );
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread can be started");
        let (lanes, mine) = watch::channel(Lane::all().collect());
        let (shutdown, told) = watch::channel(false);
        runtime.spawn(async move {
            runner::run(Arc::new(house), mine, told)
                .await
                .expect("the log in memory opens");
        });
        let running = Running {
            runtime: Some(runtime),
            _lanes: lanes,
            _shutdown: shutdown,
        };
        let before = self
            .running
            .lock()
            .expect("nothing panics while it holds the runners")[number]
            .replace(running);
        drop(before);
    }

    fn end(&self) {
        self.running
            .lock()
            .expect("nothing panics while it holds the runners")
            .clear();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn open_doors(bus: Arc<dyn Bus>, root: RootSecret) -> RunningGateway {
    let mut options = GatewayOptions::at(([127, 0, 0, 1], 0).into());
    options.limits.command = ANSWER;
    options.limits.shutdown = Duration::from_millis(100);
    let house = gateway::House {
        bus,
        sealer: Sealer::new(root.clone()),
        clock: Arc::new(SystemClock),
        settings: LiveSettings::new(Settings::default()),
        journal: Arc::new(NoJournal),
        evidence: Arc::new(EvidenceBehindTheDoors::new(
            Arc::new(MemoryLog::new()),
            "nowhere".as_ref(),
            root.clone(),
        )),
        letters: Arc::new(NoLetters),
        pushes: None,
        root,
        instance: None,
    };
    gateway::serve(options, house)
        .await
        .expect("a free port can be listened on")
}

/// Nobody asks for letters here.
#[derive(Debug)]
struct NoLetters;

impl LettersQuery for NoLetters {
    fn put_aside<'a>(
        &'a self,
        _: &'a SystemId,
        _: Option<(Timestamp, LetterId)>,
        _: u32,
    ) -> BoxFuture<'a, Result<Vec<LetterPutAside>, LettersFailure>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn count_put_aside<'a>(
        &'a self,
        _: &'a SystemId,
        _: Option<&'a LetterId>,
    ) -> BoxFuture<'a, Result<u64, LettersFailure>> {
        async { Ok(0) }.boxed()
    }

    fn receivers<'a>(
        &'a self,
        _: &'a SystemId,
    ) -> BoxFuture<'a, Result<Receivers, LettersFailure>> {
        async { Ok(Receivers::default()) }.boxed()
    }
}

/// Nobody asks for the journal here.
#[derive(Debug)]
struct NoJournal;

impl JournalQuery for NoJournal {
    fn page<'a>(
        &'a self,
        _filter: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<Map<String, Value>>, JournalFailure>> {
        futures::future::ready(Ok(Vec::new())).boxed()
    }

    fn page_as_of<'a>(
        &'a self,
        _: &'a UserId,
        _: AsOf,
        _: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Option<JournalRecords>, JournalFailure>> {
        futures::future::ready(Ok(None)).boxed()
    }

    fn one<'a>(
        &'a self,
        _system_id: &'a SystemId,
        _event_id: i64,
    ) -> BoxFuture<'a, Result<Option<Map<String, Value>>, JournalFailure>> {
        futures::future::ready(Ok(None)).boxed()
    }

    fn recorded_at<'a>(
        &'a self,
        _: &'a SystemId,
        _: Position,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, JournalFailure>> {
        futures::future::ready(Ok(None)).boxed()
    }

    fn uncleaned<'a>(
        &'a self,
        _: &'a JournalFilter,
    ) -> BoxFuture<'a, Result<Vec<(Owner, RecordToClean)>, JournalFailure>> {
        futures::future::ready(Ok(Vec::new())).boxed()
    }

    fn owner_of<'a>(
        &'a self,
        _: &'a SystemId,
        _: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<UserId>, JournalFailure>> {
        futures::future::ready(Ok(None)).boxed()
    }

    fn figures<'a>(
        &'a self,
        _: &'a SystemId,
        _: Timestamp,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Figures, JournalFailure>> {
        futures::future::ready(Ok(Figures::default())).boxed()
    }

    fn wait_for(&self, _position: Position, _timeout: Duration) -> BoxFuture<'_, bool> {
        futures::future::ready(false).boxed()
    }
}
