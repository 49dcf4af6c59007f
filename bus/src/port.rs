//! The port: what a bus promises.
//!
//! Payloads are opaque bytes here; [`crate::sealing`] closes commands and answers, so that nobody on the wire reads or
//! forges one.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use schemas::{Lane, Position, SystemId};

/// The bus.
pub trait Bus: Send + Sync + std::fmt::Debug {
    /// Sends a command to its lane and waits for the answer, at most until `deadline` from now.
    ///
    /// [`SendError::Unknown`] is neither success nor failure: the command may still be carried out.
    fn send<'a>(
        &'a self,
        lane: Lane,
        system_id: &'a SystemId,
        verb: &'a str,
        payload: Bytes,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Bytes, SendError>>;

    /// Commands of a lane, as they come. At most one reader of a lane is meant to be active; the log's epoch makes two safe.
    fn commands(&self, lane: Lane)
    -> BoxFuture<'_, Result<BoxStream<'static, Delivery>, BusError>>;

    /// Publishes events that are already in the log, in order, and waits until all are acknowledged. Publishing one again
    /// is harmless: the position is its identity.
    fn publish<'a>(&'a self, events: &'a [Publication]) -> BoxFuture<'a, Result<(), BusError>>;

    /// Number of the last published event of every lane, by lane number; 0 where nothing was published.
    fn published(&self) -> BoxFuture<'_, Result<Vec<u64>, BusError>>;

    /// Published events of a lane from number `from` on, live; a gap in the numbers arrives as [`StreamEvent::Hole`].
    fn events(
        &self,
        lane: Lane,
        from: u64,
    ) -> BoxFuture<'_, Result<BoxStream<'static, StreamEvent>, BusError>>;

    /// What lies on the public stream now, all lanes, in the order it lies there: stretches of at most so many events, each read
    /// when it is asked for. What comes later is not part of it, and what grows too old meanwhile is left out. An error ends it.
    fn stretches(
        &self,
        length: usize,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Stretch, BusError>>, BusError>>;

    /// Tells everybody something that may be lost: heartbeats, and that a lane has grown.
    fn tell<'a>(&'a self, subject: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), BusError>>;

    /// Hears what is told from now on.
    fn hear<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Bytes>, BusError>>;

    /// Asks one of those who serve a subject, and waits at most so long. A question is kept nowhere: one that is lost, or
    /// that nobody serves, has no answer.
    fn ask<'a>(
        &'a self,
        subject: &'a str,
        payload: Bytes,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Bytes, Unanswered>>;

    /// Serves a subject from now on: each question that is asked there comes to one of those who serve it.
    fn serve<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Question>, BusError>>;

    /// Commands put aside because nobody could handle them, oldest first, at most `limit`.
    fn parked(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Parked>, BusError>>;
}

/// An event on its way to the public stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Where it lies in the log; also its identity on the stream.
    pub position: Position,
    /// Its system, for the subject.
    pub system_id: SystemId,
    /// Its aggregate, for the subject.
    pub aggregate: Cow<'static, str>,
    /// Its word, for the subject.
    pub word: Cow<'static, str>,
    /// The encoded envelope.
    pub payload: Bytes,
}

/// An event as read from the public stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it lies in the log.
    pub position: Position,
    /// The subject it came under.
    pub subject: String,
    /// The encoded envelope.
    pub payload: Bytes,
}

/// What a reader of the public stream sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The next event.
    Event(Published),
    /// These numbers are missing: they are in the log and were not (or no longer) found here.
    Hole {
        /// First missing number.
        from: u64,
        /// Last missing number.
        to: u64,
    },
}

/// Events that lie side by side on the public stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Of all lanes, as they lie there: what was published again or late lies where it came.
    pub events: Vec<Published>,
    /// How many lie behind these, at most.
    pub left: u64,
    /// What lies before them.
    pub before: Before,
}

/// What lies before a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing, ever: the stream begins here, and every lane with number 1.
    Nothing,
    /// The stretch that was read before this one.
    Stretch,
    /// Events that the stream does not keep any more.
    Forgotten,
}

/// A command that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its lane.
    pub lane: Lane,
    /// Why.
    pub reason: String,
    /// The command as received.
    pub payload: Bytes,
}

/// A command as received. Dropping it without a word means "not done": it is delivered again, a bounded number of times,
/// and then put aside.
#[derive(Debug)]
pub struct Delivery {
    /// The command as sent.
    pub payload: Bytes,
    /// 1 for the first delivery.
    pub attempt: u64,
    /// How to end it.
    pub handle: Box<dyn DeliveryHandle>,
}

/// How a delivery ends.
pub trait DeliveryHandle: Send + Sync + std::fmt::Debug {
    /// Sends the answer to whoever asked. Before [`Self::done`], and after the commit.
    fn answer(&self, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>>;

    /// The command is settled: it is not delivered again.
    fn done(&self) -> BoxFuture<'_, Result<(), BusError>>;

    /// Not now: deliver it again after this while.
    fn later(&self, after: Duration) -> BoxFuture<'_, Result<(), BusError>>;

    /// Nobody can handle it: put it aside with the reason, and do not deliver it again.
    fn park<'a>(&'a self, reason: &'a str) -> BoxFuture<'a, Result<(), BusError>>;
}

/// A question as received. Dropping it leaves it unanswered.
#[derive(Debug)]
pub struct Question {
    /// The question as asked.
    pub payload: Bytes,
    /// How to answer it.
    pub handle: Box<dyn QuestionHandle>,
}

/// How a question is answered: once.
pub trait QuestionHandle: Send + Sync + std::fmt::Debug {
    /// Sends the answer to whoever asked. Whether anybody still waits for it is not told.
    fn answer(self: Box<Self>, payload: Bytes) -> BoxFuture<'static, Result<(), BusError>>;
}

/// A question has no answer: nobody serves it, or nobody answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody answered in time")]
pub struct Unanswered;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The command never left: nothing happened, and nothing will.
    #[error("the command was not accepted: {0}")]
    Refused(String),
    /// It may have been carried out, or may still be: ask again under the same identity.
    #[error("no answer in time: the outcome is unknown")]
    Unknown,
}

/// The bus misbehaved.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct BusError {
    /// What was tried, as in "cannot publish to EVT".
    pub attempt: String,
    /// What went wrong underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl BusError {
    /// What was tried, and what went wrong underneath.
    pub fn new(
        attempt: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            attempt: attempt.into(),
            source: Some(source.into()),
        }
    }
}
