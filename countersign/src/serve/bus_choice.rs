//! The bus that was asked for, opened.

use std::path::PathBuf;
use std::sync::Arc;

use bus::child::{AccountsOfChild, ChildOptions, NatsServer, binary};
use bus::jetstream::SyncProof;
use bus::{Bus, InProcessBus, JetStreamBus, JetStreamOptions};

use super::{NatsChoice, ServeArguments};
use crate::AnyError;

/// The folder that `make` puts the pinned nats-server into, below the project's folder.
const TOOLS: &str = "tools";

/// An open bus, with the server under it when that is ours.
#[derive(Debug)]
pub struct OpenBus {
    bus: Arc<dyn Bus>,
    child: Option<NatsServer>,
    /// The NATS under the bus; `None` inside this process.
    nats: Option<JetStreamOptions>,
}

impl OpenBus {
    /// Opens what the arguments ask for.
    pub async fn open(arguments: &ServeArguments) -> Result<Self, AnyError> {
        if let Some(url) = &arguments.nats_url {
            let sync_proof = match &arguments.nats_monitor {
                Some(monitor) => {
                    SyncProof::Monitors(monitor.split(',').map(str::to_owned).collect())
                }
                None if arguments.nats_unverified_sync => SyncProof::Unverified,
                None => SyncProof::None,
            };
            let options = JetStreamOptions {
                sync_proof,
                replicas: arguments.nats_replicas,
                ..JetStreamOptions::new(url)
            };
            return Ok(Self {
                bus: JetStreamBus::connect(options.clone()).await?,
                child: None,
                nats: Some(options),
            });
        }
        match arguments.nats {
            NatsChoice::InProcess => Ok(Self {
                bus: InProcessBus::new(),
                child: None,
                nats: None,
            }),
            NatsChoice::Child => {
                let program = binary::find(&tools())?;
                let mut options = ChildOptions::new(program, arguments.data.join("nats"));
                options.port = arguments.nats_port;
                let child = NatsServer::start(options).await?;
                let options = JetStreamOptions {
                    replicas: arguments.nats_replicas,
                    ..child.options()
                };
                Ok(Self {
                    bus: JetStreamBus::connect(options.clone()).await?,
                    child: Some(child),
                    nats: Some(options),
                })
            }
        }
    }

    /// The bus.
    pub fn bus(&self) -> Arc<dyn Bus> {
        Arc::clone(&self.bus)
    }

    /// The NATS under the bus; `None` inside this process.
    pub fn nats(&self) -> Option<&JetStreamOptions> {
        self.nats.as_ref()
    }

    /// The accounts of the server under the bus, when it is ours.
    pub fn accounts(&self) -> Option<AccountsOfChild> {
        self.child.as_ref().map(NatsServer::accounts)
    }

    /// Where the server under the bus listens, when it is ours.
    pub fn addresses(&self) -> Vec<String> {
        let child = self.child.iter();
        child
            .flat_map(|child| [child.options().url, child.monitor()])
            .collect()
    }

    /// Ends the server under the bus, when it is ours.
    pub async fn end(self) {
        if let Some(child) = self.child {
            child.stop().await;
        }
    }
}

/// The tools of the project that this program was built in, wherever it is started from; else those of the folder it is
/// started in.
fn tools() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let built_in = program
        .ancestors()
        .map(|folder| folder.join(TOOLS))
        .find(|tools| tools.join("nats-server").exists());
    built_in.unwrap_or_else(|| PathBuf::from(TOOLS))
}
