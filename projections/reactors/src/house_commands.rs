//! Commands into the house: what the outside made of a letter or a push is a fact, and facts are decided and logged where all are.

use std::sync::Arc;
use std::time::Duration;

use bus::shell::Clock;
use bus::{Bus, Sealer};
use schemas::answers::Answer;
use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::context::{RequestContext, RequestPrivate};
use schemas::{CommandId, Digest, Lane, Owner, RequestId};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the house.
#[derive(Clone, Debug)]
pub(crate) struct HouseCommands {
    bus: Arc<dyn Bus>,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
}

/// No answer: whether the command was carried out is not known. Ask again under the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

impl HouseCommands {
    pub(crate) fn new(bus: Arc<dyn Bus>, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        Self { bus, sealer, clock }
    }

    /// Asks. The same `identity` for the same wish of the same owner: asked twice, it happens once.
    pub(crate) async fn ask(
        &self,
        owner: &Owner,
        identity: &str,
        command: impl Into<Command>,
    ) -> Result<Answer, NoAnswer> {
        self.ask_as(Caller::House, owner, identity, command).await
    }

    /// The same in somebody's name, who was vouched for.
    pub(crate) async fn ask_as(
        &self,
        caller: Caller,
        owner: &Owner,
        identity: &str,
        command: impl Into<Command>,
    ) -> Result<Answer, NoAnswer> {
        let command = command.into();
        let word = command.word();
        let identity = [&*owner.to_string(), word, identity].join("\n");
        let command_id = CommandId::from_key("house", "reactor", &identity);
        let envelope = CommandEnvelope {
            command_id,
            fingerprint: Digest::sha256(identity.as_bytes()),
            request_id: RequestId(command_id.0),
            owner: owner.clone(),
            caller,
            deadline: self.clock.now().plus_ms(PATIENCE.as_millis() as i64),
            context: RequestContext::default(),
            private: RequestPrivate::default(),
            traceparent: None,
            command,
        };
        let payload = self.sealer.close_command(&envelope).into();
        let sent = self
            .bus
            .send(Lane::of(owner), owner.system_id(), word, payload, PATIENCE)
            .await;
        let sealed = sent.map_err(|error| {
            tracing::warn!(%error, word, "the house does not answer; asking again");
            NoAnswer
        })?;
        self.sealer.open_answer(&sealed).map_err(|error| {
            tracing::error!(%error, word, "an answer from the bus does not open");
            NoAnswer
        })
    }

    /// Tells of a fact: whatever the answer is, the house has heard it.
    pub(crate) async fn note(
        &self,
        owner: &Owner,
        identity: &str,
        command: impl Into<Command>,
    ) -> Result<(), NoAnswer> {
        self.ask(owner, identity, command).await.map(drop)
    }
}
