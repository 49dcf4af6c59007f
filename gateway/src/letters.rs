//! The port to what is owed to the banks: who delivers it is none of the doors' business.

use futures::future::BoxFuture;
use schemas::{LetterId, SystemId, Timestamp};

/// Reads the outbox.
pub trait LettersQuery: Send + Sync + std::fmt::Debug {
    /// Letters for a system that were put aside, the oldest first, so many at most; those that follow a place.
    fn put_aside<'a>(
        &'a self,
        system_id: &'a SystemId,
        after: Option<(Timestamp, LetterId)>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<LetterPutAside>, LettersFailure>>;

    /// How many there are; of all of them, or of the one with that id.
    fn count_put_aside<'a>(
        &'a self,
        system_id: &'a SystemId,
        letter_id: Option<&'a LetterId>,
    ) -> BoxFuture<'a, Result<u64, LettersFailure>>;

    /// How a system's receivers are.
    fn receivers<'a>(
        &'a self,
        system_id: &'a SystemId,
    ) -> BoxFuture<'a, Result<Receivers, LettersFailure>>;
}

/// A letter that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterPutAside {
    /// What its receiver would have told repetitions by.
    pub letter_id: LetterId,
    /// What it tells of.
    pub kind: String,
    /// Scheme, host and port; empty when the address could not be read.
    pub endpoint: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// The status of the last answer; `None` without one.
    pub status: Option<u16>,
    /// Why it was put aside.
    pub reason: String,
}

/// How a system's receivers are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receivers {
    /// Those that something was sent to within a week, or is to be.
    pub endpoints: Vec<EndpointHealth>,
    /// Those that answered that they are gone, and since when.
    pub gone: Vec<(String, Timestamp)>,
}

/// How an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Letters to be sent, now or later.
    pub owed: u64,
    /// Letters that were put aside.
    pub put_aside: u64,
    /// Letters that were taken within the last week.
    pub taken: u64,
    /// Since when the oldest of those to be sent is there.
    pub oldest: Option<Timestamp>,
    /// When a letter was taken last.
    pub last_taken: Option<Timestamp>,
    /// Why one of those to be sent was not taken.
    pub trouble: Option<String>,
}

/// The outbox cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the outbox")]
pub struct LettersFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);
