//! The roles, composed: which parts run here, in which order they start, and in which they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bus::Bus;
use bus::shell::{Clock, LiveSettings, RootSecret, SystemClock};
use countersign::evidence::EvidenceBehindTheDoors;
use countersign::journal::JournalBehindTheDoors;
use countersign::process::SERVING;
use countersign::pushes::PushesBehindTheDoors;
use event_log::EventLog;
use gateway::{Doors, GatewayOptions, TokenFile};
use notary::{Notary, Place};
use projections::{Journal, Projector, ReadModels, StoredSettings};
use reactors::{
    CodeOptions, Codes, ConnectorOptions, Connectors, EgressPolicy, PushStation, Pusher,
    PusherOptions, Reactor, ReactorOptions,
};
use runner::{House, HouseOptions};
use schemas::Secret;
use schemas::settings::Settings;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bus_choice::OpenBus;
use super::licensing;
use super::stores::{Stores, prepare};
use super::{DoorChoice, Role, ServeArguments, egress, tls};
use crate::AnyError;
use crate::telemetry::{self, LogLines};

/// What every role is given.
struct Ground {
    log: Arc<dyn EventLog>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    root: RootSecret,
    settings: Arc<LiveSettings>,
    egress: Arc<EgressPolicy>,
    stores: Stores,
}

/// Starts the roles, says so, and serves until the process is told to end or a role cannot go on.
pub async fn serve(
    arguments: ServeArguments,
    settings: Settings,
    lines: LogLines,
) -> Result<(), AnyError> {
    let root = prepare(&arguments.data)?;
    let render_metrics = telemetry::start_metrics()?;
    let stores = Stores::choose(&arguments.data, arguments.database_url.as_deref()).signed_in(
        arguments.database_user.as_deref(),
        arguments.database_password.as_deref(),
    );
    let log = event_log::open(&stores.log).await?;
    let open_bus = OpenBus::open(&arguments).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ground = Ground {
        log,
        bus: open_bus.bus(),
        clock,
        root,
        settings: LiveSettings::new(settings),
        egress: egress::policy(&arguments, &open_bus)?,
        stores,
    };

    check_log_against_evidence(&ground, &arguments).await?;
    let (shutdown, told) = watch::channel(false);
    let mut parts: JoinSet<Result<(), AnyError>> = JoinSet::new();
    follow_settings(&ground, &mut parts, told.clone()).await?;
    let (live, its_end) = (Arc::clone(&ground.settings), ended(told.clone()));
    parts.spawn(async move {
        tokio::select! {
            () = lines.follow(live) => {}
            () = its_end => {}
        }
        Ok(())
    });
    let is = |role: Role| arguments.roles.contains(&role);
    let station = if is(Role::Reactors) || arguments.doors == DoorChoice::Pusher {
        open_station(&ground, &arguments)?
    } else {
        None
    };
    if let Some(station) = &station {
        let (station, its_end) = (Arc::clone(station), ended(told.clone()));
        parts.spawn(async move {
            station.run(its_end).await;
            Ok(())
        });
    }
    if is(Role::Projector) {
        start_projector(&ground, &mut parts, told.clone()).await?;
    }
    if is(Role::Reactors) {
        start_reactors(&ground, &mut parts, told.clone()).await?;
        if let Some(station) = &station {
            start_pusher(&ground, station, &mut parts, told.clone()).await?;
        }
        start_codes(&ground, &arguments, &mut parts, told.clone()).await?;
    }
    if is(Role::Notary) {
        start_notary(&ground, &arguments, &mut parts, told.clone())?;
    }
    let runner = if is(Role::Runner) {
        Some(start_runner(&ground, &arguments, told.clone()).await?)
    } else {
        None
    };
    let doors = if is(Role::Gateway) {
        let ready = Arc::new(AtomicBool::new(true));
        // What another process sends is asked for there.
        let own = station.filter(|_| arguments.pusher_url.is_none());
        let ready_now = Arc::clone(&ready);
        let doors = open_doors(&ground, &arguments, render_metrics, ready_now, own).await?;
        for door in doors.addresses() {
            ground.egress.close_door(door);
        }
        println!("countersign is {SERVING}{}", doors.first.address());
        if let Some(mobile) = &doors.mobile {
            println!("the devices' door is at {}", mobile.address());
        }
        Some((doors, ready))
    } else {
        None
    };

    let outcome = tokio::select! {
        reason = told_to_end() => { tracing::info!(reason, "ending"); Ok(()) }
        Some(ended) = parts.join_next() => match ended {
            Ok(Ok(())) => Err("a role ended by itself".into()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.into()),
        },
    };
    // From the outside in: no new requests, then nothing undecided, then everything told.
    if let Some((doors, ready)) = doors {
        ready.store(false, Ordering::Relaxed);
        doors.shutdown().await;
    }
    shutdown.send_replace(true);
    if let Some(runner) = runner {
        runner.await??;
    }
    while let Some(ended) = parts.join_next().await {
        ended??;
    }
    open_bus.end().await;
    outcome
}

/// Whatever the roles of this process are, the stored settings are in force before the first of them starts.
async fn follow_settings(
    ground: &Ground,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let (log, live) = (Arc::clone(&ground.log), Arc::clone(&ground.settings));
    let settings = StoredSettings::open(log, ground.root.clone(), live).await?;
    let bus = Arc::clone(&ground.bus);
    parts.spawn(async move {
        settings.run(bus, ended(told)).await;
        Ok(())
    });
    Ok(())
}

async fn start_projector(
    ground: &Ground,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let projector = Projector::open(Arc::clone(&ground.log), &ground.stores.read).await?;
    let bus = Arc::clone(&ground.bus);
    parts.spawn(async move { Ok(projector.run(bus, ended(told)).await?) });
    Ok(())
}

async fn start_reactors(
    ground: &Ground,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let reactor = Reactor::new(ReactorOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        settings: Arc::clone(&ground.settings),
        egress: Arc::clone(&ground.egress),
        clock: Arc::clone(&ground.clock),
        database_address: ground.stores.outbox.clone(),
    });
    let reactor = reactor.await?;
    let connectors = Connectors::new(ConnectorOptions {
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        settings: Arc::clone(&ground.settings),
        egress: Arc::clone(&ground.egress),
        clock: Arc::clone(&ground.clock),
    })?;
    let connectors_told = told.clone();
    parts.spawn(async move { Ok(connectors.run(ended(connectors_told)).await?) });
    parts.spawn(async move { Ok(reactor.run(ended(told)).await?) });
    Ok(())
}

/// Before anything is written, read into the read models or told to anybody: the log is what was signed.
async fn check_log_against_evidence(
    ground: &Ground,
    arguments: &ServeArguments,
) -> Result<(), AnyError> {
    let folder = Place::within(&arguments.data).folder;
    let checked = notary::gate(Arc::clone(&ground.log), &folder).await?;
    if let Some(checkpoint) = checked {
        let size = checkpoint.size();
        tracing::info!(records = size, "the log is what was signed");
    }
    Ok(())
}

/// The journal's folder lies among the data, whatever database has the log.
fn start_notary(
    ground: &Ground,
    arguments: &ServeArguments,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let notary = Notary::open(
        Arc::clone(&ground.log),
        Place::within(&arguments.data),
        arguments.evidence_name.as_deref(),
        bus::shell::random_bytes::<32>,
    )?;
    println!("checkpoints are signed by {}", notary.verifier_key());
    let (log, folder) = (
        Arc::clone(&ground.log),
        Place::within(&arguments.data).folder,
    );
    let its_end = ended(told.clone());
    parts.spawn(async move {
        notary::scrub(log, &folder, its_end).await;
        Ok(())
    });
    parts.spawn(async move { Ok(notary.run(ended(told)).await?) });
    Ok(())
}

/// Pushes are sent where there is a folder with their configuration, or by another process.
fn open_station(
    ground: &Ground,
    arguments: &ServeArguments,
) -> Result<Option<Arc<PushStation>>, AnyError> {
    let (clock, settings) = (Arc::clone(&ground.clock), Arc::clone(&ground.settings));
    if let Some(url) = &arguments.pusher_url {
        let token = arguments.pusher_token.clone().map(Secret::new);
        return Ok(Some(PushStation::elsewhere(url, token, clock, settings)?));
    }
    let folder = reactors::find_folder(arguments.pusher_config_path.as_deref())?;
    let Some(folder) = folder else {
        tracing::info!("no folder with a configuration of pushes: none are sent");
        return Ok(None);
    };
    Ok(Some(PushStation::open(folder, clock, settings)?))
}

async fn start_pusher(
    ground: &Ground,
    station: &Arc<PushStation>,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let pusher = Pusher::new(PusherOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        clock: Arc::clone(&ground.clock),
        database_address: ground.stores.outbox.clone(),
        station: Arc::clone(station),
    });
    let pusher = pusher.await?;
    parts.spawn(async move { Ok(pusher.run(ended(told)).await?) });
    Ok(())
}

/// Only where a way to users is configured.
async fn start_codes(
    ground: &Ground,
    arguments: &ServeArguments,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let (texts, ways) = (arguments.codes.texts()?, arguments.codes.ways()?);
    if ways.channels().is_empty() {
        return Ok(());
    }
    let codes = Codes::new(CodeOptions {
        log: Arc::clone(&ground.log),
        bus: Arc::clone(&ground.bus),
        root: ground.root.clone(),
        settings: Arc::clone(&ground.settings),
        egress: Arc::clone(&ground.egress),
        clock: Arc::clone(&ground.clock),
        database_address: ground.stores.outbox.clone(),
        texts,
        ways,
    });
    let codes = codes.await?;
    parts.spawn(async move { Ok(codes.run(ended(told)).await?) });
    Ok(())
}

async fn start_runner(
    ground: &Ground,
    arguments: &ServeArguments,
    told: watch::Receiver<bool>,
) -> Result<tokio::task::JoinHandle<Result<(), AnyError>>, AnyError> {
    let house = Arc::new(House::new(
        Arc::clone(&ground.log),
        Arc::clone(&ground.bus),
        Arc::clone(&ground.clock),
        Arc::clone(&ground.settings),
        ground.root.clone(),
        HouseOptions {
            license_issuer: licensing::issuer(arguments, &ground.settings.current())?,
            code_policy: arguments.codes.policy(),
            ..HouseOptions::default()
        },
    ));
    runner::check_log_against_stream(&house).await?;
    let name = hex::encode(bus::shell::random_bytes::<8>());
    let membership = bus::lanes::Membership::join(Arc::clone(&ground.bus), name).await?;
    let mine = membership.lanes();
    Ok(tokio::spawn(async move {
        let outcome = runner::run(house, mine, told).await;
        membership.leave().await;
        Ok(outcome?)
    }))
}

async fn open_doors(
    ground: &Ground,
    arguments: &ServeArguments,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ready: Arc<AtomicBool>,
    station: Option<Arc<PushStation>>,
) -> Result<OpenDoors, AnyError> {
    let read_models = ReadModels::open(&ground.stores.read).await?;
    let journal = Journal::open(
        &ground.stores.read,
        Arc::clone(&ground.log),
        ground.root.clone(),
    )
    .await?;
    let tls = tls::choose(arguments)?;
    let options = GatewayOptions {
        doors: match (arguments.doors, arguments.mobile_listen) {
            (DoorChoice::Mobile, _) => Doors::Mobile,
            (DoorChoice::Pusher, _) => Doors::Pusher,
            (DoorChoice::System, _) | (_, Some(_)) => Doors::System,
            (DoorChoice::All, None) => Doors::All,
        },
        tls,
        tokens: arguments
            .tokens
            .as_deref()
            .map(TokenFile::read)
            .transpose()?,
        issuer_public_key: arguments
            .issuer_public_key
            .as_deref()
            .map(hex::decode)
            .transpose()?,
        trusted_hops: arguments.trusted_hops,
        locale: arguments.locale,
        themes_path: arguments.themes_path.clone(),
        deeplink_scheme: arguments.deeplink_scheme.clone(),
        render_metrics,
        is_ready: Arc::new(move || ready.load(Ordering::Relaxed)),
        ..GatewayOptions::at(arguments.listen())
    };
    let house = gateway::House {
        bus: Arc::clone(&ground.bus),
        sealer: bus::Sealer::new(ground.root.clone()),
        clock: Arc::clone(&ground.clock),
        settings: Arc::clone(&ground.settings),
        journal: Arc::new(JournalBehindTheDoors {
            journal,
            read_models,
        }),
        evidence: Arc::new(EvidenceBehindTheDoors::new(
            Arc::clone(&ground.log),
            &Place::within(&arguments.data).folder,
            ground.root.clone(),
        )),
        pushes: station.map(|station| Arc::new(PushesBehindTheDoors(station)) as _),
        root: ground.root.clone(),
        instance: arguments.instance_name.clone(),
    };
    let mobile = match arguments.mobile_listen {
        None => None,
        Some(address) => {
            let options = GatewayOptions {
                address,
                doors: Doors::Mobile,
                ..options.clone()
            };
            Some(gateway::serve(options, house.clone()).await?)
        }
    };
    Ok(OpenDoors {
        first: gateway::serve(options, house).await?,
        mobile,
    })
}

/// The listeners.
struct OpenDoors {
    first: gateway::RunningGateway,
    /// For the devices alone, when it has a place of its own.
    mobile: Option<gateway::RunningGateway>,
}

impl OpenDoors {
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let mobile = self.mobile.as_ref();
        let both = std::iter::once(&self.first).chain(mobile);
        both.map(gateway::RunningGateway::address)
    }

    async fn shutdown(self) {
        let mobile = async {
            if let Some(mobile) = self.mobile {
                mobile.shutdown().await;
            }
        };
        tokio::join!(self.first.shutdown(), mobile);
    }
}

/// Ends when the process is told to.
async fn told_to_end() -> &'static str {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without signals the process can still be killed, which loses nothing.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

async fn ended(mut told: watch::Receiver<bool>) {
    // A dropped sender means the process is ending, too.
    told.wait_for(|ended| *ended).await.ok();
}
