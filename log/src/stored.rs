//! Columns read back into the types of the house, the same for every SQL store.

use std::error::Error;

use schemas::{CommandId, Digest, ErrorCode, Lane, Owner, Position, Timestamp};

use crate::commit::Timer;
use crate::port::{CommandRecord, DueTimer, Failure, Frame, LogEvent};

/// A value that this version of the program cannot have written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("{0} is not the number of a lane")]
    Lane(i64),
    #[error("{0} is not an error code")]
    Code(i64),
    #[error("a digest has {0} bytes instead of 32")]
    Digest(usize),
    #[error("the owner of a row is not readable")]
    Owner(#[source] schemas::ids::InvalidId),
}

impl Failure {
    /// A failure of something that was tried, with its cause.
    pub(crate) fn because(
        attempt: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            attempt: attempt.into(),
            source: Some(source.into()),
        }
    }
}

/// What these rows are. `attempt` says what was tried.
pub(crate) fn read_back<Columns, Read>(
    rows: Vec<Columns>,
    read: impl Fn(Columns) -> Result<Read, Unreadable>,
    attempt: impl FnOnce() -> String,
) -> Result<Vec<Read>, Failure> {
    let rows = rows.into_iter().map(read).collect::<Result<_, _>>();
    rows.map_err(|error| Failure::because(attempt(), error))
}

/// Columns of an event: lane, pos, owner, version, word, aggregate, at, payload.
pub(crate) type EventColumns = (i64, i64, String, i64, String, String, i64, Vec<u8>);

pub(crate) fn event(columns: EventColumns) -> Result<LogEvent, Unreadable> {
    let (lane, number, owner, version, word, aggregate, at, payload) = columns;
    Ok(LogEvent {
        position: position(lane, number)?,
        owner: self::owner(&owner)?,
        version: version as u64,
        word: word.into(),
        aggregate: aggregate.into(),
        at: Timestamp(at),
        payload: payload.into(),
    })
}

/// Columns of a frame: lane, pos, payload.
pub(crate) type FrameColumns = (i64, i64, Vec<u8>);

pub(crate) fn frame((lane, number, payload): FrameColumns) -> Result<Frame, Unreadable> {
    let position = position(lane, number)?;
    let payload = payload.into();
    Ok(Frame { position, payload })
}

/// Columns of a command: lane, pos, fingerprint, code, answer.
pub(crate) type CommandColumns = (i64, i64, Vec<u8>, i64, Vec<u8>);

pub(crate) fn command(columns: CommandColumns) -> Result<CommandRecord, Unreadable> {
    let (lane, number, fingerprint, code, answer) = columns;
    let length = fingerprint.len();
    Ok(CommandRecord {
        fingerprint: Digest(
            fingerprint
                .try_into()
                .map_err(|_| Unreadable::Digest(length))?,
        ),
        code: u16::try_from(code)
            .ok()
            .and_then(ErrorCode::from_number)
            .ok_or(Unreadable::Code(code))?,
        answer,
        position: position(lane, number)?,
    })
}

/// Columns of a timer: owner, name, due_at.
pub(crate) type TimerColumns = (String, String, i64);

pub(crate) fn timer((owner, name, due_at): TimerColumns) -> Result<DueTimer, Unreadable> {
    Ok(DueTimer {
        owner: self::owner(&owner)?,
        timer: Timer {
            name,
            due_at: Timestamp(due_at),
        },
    })
}

/// The words for a failed look-up of a command.
pub(crate) fn finding(id: &CommandId) -> String {
    format!("cannot look for command {id}")
}

fn position(lane: i64, number: i64) -> Result<Position, Unreadable> {
    let lane = u8::try_from(lane)
        .ok()
        .and_then(Lane::new)
        .ok_or(Unreadable::Lane(lane))?;
    Ok(Position {
        lane,
        number: number as u64,
    })
}

fn owner(text: &str) -> Result<Owner, Unreadable> {
    text.parse().map_err(Unreadable::Owner)
}
