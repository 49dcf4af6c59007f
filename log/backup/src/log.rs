//! A backup as a log: everything that is read of one can be read of it, and nothing is written.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use event_log::whole::{Cell, Table};
use event_log::{
    AppendError, Appended, CommandRecord, Commit, DueTimer, Epoch, EventLog, Failure, LogEvent,
    OpenLane,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemas::vault::VaultName;
use schemas::{CommandId, Lane, Owner, Position, SystemId, Timestamp};

use crate::BackupError;
use crate::files::{Reading, name_of};
use crate::rows;

/// The log in a backup.
#[derive(Debug)]
pub struct BackupLog {
    path: PathBuf,
    file: File,
    /// Where the rows of every lane begin, and the last one ends.
    lanes: Vec<Vec<u64>>,
    /// The numbers of every history in its lane.
    histories: HashMap<Owner, Vec<u64>>,
}

impl BackupLog {
    /// Reads the events of a backup once, to know where each is.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        let table = Table::named("events").expect("a log has events");
        let path = folder.join(name_of(table));
        let file = File::open(&path).map_err(BackupError::file("read", &path))?;
        let altered = || BackupError::Altered(path.clone());
        let mut lanes = vec![Vec::new(); usize::from(Lane::COUNT)];
        let mut histories: HashMap<Owner, Vec<u64>> = HashMap::new();
        let mut reading = Reading::begin(folder, table)?;
        loop {
            let begin = reading.offset;
            let Some(row) = reading.next()? else {
                break;
            };
            let event = event(row).ok_or_else(altered)?;
            let lane: &mut Vec<u64> = &mut lanes[usize::from(event.position.lane.number())];
            if lane.len() as u64 + 1 != event.position.number {
                return Err(altered());
            }
            lane.push(begin);
            histories
                .entry(event.owner)
                .or_default()
                .push(event.position.number);
        }
        Ok(Self {
            path,
            file,
            lanes,
            histories,
        })
    }

    fn at(&self, lane: Lane, number: u64) -> Result<Option<LogEvent>, Failure> {
        let offsets = &self.lanes[usize::from(lane.number())];
        let index = number
            .checked_sub(1)
            .and_then(|index| usize::try_from(index).ok());
        let Some(offset) = index.and_then(|index| offsets.get(index)) else {
            return Ok(None);
        };
        let failed = |error: std::io::Error| Failure {
            attempt: format!("cannot read {}", self.path.display()),
            source: Some(Box::new(error)),
        };
        let mut length = [0; 4];
        self.file
            .read_exact_at(&mut length, *offset)
            .map_err(failed)?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.file
            .read_exact_at(&mut body, offset + 4)
            .map_err(failed)?;
        let table = Table::named("events").expect("a log has events");
        let row = rows::decode(table, &body).and_then(event);
        let altered = || failed(std::io::Error::other("a row was altered"));
        row.map(Some).ok_or_else(altered)
    }

    fn never() -> Failure {
        Failure {
            attempt: "a backup is only read: restore it".to_owned(),
            source: None,
        }
    }
}

/// The event of a row.
fn event(row: Vec<Cell>) -> Option<LogEvent> {
    let mut cells = row.into_iter();
    let number = |cell: Option<Cell>| match cell? {
        Cell::Number(number) => Some(number),
        _ => None,
    };
    let text = |cell: Option<Cell>| match cell? {
        Cell::Text(text) => Some(text),
        _ => None,
    };
    let lane = u8::try_from(number(cells.next())?)
        .ok()
        .and_then(Lane::new)?;
    Some(LogEvent {
        position: Position {
            lane,
            number: number(cells.next())? as u64,
        },
        owner: text(cells.next())?.parse().ok()?,
        version: number(cells.next())? as u64,
        word: text(cells.next())?.into(),
        aggregate: text(cells.next())?.into(),
        at: Timestamp(number(cells.next())?),
        payload: match cells.next()? {
            Cell::Bytes(payload) => payload.into(),
            _ => return None,
        },
    })
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    futures::future::ready(value).boxed()
}

impl EventLog for BackupLog {
    fn open_lane(&self, _: Lane) -> BoxFuture<'_, Result<OpenLane, Failure>> {
        ready(Err(Self::never()))
    }

    fn append<'a>(
        &'a self,
        _: Lane,
        _: Epoch,
        _: &'a [Commit],
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        ready(Err(AppendError::Failed(Self::never())))
    }

    fn load<'a>(
        &'a self,
        owner: &'a Owner,
        after: u64,
    ) -> BoxFuture<'a, Result<Vec<LogEvent>, Failure>> {
        let numbers = self.histories.get(owner).map_or(&[][..], Vec::as_slice);
        let lane = Lane::of(owner);
        let events = numbers.iter().skip(after as usize);
        let events = events.filter_map(|number| self.at(lane, *number).transpose());
        ready(events.collect())
    }

    fn read(
        &self,
        lane: Lane,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LogEvent>, Failure>> {
        let events = (from.max(1)..).take(limit);
        let events = events.map_while(|number| self.at(lane, number).transpose());
        ready(events.collect())
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        ready(Ok(self
            .lanes
            .iter()
            .map(|lane| lane.len() as u64)
            .collect()))
    }

    fn find_command<'a>(
        &'a self,
        _: &'a CommandId,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Failure>> {
        ready(Err(Self::never()))
    }

    fn vault<'a>(
        &'a self,
        _: &'a Owner,
        _: &'a [VaultName],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, Failure>> {
        ready(Err(Self::never()))
    }

    fn kept_of<'a>(
        &'a self,
        _: &'a SystemId,
        _: Option<&'a Owner>,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<Owner>, Failure>> {
        ready(Err(Self::never()))
    }

    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<i64, Failure>> {
        ready(Err(Self::never()))
    }

    fn erase<'a>(&'a self, _: &'a Owner, _: &'a [VaultName]) -> BoxFuture<'a, Result<(), Failure>> {
        ready(Err(Self::never()))
    }

    fn restore<'a>(&'a self, _: &'a LogEvent) -> BoxFuture<'a, Result<(), Failure>> {
        ready(Err(Self::never()))
    }

    fn due_timers(
        &self,
        _: Lane,
        _: Timestamp,
        _: usize,
    ) -> BoxFuture<'_, Result<Vec<DueTimer>, Failure>> {
        ready(Err(Self::never()))
    }
}
