//! The whole service inside the test's process: log, bus, runner, projector, reactors and doors, on a free port of the
//! loopback interface.
//!
//! Its clock stands still until the test moves it, and the devices read the same clock. Nothing of it outlives the test,
//! however the test ends.

mod node;
mod people;
mod plan;
mod service;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use bus::shell::LiveSettings;
use bus::{Bus, InProcessBus, JetStreamBus};
use countersign::evidence::EvidenceBehindTheDoors;
use countersign::journal::JournalBehindTheDoors;
use countersign::outbox::LettersBehindTheDoors;
use countersign::pushes::PushesBehindTheDoors;
use event_log::{EventLog, MemoryLog, SqliteLog};
use gateway::{GatewayOptions, RunningGateway};
use notary::Place;
use projections::{Journal, Projector, StoredSettings};
use reactors::{
    CodeOptions, CodeTexts, Codes, ConnectorOptions, Connectors, EgressPolicy, Letters,
    PushStation, Pusher, PusherOptions, Reactor, ReactorOptions, Removal, RemovalOptions,
};
use runner::{House, HouseOptions, RunnerError};
use schemas::envelope::RecordedEvent;
use schemas::{Lane, Owner, Secret, Timestamp, codec};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use node::Node;
pub use people::{Issued, Phone, SYSTEM_ID, owner};
pub use plan::{LogChoice, Plan};
pub use service::{Said, Service};

/// Any error; the tests read its text.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A running service.
#[derive(Debug)]
pub struct TestHouse {
    plan: Plan,
    log: Arc<dyn EventLog>,
    bus: Arc<dyn Bus>,
    projector: Arc<Projector>,
    settings: Arc<LiveSettings>,
    station: Option<Arc<PushStation>>,
    doors: RunningGateway,
    runners: Vec<Runner>,
    stop: watch::Sender<bool>,
    parts: JoinSet<Result<(), AnyError>>,
    transport: device::ReqwestTransport,
}

/// A house that did not start.
#[derive(Debug)]
pub struct NotStarted {
    /// What was planned, for another try.
    pub plan: Plan,
    /// Why not.
    pub reason: AnyError,
}

/// A runner, and the lanes it is told to serve.
#[derive(Debug)]
struct Runner {
    lanes: watch::Sender<BTreeSet<Lane>>,
    task: JoinHandle<Result<(), RunnerError>>,
}

impl TestHouse {
    /// A house with a log in memory and every setting at its default.
    pub async fn open() -> Self {
        Self::start(Plan::new(LogChoice::Memory)).await
    }

    /// A house with its log on disk, so that it can be restarted like the program.
    pub async fn on_disk() -> Self {
        Self::start(Plan::new(LogChoice::Sqlite)).await
    }

    /// Builds what is planned.
    pub async fn start(plan: Plan) -> Self {
        match Self::try_start(plan).await {
            Ok(house) => house,
            Err(not_started) => panic!("the house does not start: {:?}", not_started.reason),
        }
    }

    /// Builds what is planned, or says why it cannot be; the plan comes back for another try.
    pub async fn try_start(plan: Plan) -> Result<Self, Box<NotStarted>> {
        match Built::new(&plan).await {
            Ok(built) => Ok(built.into_house(plan)),
            Err(reason) => {
                plan.close_log().await;
                Err(Box::new(NotStarted { plan, reason }))
            }
        }
    }

    /// Ends it and starts it again on the same stores and the same port.
    pub async fn restart(self) -> Self {
        Self::start(self.end().await).await
    }

    /// Ends it from the outside in, as the program does. A part that failed meanwhile fails the test here.
    pub async fn end(mut self) -> Plan {
        self.plan.listen = self.doors.address();
        self.doors.shutdown().await;
        self.stop.send_replace(true);
        for runner in self.runners {
            let ended = runner.task.await.expect("a runner does not panic");
            ended.expect("a runner ends well");
        }
        while let Some(ended) = self.parts.join_next().await {
            let ended = ended.expect("a part of the house does not panic");
            ended.expect("a part of the house ends well");
        }
        crate::coverage::note_log(&*self.log).await;
        self.plan.close_log().await;
        self.plan
    }

    /// What time it is in the house.
    pub fn now(&self) -> Timestamp {
        self.plan.clock().now()
    }

    /// Moves the clock of the house and of all devices.
    pub fn advance_ms(&self, ms: i64) {
        self.plan.advance_ms(ms);
    }

    /// Where the doors are.
    pub fn address(&self) -> SocketAddr {
        self.doors.address()
    }

    /// `http://host:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What sends pushes.
    pub fn station(&self) -> &Arc<PushStation> {
        let station = self.station.as_ref();
        station.expect("this house was planned with pushes")
    }

    /// The settings in force.
    pub fn settings(&self) -> &LiveSettings {
        &self.settings
    }

    /// The log.
    pub fn log(&self) -> &dyn EventLog {
        &*self.log
    }

    /// The bus.
    pub fn bus(&self) -> &dyn Bus {
        &*self.bus
    }

    /// What keeps the read models.
    pub fn projector(&self) -> &Projector {
        &self.projector
    }

    /// Everything that ever happened to somebody.
    pub async fn history(&self, owner: &Owner) -> Vec<RecordedEvent> {
        let events = self.log.load(owner, 0).await.expect("the log is readable");
        let decoded = events.iter().map(|event| codec::decode(&event.payload));
        decoded
            .collect::<Result<_, _>>()
            .expect("the house wrote it")
    }

    /// How often a word with that result stands in somebody's history.
    pub async fn count(&self, owner: &Owner, word: &str, result: u16) -> usize {
        let history = self.history(owner).await;
        let counted = history
            .iter()
            .filter(|event| event.event.word() == word && event.result.number() == result);
        counted.count()
    }

    /// Number of every lane's last event.
    pub async fn heads(&self) -> Vec<u64> {
        self.log.heads().await.expect("the log is readable")
    }

    /// Starts another runner that believes in the same lanes: the newer one fences the older.
    pub async fn start_another_runner(&mut self) {
        let told = self.stop.subscribe();
        let runner = Runner::start(&self.plan, &self.log, &self.bus, &self.settings, told).await;
        self.runners
            .push(runner.expect("the bus and the log are there"));
    }

    /// Takes all lanes from the oldest runner.
    pub fn retire_oldest_runner(&self) {
        self.runners[0].lanes.send_replace(BTreeSet::new());
    }
}

/// What starts, in the program's order. Whatever fails ends what was started before it.
struct Built {
    log: Arc<dyn EventLog>,
    bus: Arc<dyn Bus>,
    projector: Arc<Projector>,
    settings: Arc<LiveSettings>,
    station: Option<Arc<PushStation>>,
    doors: RunningGateway,
    runner: Runner,
    stop: watch::Sender<bool>,
    parts: JoinSet<Result<(), AnyError>>,
}

impl Built {
    async fn new(plan: &Plan) -> Result<Self, AnyError> {
        let log = open_log(plan).await?;
        let bus: Arc<dyn Bus> = match &plan.nats {
            Some(options) => JetStreamBus::connect(options.clone()).await?,
            None => InProcessBus::new(),
        };
        let (stop, told) = watch::channel(false);
        let mut parts = JoinSet::new();

        let projector = Projector::open(Arc::clone(&log), &plan.store("read")).await?;
        let projector = Arc::new(projector);
        let (following, its_bus, its_end) = (Arc::clone(&projector), bus.clone(), told.clone());
        parts.spawn(async move { Ok(following.run(its_bus, ended(its_end)).await?) });

        let settings = follow_settings(plan, &log, &bus, &mut parts, told.clone()).await?;
        let egress = EgressPolicy::new(plan.egress.clone());
        let reactor = Reactor::new(ReactorOptions {
            log: Arc::clone(&log),
            bus: Arc::clone(&bus),
            root: plan.root.clone(),
            settings: Arc::clone(&settings),
            egress: Arc::clone(&egress),
            clock: plan.clock(),
            database_address: plan.outbox(),
        });
        let (reactor, its_end) = (reactor.await?, told.clone());
        parts.spawn(async move { Ok(reactor.run(ended(its_end)).await?) });
        let removal = Removal::new(RemovalOptions {
            log: Arc::clone(&log),
            bus: Arc::clone(&bus),
            root: plan.root.clone(),
            clock: plan.clock(),
            read_address: plan.store("read"),
        });
        let (removal, its_end) = (removal.await?, told.clone());
        parts.spawn(async move {
            removal.run(ended(its_end)).await;
            Ok(())
        });
        let connectors = Connectors::new(ConnectorOptions {
            bus: Arc::clone(&bus),
            root: plan.root.clone(),
            settings: Arc::clone(&settings),
            egress: Arc::clone(&egress),
            clock: plan.clock(),
        })?;
        let its_end = told.clone();
        parts.spawn(async move { Ok(connectors.run(ended(its_end)).await?) });

        let station = if plan.pushes {
            Some(start_pusher(plan, (&log, &bus), &settings, &mut parts, told.clone()).await?)
        } else {
            None
        };
        start_codes(
            plan,
            (&log, &bus),
            (&settings, &egress),
            &mut parts,
            told.clone(),
        )
        .await?;
        let runner = Runner::start(plan, &log, &bus, &settings, told).await?;
        let own = station.clone().filter(|_| plan.pusher.is_none());
        let doors = open_doors(plan, plan.listen, &log, &bus, &settings, &projector, own).await?;
        egress.close_door(doors.address());
        Ok(Self {
            log,
            bus,
            projector,
            settings,
            station,
            doors,
            runner,
            stop,
            parts,
        })
    }

    fn into_house(self, plan: Plan) -> TestHouse {
        TestHouse {
            plan,
            log: self.log,
            bus: self.bus,
            projector: self.projector,
            settings: self.settings,
            station: self.station,
            doors: self.doors,
            runners: vec![self.runner],
            stop: self.stop,
            parts: self.parts,
            transport: people::transport(),
        }
    }
}

impl Runner {
    async fn start(
        plan: &Plan,
        log: &Arc<dyn EventLog>,
        bus: &Arc<dyn Bus>,
        settings: &Arc<LiveSettings>,
        told: watch::Receiver<bool>,
    ) -> Result<Self, RunnerError> {
        let house = Arc::new(House::new(
            Arc::clone(log),
            Arc::clone(bus),
            plan.clock(),
            Arc::clone(settings),
            plan.root.clone(),
            HouseOptions {
                license_issuer: plan.license_issuer.clone(),
                code_policy: plan.code_policy.clone(),
                ..HouseOptions::default()
            },
        ));
        runner::check_log_against_stream(&house).await?;
        // No membership: the test decides who believes in which lanes.
        let (lanes, mine) = watch::channel(Lane::all().collect());
        let task = tokio::spawn(runner::run(house, mine, told));
        Ok(Self { lanes, task })
    }
}

async fn open_log(plan: &Plan) -> Result<Arc<dyn EventLog>, AnyError> {
    let mut opened = plan.log.lock().await;
    Ok(match &mut *opened {
        plan::Log::Memory(log) => {
            Arc::clone(log.get_or_insert_with(|| Arc::new(MemoryLog::new()))) as _
        }
        plan::Log::Sqlite(log) => {
            let newly = Arc::new(SqliteLog::open(plan.log_file()).await?);
            *log = Some(Arc::clone(&newly));
            newly
        }
    })
}

async fn follow_settings(
    plan: &Plan,
    log: &Arc<dyn EventLog>,
    bus: &Arc<dyn Bus>,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<Arc<LiveSettings>, AnyError> {
    let live = LiveSettings::new(plan.settings.clone());
    let stored = StoredSettings::open(Arc::clone(log), plan.root.clone(), Arc::clone(&live));
    let (stored, bus) = (stored.await?, Arc::clone(bus));
    parts.spawn(async move {
        stored.run(bus, ended(told)).await;
        Ok(())
    });
    Ok(live)
}

async fn start_codes(
    plan: &Plan,
    (log, bus): (&Arc<dyn EventLog>, &Arc<dyn Bus>),
    (settings, egress): (&Arc<LiveSettings>, &Arc<EgressPolicy>),
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    if plan.code_ways.channels().is_empty() {
        return Ok(());
    }
    let codes = Codes::new(CodeOptions {
        log: Arc::clone(log),
        bus: Arc::clone(bus),
        root: plan.root.clone(),
        settings: Arc::clone(settings),
        egress: Arc::clone(egress),
        clock: plan.clock(),
        database_address: plan.outbox(),
        texts: CodeTexts::built_in(0),
        ways: (*plan.code_ways).clone(),
    });
    let codes = codes.await?;
    parts.spawn(async move { Ok(codes.run(ended(told)).await?) });
    Ok(())
}

async fn start_pusher(
    plan: &Plan,
    (log, bus): (&Arc<dyn EventLog>, &Arc<dyn Bus>),
    settings: &Arc<LiveSettings>,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<Arc<PushStation>, AnyError> {
    let (clock, settings) = (plan.clock(), Arc::clone(settings));
    let station = match &plan.pusher {
        Some((url, token)) => {
            let token = Some(Secret::new(token.clone()));
            PushStation::elsewhere(url, token, clock, settings)?
        }
        None => PushStation::open(plan.pusher_folder(), clock, settings)?,
    };
    let pusher = Pusher::new(PusherOptions {
        log: Arc::clone(log),
        bus: Arc::clone(bus),
        root: plan.root.clone(),
        clock: plan.clock(),
        database_address: plan.outbox(),
        station: Arc::clone(&station),
    });
    let pusher = pusher.await?;
    parts.spawn(async move { Ok(pusher.run(ended(told)).await?) });
    Ok(station)
}

async fn open_doors(
    plan: &Plan,
    listen: SocketAddr,
    log: &Arc<dyn EventLog>,
    bus: &Arc<dyn Bus>,
    settings: &Arc<LiveSettings>,
    projector: &Arc<Projector>,
    station: Option<Arc<PushStation>>,
) -> Result<RunningGateway, AnyError> {
    let journal = Journal::open(&plan.store("read"), Arc::clone(log), plan.root.clone()).await?;
    let options = GatewayOptions {
        tokens: plan.tokens.clone(),
        issuer_public_key: plan.issuer.clone(),
        themes_path: Some(plan.folder().join("themes")),
        ..GatewayOptions::at(listen)
    };
    let house = gateway::House {
        bus: Arc::clone(bus),
        sealer: bus::Sealer::new(plan.root.clone()),
        clock: plan.clock(),
        settings: Arc::clone(settings),
        journal: Arc::new(JournalBehindTheDoors {
            journal,
            read_models: projector.read_models(),
            log: Arc::clone(log),
            root: plan.root().clone(),
        }),
        evidence: Arc::new(EvidenceBehindTheDoors::new(
            Arc::clone(log),
            &Place::within(plan.folder()).folder,
            plan.root.clone(),
        )),
        letters: Arc::new(LettersBehindTheDoors(Letters::open(&plan.outbox()).await?)),
        pushes: station.map(|station| Arc::new(PushesBehindTheDoors(station)) as _),
        root: plan.root.clone(),
        instance: Some("test-house".to_owned()),
    };
    Ok(gateway::serve(options, house).await?)
}

async fn ended(mut told: watch::Receiver<bool>) {
    // A dropped sender means that the house is gone, too.
    told.wait_for(|ended| *ended).await.ok();
}
