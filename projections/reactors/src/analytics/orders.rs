//! Orders of whoever administers the server, from beside the running service: over the bus, sealed with the root secret.

use std::sync::Arc;

use bus::shell::{Clock, RootSecret, random_bytes};
use bus::{Bus, Sealer};
use schemas::Owner;
use schemas::answers::Answer;
use schemas::commands::{Caller, Command};

use crate::house_commands::HouseCommands;

/// Orders about the server.
#[derive(Clone, Debug)]
pub struct Administration {
    commands: HouseCommands,
}

/// No answer: whether the order was carried out is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in time: whether it was carried out is not known; is the service running?")]
pub struct Unanswered;

impl Administration {
    /// Whoever has the root secret administers the server.
    pub fn new(bus: Arc<dyn Bus>, root: RootSecret, clock: Arc<dyn Clock>) -> Self {
        Self {
            commands: HouseCommands::new(bus, Sealer::new(root), clock),
        }
    }

    /// Asks for it once.
    pub async fn ask(&self, command: impl Into<Command>) -> Result<Answer, Unanswered> {
        let identity = hex::encode(random_bytes::<16>());
        let asked = self
            .commands
            .ask_as(Caller::Administrator, &Owner::Server, &identity, command);
        asked.await.map_err(|_| Unanswered)
    }
}
