//! What became of a push or a letter is a fact: the log hears of it through a command of the house, once.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::Clock;
use bus::{Bus, Sealer};
use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::context::{RequestContext, RequestPrivate};
use schemas::{CommandId, Digest, Lane, Owner, RequestId};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the log.
#[derive(Debug)]
pub(crate) struct Noting {
    /// What the facts are about: part of their identity.
    about: &'static str,
    bus: Arc<dyn Bus>,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
}

/// Whether the log knows is not known: tell it again, under the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unheard;

impl Noting {
    /// By this bus, facts about this.
    pub(crate) fn new(
        about: &'static str,
        bus: Arc<dyn Bus>,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            about,
            bus,
            sealer,
            clock,
        }
    }

    /// Tells it. The same identity for the same fact: told twice, it is noted once.
    pub(crate) async fn note(
        &self,
        owner: &Owner,
        identity: &str,
        command: impl Into<Command>,
    ) -> Result<(), Unheard> {
        let command = command.into();
        let word = command.word();
        let identity = [owner.to_string(), word.to_owned(), identity.to_owned()].join("\n");
        let command_id = CommandId::from_key("house", self.about, &identity);
        let envelope = CommandEnvelope {
            command_id,
            fingerprint: Digest::sha256(identity.as_bytes()),
            request_id: RequestId(command_id.0),
            owner: owner.clone(),
            caller: Caller::House,
            deadline: self.clock.now().plus_ms(PATIENCE.as_millis() as i64),
            context: RequestContext::default(),
            private: RequestPrivate::default(),
            traceparent: None,
            command,
        };
        let payload = self.sealer.close_command(&envelope).into();
        let system_id = owner.system_id();
        let answer = self
            .bus
            .send(Lane::of(owner), system_id, word, payload, PATIENCE)
            .await;
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, word, "a fact about a {} could not be noted; trying again", self.about);
            Unheard
        })?;
        match self.sealer.open_answer(&answer) {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, word, "an answer from the bus does not open");
                Err(Unheard)
            }
        }
    }
}
