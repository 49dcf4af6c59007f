//! The port: what a store promises.

use std::borrow::Cow;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, ErrorCode, Lane, Owner, Position, SystemId, Timestamp};

use crate::commit::{Commit, Timer};

/// How often a lane was opened: the fence. Only the holder of the newest epoch can append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// A lane that was just opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenLane {
    /// The fence to append with.
    pub epoch: Epoch,
    /// Number of the lane's last event; 0 for an empty lane.
    pub last: u64,
}

/// The outcome of an append: where the group's events lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Number of the group's first event; the others follow without a gap, in the order given.
    pub first: u64,
    /// Number of the lane's last event after the append.
    pub last: u64,
}

/// Why nothing of a group was appended, or why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody opened the lane after us: stop writing it.
    #[error("lane {lane} was opened by another writer")]
    Fenced {
        /// Which lane.
        lane: Lane,
    },
    /// An owner's history has grown, or a version was skipped: load again and decide again.
    #[error("the owner's history is not at the expected version")]
    Conflict,
    /// A command id is already in the log: answer from it.
    #[error("command {0} is already in the log")]
    Duplicate(CommandId),
    /// A claimed name is taken.
    #[error("the name {name:?} is taken in {scope:?}")]
    Taken {
        /// What kind of name.
        scope: String,
        /// The name.
        name: String,
    },
    /// A counter would have passed its limit.
    #[error("the counter {name:?} is at its limit")]
    Full {
        /// Which counter.
        name: String,
    },
    /// One of the above happened somewhere in the group, the store cannot tell to which member: append one by one.
    #[error("one member of the group stands in the way")]
    Group,
    /// It may have been appended or not: ask again by command id.
    #[error("the outcome of the append is unknown")]
    Unknown(#[source] Failure),
    /// It was certainly not appended: the store could not be reached, or refused.
    #[error("the append failed")]
    Failed(#[source] Failure),
}

/// The store misbehaved.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct Failure {
    /// What was tried, as in "cannot read lane 17".
    pub attempt: String,
    /// What went wrong underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// An event as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Where it lies.
    pub position: Position,
    /// Whose history.
    pub owner: Owner,
    /// 1, 2, 3 … within the owner.
    pub version: u64,
    /// The word.
    pub word: Cow<'static, str>,
    /// The aggregate.
    pub aggregate: Cow<'static, str>,
    /// When it was recorded.
    pub at: Timestamp,
    /// The encoded envelope.
    pub payload: Bytes,
}

/// What a reader of events needs of one: where it lies, and its bytes. The other columns repeat what the envelope says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it lies.
    pub position: Position,
    /// The encoded envelope.
    pub payload: Bytes,
}

/// A piece of a lane that is known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which lane.
    pub lane: Lane,
    /// Number of its first event.
    pub first: u64,
    /// Number of its last event.
    pub last: u64,
}

impl Piece {
    /// The event that lies there.
    pub fn one(position: Position) -> Self {
        let Position { lane, number } = position;
        Self {
            lane,
            first: number,
            last: number,
        }
    }
}

/// A command that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// What was asked.
    pub fingerprint: Digest,
    /// How it was answered.
    pub code: ErrorCode,
    /// The answer, encoded.
    pub answer: Vec<u8>,
    /// Where the last event of its commit lies; the lane's last position then, for a commit without events.
    pub position: Position,
}

/// A deadline that has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTimer {
    /// Whose.
    pub owner: Owner,
    /// Its name and moment.
    pub timer: Timer,
}

impl From<LogEvent> for Frame {
    fn from(event: LogEvent) -> Self {
        let LogEvent {
            position, payload, ..
        } = event;
        Self { position, payload }
    }
}

/// The append-only log and the vault.
pub trait EventLog: Send + Sync + std::fmt::Debug {
    /// Raises the lane's epoch: from now on only appends with the answer's epoch succeed.
    fn open_lane(&self, lane: Lane) -> BoxFuture<'_, Result<OpenLane, Failure>>;

    /// Appends a group in one durable transaction, or nothing of it. All owners of the group live in `lane`.
    ///
    /// An empty group checks the fence.
    fn append<'a>(
        &'a self,
        lane: Lane,
        epoch: Epoch,
        group: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>>;

    /// An owner's history, in order, without its first `after` events; 0 for all of it.
    fn load<'a>(
        &'a self,
        owner: &'a Owner,
        after: u64,
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>>;

    /// At most `limit` events of a lane, from number `from` on (1 is the first), in order and without a gap.
    fn read(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LogEvent>, Failure>>;

    /// Pieces of several lanes at once: each in order and without a gap, the lanes in any order.
    fn read_pieces<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        let one_by_one = async move {
            let mut events = Vec::new();
            for Piece { lane, first, last } in pieces {
                let limit = (last + 1).saturating_sub(*first) as usize;
                events.extend(self.read(*lane, *first, limit).await?);
            }
            Ok(events)
        };
        one_by_one.boxed()
    }

    /// The same, of every event its frame alone: a store finds and carries less.
    fn read_frames<'a>(
        &'a self,
        pieces: &'a [Piece],
    ) -> BoxFuture<'a, Result<Vec<Frame>, Failure>> {
        let whole = async move {
            let events = self.read_pieces(pieces).await?;
            Ok(events.into_iter().map(Frame::from).collect())
        };
        whole.boxed()
    }

    /// Number of every lane's last event, by lane number; 0 for an empty lane.
    fn heads(&self) -> BoxFuture<'_, Result<Vec<u64>, Failure>>;

    /// The command with that identity, if it is in the log.
    fn find_command<'a>(
        &'a self,
        id: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>>;

    /// Rows of an owner's part of the vault, in the order asked for; `None` where there is none.
    fn vault<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>>;

    /// Of whom in a system something lies in the vault: the system itself, and at most `limit` of its users, ordered by name.
    /// With `after` only users behind that one.
    fn kept_of<'a>(
        &'a self,
        system_id: &'a SystemId,
        after: Option<&'a Owner>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Owner>, Failure>>;

    /// What a counter shows; 0 for one that never moved.
    fn count<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<i64, Failure>>;

    /// Erases rows outside a decision, for maintenance: sweeping answers that nobody will ask for again.
    fn erase<'a>(
        &'a self,
        owner: &'a Owner,
        names: &'a [VaultName],
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// Puts an event back where it lay, over whatever is there now: for the mending of a log that was altered, and for nothing
    /// else. Nobody has to write the lane meanwhile; its end stays where it is, and only a number up to it can be put back.
    fn restore<'a>(&'a self, event: &'a LogEvent) -> BoxFuture<'a, Result<(), Failure>>;

    /// Deadlines of a lane that have passed at `now`, earliest first, at most `limit`.
    fn due_timers(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<DueTimer>, Failure>>;
}
