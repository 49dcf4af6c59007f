//! The runner carries: it takes commands from the bus, gathers facts, lets the deciders decide, appends what they say and
//! answers. It holds no rule and no SQL; it is the only writer of the log and of the public stream.
//!
//! A command's way: [`pump`] takes it, [`gather`] fetches what its decision needs, [`lane`] decides it in a group with
//! whatever else is queued, appends the group, and answers; [`relay`] publishes what was appended.

mod answering;
mod deciding;
mod gather;
mod growth;
mod house;
mod lane;
mod licenses;
mod outside;
mod owners;
mod past;
mod pump;
mod redelivery;
mod relay;
mod systems;
mod timers;
mod verifying;

pub use house::{House, HouseOptions};
pub use lane::LaneEnd;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemas::Lane;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why a runner cannot work.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The log could not be read or opened.
    #[error("cannot open the log")]
    Log(#[from] event_log::Failure),
    /// The bus could not be used.
    #[error("cannot use the bus")]
    Bus(#[from] bus::BusError),
    /// The public stream has events that the log does not have: the log was cut, or an older copy was restored.
    #[error(
        "lane {lane} of the log ends at {log}, but the public stream has already seen {published}: the log was cut or an \
         older copy was restored. Nothing is written. Restore the newest copy of the log before starting again"
    )]
    LogIsBehind {
        /// Which lane.
        lane: Lane,
        /// Number of the log's last event.
        log: u64,
        /// Number of the stream's last event.
        published: u64,
    },
}

/// Checks, before anything is written, that the log is not behind what the public stream has seen.
pub async fn check_log_against_stream(house: &House) -> Result<(), RunnerError> {
    // In this order: while other runners are at work, the log grows before the stream does.
    let published = house.bus.published().await?;
    let heads = house.log.heads().await?;
    for (lane, (log, published)) in Lane::all().zip(heads.into_iter().zip(published)) {
        if published > log {
            return Err(RunnerError::LogIsBehind {
                lane,
                log,
                published,
            });
        }
    }
    Ok(())
}

/// Serves the lanes that `mine` names, starting and ending them as the set changes, until `shutdown` turns true.
pub async fn run(
    house: Arc<House>,
    mut mine: watch::Receiver<BTreeSet<Lane>>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), RunnerError> {
    check_log_against_stream(&house).await?;
    let relay = relay::start(Arc::clone(&house)).await?;
    let mut running: BTreeMap<Lane, RunningLane> = BTreeMap::new();
    loop {
        let wanted = mine.borrow_and_update().clone();
        running.retain(|_, lane| !lane.task.is_finished());
        for lane in running
            .keys()
            .filter(|lane| !wanted.contains(lane))
            .copied()
            .collect::<Vec<_>>()
        {
            if let Some(ending) = running.remove(&lane) {
                ending.end().await;
            }
        }
        for lane in wanted {
            if let std::collections::btree_map::Entry::Vacant(free) = running.entry(lane) {
                free.insert(RunningLane::start(Arc::clone(&house), lane, relay.clone()));
            }
        }
        tokio::select! {
            changed = mine.changed() => if changed.is_err() { break },
            changed = shutdown.changed() => if changed.is_err() || *shutdown.borrow() { break },
            // A lane that lost its fence or could not start is taken up again while it is still ours.
            () = tokio::time::sleep(house.options.lane_retry) => {}
        }
    }
    for (_, lane) in running {
        lane.end().await;
    }
    relay.end().await;
    Ok(())
}

#[derive(Debug)]
struct RunningLane {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningLane {
    fn start(house: Arc<House>, lane: Lane, relay: relay::Relay) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            match lane::serve(house, lane, relay, stopped).await {
                Ok(LaneEnd::Stopped) => tracing::debug!(%lane, "lane ended"),
                Ok(LaneEnd::Fenced) => {
                    tracing::warn!(%lane, "another runner took the lane; we stopped writing it");
                }
                Err(error) => {
                    tracing::error!(%lane, error = &error as &dyn std::error::Error, "lane could not be served");
                }
            }
        });
        Self { stop, task }
    }

    async fn end(self) {
        // The lane may already be gone; then there is nobody to tell.
        self.stop.send(true).ok();
        self.task.await.ok();
    }
}
