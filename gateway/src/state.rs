//! What every route is handed: the house, the limits, and how to ask.

use std::sync::Arc;

use bytes::Bytes;
use schemas::answers::{Answer, AnswerBody};
use schemas::commands::{Caller, Command, CommandEnvelope};
use schemas::{CommandId, ErrorCode, Lane, Owner};
use tokio::sync::Semaphore;

use crate::answer::{Reply, Seal};
use crate::call::Call;
use crate::error::ApiError;
use crate::options::{GatewayOptions, House};
use crate::themes::Themes;

/// The doors' state, shared by all routes.
pub(crate) type Shared = Arc<Gateway>;

/// The doors' state.
pub(crate) struct Gateway {
    pub(crate) house: House,
    pub(crate) options: GatewayOptions,
    pub(crate) themes: Themes,
    commands: Semaphore,
    drawings: Arc<Semaphore>,
}

impl Gateway {
    pub(crate) fn new(options: GatewayOptions, house: House) -> Shared {
        Arc::new(Self {
            commands: Semaphore::new(options.limits.commands_max),
            drawings: Arc::new(Semaphore::new(options.limits.drawings_at_once)),
            themes: Themes::in_folder(options.themes_path.clone()),
            house,
            options,
        })
    }

    /// Sends a command and waits for its answer. An answer with an error code is an error here, sealed for the device.
    pub(crate) async fn ask(
        &self,
        call: &Call,
        owner: Owner,
        command: impl Into<Command>,
    ) -> Result<Reply, ApiError> {
        self.ask_under(call, call.command_id, owner, command.into())
            .await
    }

    /// The same for a request that takes several commands, each under an identity of its own.
    #[tracing::instrument(name = "gateway.ask", skip_all,
        fields(command.id = %command_id, command.word, system.id = %owner.system_id(), result.code))]
    pub(crate) async fn ask_under(
        &self,
        call: &Call,
        command_id: CommandId,
        owner: Owner,
        command: Command,
    ) -> Result<Reply, ApiError> {
        let _permit = self.commands.try_acquire().map_err(|_| ApiError::busy())?;
        let (lane, word) = (Lane::of(&owner), command.word());
        let span = tracing::Span::current();
        span.record("command.word", word);

        let wait = self.options.limits.command;
        let envelope = self.envelope(call, command_id, owner, command);
        let payload = Bytes::from(self.house.sealer.close_command(&envelope));
        let system_id = envelope.owner.system_id();
        let sealed = self
            .house
            .bus
            .send(lane, system_id, word, payload, wait)
            .await?;
        let answer = self
            .house
            .sealer
            .open_answer(&sealed)
            .map_err(|error| ApiError::bug("an answer from the bus does not open", &error))?;
        span.record("result.code", answer.code.number());
        reply(answer, &envelope.caller)
    }

    /// Draws beside the threads of the doors, since it takes milliseconds, and only so much at the same time, since it takes
    /// memory.
    pub(crate) async fn draw<Picture: Send + 'static>(
        &self,
        work: impl FnOnce() -> Picture + Send + 'static,
    ) -> Result<Picture, ApiError> {
        let permit = Arc::clone(&self.drawings).acquire_owned().await;
        let drawing = tokio::task::spawn_blocking(move || {
            let _permit = permit.expect("nobody closes the drawings");
            work()
        });
        drawing
            .await
            .map_err(|error| ApiError::bug("a picture could not be drawn", &error))
    }

    fn envelope(
        &self,
        call: &Call,
        command_id: CommandId,
        owner: Owner,
        command: Command,
    ) -> CommandEnvelope {
        let wait_ms = i64::try_from(self.options.limits.command.as_millis()).unwrap_or(i64::MAX);
        CommandEnvelope {
            command_id,
            fingerprint: call.fingerprint(),
            request_id: call.request_id,
            owner,
            caller: call.caller.clone(),
            deadline: self.house.clock.now().plus_ms(wait_ms),
            context: call.context.clone(),
            private: call.private.clone(),
            traceparent: call.traceparent.clone(),
            command,
        }
    }
}

fn reply(answer: Answer, caller: &Caller) -> Result<Reply, ApiError> {
    let seal = match (caller, answer.response_key) {
        (Caller::Device(claim), Some(key)) => Some(Seal {
            key,
            nonce: claim.auth.nonce,
        }),
        _ => None,
    };
    if answer.code == ErrorCode::Normal {
        return Ok(Reply {
            seal,
            position: answer.position,
            body: answer.body,
        });
    }
    let error = ApiError::new(answer.code).sealed(seal, answer.position);
    Err(match answer.body {
        AnswerBody::ActivationRefused { attempts_left } => {
            error.attempts_left("activation_refused", attempts_left)
        }
        AnswerBody::RenewalRefused { attempts_left } => {
            error.attempts_left("renewal_refused", attempts_left)
        }
        AnswerBody::PasswordRefused { attempts_left } => {
            error.attempts_left("password_refused", attempts_left)
        }
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use schemas::answers::AnswerBody;

    use super::*;
    use crate::testing::{FakeBus, FakeJournal, house};

    #[tokio::test]
    async fn pictures_wait_for_their_turn() {
        let bus = FakeBus::answering(ErrorCode::Normal, AnswerBody::Nothing);
        let mut options = GatewayOptions::at(([127, 0, 0, 1], 0).into());
        options.limits.drawings_at_once = 1;
        let gateway = Gateway::new(
            options,
            house(Arc::new(bus), Arc::new(FakeJournal::default())),
        );
        let (go_on, told) = mpsc::channel::<()>();
        let slow = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move { gateway.draw(move || told.recv().is_ok()).await.ok() }
        });
        while gateway.drawings.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let next = gateway.draw(|| "next");
        tokio::pin!(next);
        assert!(futures::poll!(next.as_mut()).is_pending());
        go_on.send(()).unwrap();
        assert_eq!(slow.await.unwrap(), Some(true));
        assert_eq!(next.await.ok(), Some("next"));
    }
}
