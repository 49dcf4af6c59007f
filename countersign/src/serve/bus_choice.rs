//! The bus that was asked for, opened.

use std::path::{Path, PathBuf};
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
                Self::child_of(
                    &arguments.data,
                    arguments.nats_port,
                    arguments.nats_replicas,
                )
                .await
            }
        }
    }

    /// A server of our own, with its streams in the folder of the data.
    async fn child_of(data: &Path, port: Option<u16>, replicas: usize) -> Result<Self, AnyError> {
        let program = binary::find(&tools())?;
        let mut options = ChildOptions::new(program, data.join("nats"));
        options.port = port;
        let child = NatsServer::start(options).await?;
        let options = JetStreamOptions {
            replicas,
            ..child.options()
        };
        Ok(Self {
            bus: JetStreamBus::connect(options.clone()).await?,
            child: Some(child),
            nats: Some(options),
        })
    }

    /// For an order beside no service: that server, or one's own server of NATS.
    pub async fn for_an_order(data: &Path, nats_url: Option<&str>) -> Result<Self, AnyError> {
        let Some(url) = nats_url else {
            return Self::child_of(data, None, 1).await;
        };
        let options = JetStreamOptions {
            // Nothing is written there that has to last.
            sync_proof: SyncProof::Unverified,
            ..JetStreamOptions::new(url)
        };
        Ok(Self {
            bus: JetStreamBus::connect(options.clone()).await?,
            child: None,
            nats: Some(options),
        })
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

    /// Ends the server under the bus, when it is ours. Whoever still has the bus hears that its connection is lost.
    pub async fn end(self) {
        let Self { bus, child, .. } = self;
        drop(bus);
        if let Some(child) = child {
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
