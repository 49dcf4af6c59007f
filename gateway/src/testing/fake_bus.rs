//! A bus that answers what the test says.

use std::sync::Mutex;
use std::time::Duration;

use bus::{
    Bus, BusError, Delivery, Parked, Publication, Question, SendError, StreamEvent, Stretch,
    Unanswered,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use schemas::answers::{Answer, AnswerBody};
use schemas::commands::CommandEnvelope;
use schemas::{ErrorCode, Lane, Position, Secret, SystemId};

use super::{NOW, RESPONSE_KEY, sealer};

/// A bus that remembers what was sent, and gives every command the same answer.
#[derive(Debug)]
pub(crate) struct FakeBus {
    outcome: Outcome,
    sent: Mutex<Vec<CommandEnvelope>>,
}

#[derive(Debug)]
enum Outcome {
    Answer(Box<Answer>),
    Unknown,
    Refused,
    Garbage,
    Never,
}

impl FakeBus {
    pub(crate) fn answering(code: ErrorCode, body: AnswerBody) -> Self {
        let position = Position {
            lane: Lane::new(3).unwrap(),
            number: 7,
        };
        Self::with(Outcome::Answer(Box::new(Answer {
            code,
            position: Some(position),
            response_key: Some(Secret::new(RESPONSE_KEY)),
            answered_at: NOW,
            body,
        })))
    }

    pub(crate) fn that_times_out() -> Self {
        Self::with(Outcome::Unknown)
    }

    pub(crate) fn that_refuses() -> Self {
        Self::with(Outcome::Refused)
    }

    pub(crate) fn that_is_forged() -> Self {
        Self::with(Outcome::Garbage)
    }

    pub(crate) fn that_never_answers() -> Self {
        Self::with(Outcome::Never)
    }

    pub(super) fn sent(&self) -> Vec<CommandEnvelope> {
        self.sent.lock().unwrap().clone()
    }

    fn with(outcome: Outcome) -> Self {
        Self {
            outcome,
            sent: Mutex::default(),
        }
    }
}

impl Bus for FakeBus {
    fn send<'a>(
        &'a self,
        lane: Lane,
        system_id: &'a SystemId,
        verb: &'a str,
        payload: Bytes,
        _deadline: Duration,
    ) -> BoxFuture<'a, Result<Bytes, SendError>> {
        Box::pin(async move {
            let envelope = sealer().open_command(&payload).unwrap();
            assert_eq!(lane, Lane::of(&envelope.owner));
            assert_eq!(system_id, envelope.owner.system_id());
            assert_eq!(verb, envelope.command.word());
            assert!(envelope.deadline > NOW);
            self.sent.lock().unwrap().push(envelope);
            match &self.outcome {
                Outcome::Answer(answer) => Ok(sealer().close_answer(answer).into()),
                Outcome::Unknown => Err(SendError::Unknown),
                Outcome::Refused => Err(SendError::Refused("the stream is full".to_owned())),
                Outcome::Garbage => Ok(Bytes::from_static(b"garbage")),
                Outcome::Never => std::future::pending().await,
            }
        })
    }

    fn commands(&self, _: Lane) -> BoxFuture<'_, Result<BoxStream<'static, Delivery>, BusError>> {
        unreachable!("a door takes no commands")
    }

    fn publish<'a>(&'a self, _: &'a [Publication]) -> BoxFuture<'a, Result<(), BusError>> {
        unreachable!("a door publishes nothing")
    }

    fn published(&self) -> BoxFuture<'_, Result<Vec<u64>, BusError>> {
        unreachable!("a door publishes nothing")
    }

    fn events(
        &self,
        _: Lane,
        _: u64,
    ) -> BoxFuture<'_, Result<BoxStream<'static, StreamEvent>, BusError>> {
        unreachable!("a door reads no events")
    }

    fn stretches(
        &self,
        _: usize,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Stretch, BusError>>, BusError>> {
        unreachable!("a door reads no events")
    }

    fn tell<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<(), BusError>> {
        unreachable!("a door tells nothing")
    }

    fn hear<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Bytes>, BusError>> {
        unreachable!("a door hears nothing")
    }

    fn ask<'a>(
        &'a self,
        _: &'a str,
        _: Bytes,
        _: Duration,
    ) -> BoxFuture<'a, Result<Bytes, Unanswered>> {
        unreachable!("a door asks nobody outside")
    }

    fn serve<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Question>, BusError>> {
        unreachable!("a door answers nobody on the bus")
    }

    fn parked(&self, _: usize) -> BoxFuture<'_, Result<Vec<Parked>, BusError>> {
        unreachable!("a door parks nothing")
    }
}
