//! A `nats-server` of our own: started, watched, started again when it dies, and ended with us.
//!
//! It listens on the loopback interface only, lets in nobody without the password drawn for this run, and flushes every
//! message (`sync_interval: always`). Its data folder is its own.

mod accounts;
pub mod binary;
mod configuration;
pub mod fetch;
mod supervisor;

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemas::Secret;
use tokio::sync::{mpsc, watch};

use crate::jetstream::{Access, JetStreamOptions, SyncProof};
use crate::shell::random_bytes;
pub use accounts::{AccountsError, AccountsOfChild};
use binary::BinaryError;
use configuration::Configuration;
use supervisor::{Order, Supervisor};

/// How long the server may take until it listens.
const START_MAX: Duration = Duration::from_secs(20);

/// How to run the server.
#[derive(Clone, Debug)]
pub struct ChildOptions {
    /// The program: see [`binary::find`].
    pub binary: PathBuf,
    /// Its data folder; created when missing. One server at a time.
    pub folder: PathBuf,
    /// Port of the loopback interface for clients; `None` for the one of the last time as long as it is free, and for one of
    /// the server's choice otherwise. Analysts want one that stays.
    pub port: Option<u16>,
    /// Memory for commands under way, bytes; default 512 MiB.
    pub memory_bytes_max: u64,
    /// Disk for events, bytes; default 64 GiB. The server refuses events beyond it.
    pub disk_bytes_max: u64,
}

impl ChildOptions {
    /// That program in that folder, with the default limits.
    pub fn new(binary: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            folder: folder.into(),
            port: None,
            memory_bytes_max: 512 * 1024 * 1024,
            disk_bytes_max: 64 * 1024 * 1024 * 1024,
        }
    }
}

/// Why there is no server of our own.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// No program, or not one we trust.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The data folder cannot be used.
    #[error("cannot use the data folder {folder} of nats-server")]
    Folder {
        /// Which folder.
        folder: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Another server, or another program of ours, uses the folder. Two servers on one folder would destroy it.
    #[error("the data folder {folder} of nats-server is in use{by}")]
    InUse {
        /// Which folder.
        folder: String,
        /// By whom, as far as we know.
        by: String,
    },
    /// The program cannot be started.
    #[error("cannot start nats-server")]
    Start(#[source] std::io::Error),
    /// It ended before it listened.
    #[error("nats-server ended at once ({status}): {said}")]
    EndedAtOnce {
        /// How.
        status: String,
        /// The end of what it wrote.
        said: String,
    },
    /// It runs and does not listen.
    #[error("nats-server did not listen within {} s", START_MAX.as_secs())]
    NotListening,
}

/// What the server does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It listens, under this process id.
    Running(u32),
    /// It is being started again, or is held down.
    Down,
}

/// The running server. Dropping it ends it.
#[derive(Debug)]
pub struct NatsServer {
    configuration: Configuration,
    orders: Option<mpsc::UnboundedSender<Order>>,
    state: watch::Receiver<ChildState>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// The lock on the folder.
    _claim: std::fs::File,
}

impl NatsServer {
    /// Starts the server and waits until it listens.
    pub async fn start(options: ChildOptions) -> Result<Self, ChildError> {
        binary::check(&options.binary)?;
        let mut configuration = Configuration::new(&options, password());
        configuration.prepare()?;
        let claim = configuration.claim().await?;
        configuration.keep_the_port();
        let supervisor = Supervisor::new(options.binary, configuration.clone());
        let (thread, running) = supervisor.run()?;
        let started = running.await.map_err(|_| ChildError::NotListening)??;
        configuration.ports = Some(started.ports);
        configuration.tell_access()?;
        Ok(Self {
            configuration,
            orders: Some(started.orders),
            state: started.state,
            thread: Some(thread),
            _claim: claim,
        })
    }

    /// How to connect to it.
    pub fn options(&self) -> JetStreamOptions {
        let mut options = JetStreamOptions::new(self.configuration.url());
        options.access = Access::Password {
            user: configuration::USER.to_owned(),
            password: self.configuration.password.clone(),
        };
        options.sync_proof = SyncProof::OurOwnServer;
        options
    }

    /// The accounts of analysts in it.
    pub fn accounts(&self) -> AccountsOfChild {
        let orders = self.orders.as_ref();
        AccountsOfChild::new(
            self.configuration.clone(),
            orders.map(mpsc::UnboundedSender::downgrade),
        )
    }

    /// Address of its monitor, `host:port`, on the loopback interface.
    pub fn monitor(&self) -> String {
        self.configuration.monitor()
    }

    /// Its data folder.
    pub fn folder(&self) -> &Path {
        &self.configuration.folder
    }

    /// What it does, and every change of it.
    pub fn state(&self) -> watch::Receiver<ChildState> {
        self.state.clone()
    }

    /// Kills it as a crash would and keeps it down until [`Self::let_up`]: for rehearsing outages.
    pub async fn hold_down(&self) {
        self.order(Order::HoldDown);
        self.wait_until(|state| state == ChildState::Down).await;
    }

    /// Starts it again on the same port, and waits until it listens.
    pub async fn let_up(&self) {
        self.order(Order::LetUp);
        self.wait_until(|state| state != ChildState::Down).await;
    }

    /// Ends it in an orderly way.
    pub async fn stop(mut self) {
        self.order(Order::Stop);
        self.wait_until(|state| state == ChildState::Down).await;
        self.end();
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A supervisor that is gone has ended the server.
            let _ = orders.send(order);
        }
    }

    async fn wait_until(&self, wanted: impl Fn(ChildState) -> bool) {
        let mut state = self.state.clone();
        drop(state.wait_for(|state| wanted(*state)).await);
    }

    fn end(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for NatsServer {
    /// Waits for the few milliseconds a kill takes: a server left behind would hold the data folder.
    fn drop(&mut self) {
        self.end();
    }
}

/// How to connect to the server that another process runs in that folder; `None` when no server was ever started there.
pub fn running_in(folder: &Path) -> Option<JetStreamOptions> {
    let text = std::fs::read(folder.join(configuration::ACCESS)).ok()?;
    let access: configuration::RunningAccess = serde_json::from_slice(&text).ok()?;
    let mut options = JetStreamOptions::new(access.url);
    options.access = Access::Password {
        user: access.user,
        password: Secret::new(access.password),
    };
    options.sync_proof = SyncProof::OurOwnServer;
    Some(options)
}

fn password() -> Secret {
    Secret::new(hex::encode(random_bytes::<24>()))
}
