//! The connection, and the keeper that puts the streams back after a server came back without them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{Context, ContextBuilder};
use async_nats::{Client, Event};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::apply::Applied;
use super::options::{self, JetStreamOptions, UnreachableError};
use super::topology::Topology;
use crate::port::BusError;

/// Pause between two attempts to put the streams back.
const REPAIR_PAUSE: Duration = Duration::from_millis(250);
const REPAIR_PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long the keeper waits for one answer.
const REPAIR_REQUEST_MAX: Duration = Duration::from_secs(2);

/// How long whoever opens a lane or asks the streams waits for them.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// How many publishes may be unacknowledged at once.
const UNACKNOWLEDGED_MAX: usize = 16_384;

/// The connection, shared by everything that uses it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    usable: watch::Receiver<Usable>,
    repair: Arc<Notify>,
    /// Set only once the keeper runs; ends it when the link goes.
    keeper: std::sync::OnceLock<Guarded>,
    connections: watch::Receiver<Connections>,
    usable_sender: watch::Sender<Usable>,
}

/// What the client tells about the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Connections {
    made: u64,
    is_up: bool,
}

/// Whether the streams can be used now, and how often they became usable: with every new generation consumers have to be
/// made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usable {
    generation: u64,
    now: bool,
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(super) struct Guarded(pub(super) JoinHandle<()>);

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Connects. The streams are not looked at yet: see [`Self::keep`].
    pub(super) async fn connect(options: &JetStreamOptions) -> Result<Self, UnreachableError> {
        let (heard, connections) = watch::channel(Connections::default());
        let client = options::connect(options, &options.access, move |event| {
            hear(&heard, &event);
        })
        .await?;
        let context = ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .max_ack_inflight(UNACKNOWLEDGED_MAX)
            .build(client.clone());
        let (usable_sender, usable) = watch::channel(Usable {
            generation: 0,
            now: true,
        });
        Ok(Self {
            client,
            context,
            usable,
            repair: Arc::default(),
            keeper: std::sync::OnceLock::new(),
            connections,
            usable_sender,
        })
    }

    /// From now on the streams are put back whenever a server comes back without them.
    pub(super) async fn keep(&self, topology: Topology) {
        let mut connections = self.connections.clone();
        // The news of the first connection may still be under way; taking it for a second one would only cost work.
        let first = connections.wait_for(|connections| connections.made > 0);
        drop(tokio::time::timeout(Duration::from_secs(1), first).await);
        connections.mark_unchanged();
        let mut context = self.context.clone();
        // While a cluster elects a leader nobody answers: better to ask again soon than to wait long.
        context.set_timeout(REPAIR_REQUEST_MAX);
        let keeper = Keeper {
            context,
            topology,
            connections,
            usable: self.usable_sender.clone(),
            repair: Arc::clone(&self.repair),
        };
        let task = Guarded(tokio::spawn(keeper.run()));
        drop(self.keeper.set(task));
    }

    /// Waits until the streams can be used; says which generation of them.
    pub(super) async fn usable(&self) -> u64 {
        let mut usable = self.usable.clone();
        let usable = usable.wait_for(|usable| usable.now).await;
        usable
            .expect("the link holds the sender as long as anybody can ask")
            .generation
    }

    /// The same, for callers who would rather hear of a failure than wait for ever.
    pub(super) async fn usable_soon(&self, attempt: &str) -> Result<u64, BusError> {
        tokio::time::timeout(PATIENCE, self.usable())
            .await
            .map_err(|_| {
                BusError::new(
                    attempt,
                    "nats is not reachable, or its streams are not there",
                )
            })
    }

    /// Whether the connection is up at this moment.
    pub(super) fn is_up(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Waits until that generation is over.
    pub(super) async fn outlives(&self, generation: u64) {
        let mut usable = self.usable.clone();
        let over = usable.wait_for(|usable| usable.generation != generation);
        drop(over.await);
    }

    /// Says that a stream seems to be missing.
    pub(super) fn ask_for_repair(&self) {
        self.repair.notify_one();
    }
}

fn hear(connections: &watch::Sender<Connections>, event: &Event) {
    match event {
        Event::Connected => connections.send_modify(|connections| {
            connections.made += 1;
            connections.is_up = true;
        }),
        Event::Disconnected | Event::Closed => {
            connections.send_modify(|connections| connections.is_up = false);
        }
        Event::SlowConsumer(_) => {
            tracing::warn!("a subscription was too slow and lost messages");
        }
        Event::ServerError(error) => tracing::warn!(%error, "the nats server reports an error"),
        Event::ClientError(error) => tracing::debug!(%error, "the nats client reports an error"),
        Event::LameDuckMode | Event::Draining => {}
    }
}

struct Keeper {
    context: Context,
    topology: Topology,
    connections: watch::Receiver<Connections>,
    usable: watch::Sender<Usable>,
    repair: Arc<Notify>,
}

impl Keeper {
    async fn run(mut self) {
        let mut known = self.connections.borrow().made;
        loop {
            tokio::select! {
                changed = self.connections.changed() => if changed.is_err() { return },
                () = self.repair.notified() => {}
            }
            let connections = *self.connections.borrow_and_update();
            if !connections.is_up {
                tracing::warn!("the connection to nats is lost");
                self.usable.send_modify(|usable| usable.now = false);
                continue;
            }
            if connections.made != known {
                tracing::info!("the connection to nats is back");
                known = connections.made;
                // Usually the streams are there. Where they are not, whoever needs them hears so and tries again.
                self.new_generation();
            }
            let mut news = self.connections.clone();
            let applied = tokio::select! {
                applied = self.apply() => applied,
                _ = news.changed() => continue,
            };
            if applied == Applied::Created {
                self.new_generation();
            }
        }
    }

    fn new_generation(&self) {
        self.usable.send_modify(|usable| {
            usable.generation += 1;
            usable.now = true;
        });
    }

    /// Applies the topology, however long it takes.
    async fn apply(&self) -> Applied {
        let mut pause = REPAIR_PAUSE;
        loop {
            match self.topology.apply(&self.context).await {
                Ok(applied) => return applied,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot put the streams back; trying again"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(REPAIR_PAUSE_MAX);
                }
            }
        }
    }
}
