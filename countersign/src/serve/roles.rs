//! The roles, composed: which parts run here, in which order they start, and in which they end.

mod analytics;
mod delivery;
mod doors;
mod evidence;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bus::Bus;
use bus::shell::{Clock, LiveSettings, RootSecret, SystemClock};
use countersign::process::SERVING;
use event_log::{EventLog, Recent};
use projections::{Projector, StoredSettings};
use reactors::EgressPolicy;
use runner::{House, HouseOptions};
use schemas::settings::Settings;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::analytics::start_analytics;
use self::delivery::{open_station, start_codes, start_pusher, start_reactors};
use self::doors::open_doors;
use self::evidence::{check_log_against_evidence, start_notary};
use super::bus_choice::OpenBus;
use super::licensing;
use super::stores::{Stores, prepare};
use super::{DoorChoice, Role, ServeArguments, egress};
use crate::AnyError;
use crate::ending::Ending;
use crate::telemetry::{self, LogLines};

/// How long the parts may take to end: less than whoever started us usually waits before it kills.
const PATIENCE: Duration = Duration::from_secs(20);
const UNFINISHED: &str = "not everything could be brought to an end, because something that is needed for it does not \
                          answer; nothing is lost: whoever starts next takes it up";

/// What every role is given.
struct Ground {
    /// With what was appended last in memory.
    log: Arc<dyn EventLog>,
    /// As the store has it, for those who ask whether the store has it right.
    stored: Arc<dyn EventLog>,
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
    let stored = event_log::open(&stores.log).await?;
    let open_bus = OpenBus::open(&arguments).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ground = Ground {
        log: Recent::over(Arc::clone(&stored)),
        stored,
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
    if is(Role::Reactors) || open_bus.accounts().is_some() {
        start_analytics(&ground, &open_bus, &mut parts, told.clone());
    }
    if is(Role::Notary) {
        start_notary(&ground, &arguments, &mut parts, told.clone())?;
    }
    let runner = if is(Role::Runner) {
        Some(start_runner(&ground, &arguments, told.clone()).await?)
    } else {
        None
    };
    let ending = Ending::listen()?;
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
        reason = ending.told() => { tracing::info!(reason, "ending"); Ok(()) }
        Some(ended) = parts.join_next() => match ended {
            Ok(Ok(())) => Err("a role ended by itself".into()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.into()),
        },
    };
    // From the outside in: no new requests, then nothing undecided, then everything told.
    let everything = async {
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
        Ok::<(), AnyError>(())
    };
    let ended = tokio::time::timeout(PATIENCE, everything).await;
    drop(ground);
    open_bus.end().await;
    outcome.and(ended.unwrap_or_else(|_| Err(UNFINISHED.into())))
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

async fn ended(mut told: watch::Receiver<bool>) {
    // A dropped sender means the process is ending, too.
    told.wait_for(|ended| *ended).await.ok();
}
