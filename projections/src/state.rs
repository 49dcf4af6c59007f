//! The hash of the state at a place in the log: one number that is equal on every machine, database and copy, or something
//! folds differently there.
//!
//! The state is the set of rows of the read models, without the journal, whose rows are the events themselves; the journal's
//! tree commits to those. Every row follows from the history of one owner, so the hash grows with the log: the rows that an
//! event changes leave the sum as they were and come back as they are. See `docs/adr/0037`.

mod clerk;
mod set;

use std::collections::HashMap;
use std::sync::Arc;

use event_log::{EventLog, Failure};
use lru::LruCache;
use schemas::envelope::RecordedEvent;
use schemas::{Digest, Lane, Owner, Position, codec};
use sha2::Digest as _;

pub use clerk::follow;

use crate::projection::{Projection, Seen};
use crate::read::{
    keys::KEYS, operations::OPERATIONS, systems::SYSTEMS, transactions::TRANSACTIONS, users::USERS,
};
use crate::reading::{self, PORTION, Portion, ReadError};
use crate::rows::Rows;
use crate::store::Value;
use set::SetHash;

/// Names the way of folding and hashing. Whoever changes what an old event does to a row raises it: the sample of the tests
/// says when.
pub const VERSION: u32 = 2;

/// The tables whose rows are the state.
const TABLES: [&Projection; 5] = [&SYSTEMS, &USERS, &KEYS, &TRANSACTIONS, &OPERATIONS];

/// Rows that are kept in memory; of other owners they are folded again when something happens to them.
const ROWS_MAX: usize = 1 << 16;

/// Folds a log into the hash of its state.
#[derive(Debug)]
pub struct StateFold {
    log: Arc<dyn EventLog>,
    at: Vec<u64>,
    set: SetHash,
    owners: LruCache<Owner, Remembered>,
    rows: usize,
    rows_max: usize,
    portion: Portion,
}

/// What is remembered of an owner.
#[derive(Debug, Default)]
struct Remembered {
    version: u64,
    tables: [Rows; TABLES.len()],
}

/// Why the state cannot be folded on.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// The log holds something that this program cannot read.
    #[error("a lane of the log cannot be folded")]
    Lane(#[from] ReadError),
    /// An owner's history is not what its versions say.
    #[error("the history of {owner} has no version {version}")]
    History {
        /// Whose.
        owner: Owner,
        /// The version that is missing.
        version: u64,
    },
    /// The place lies before what was folded.
    #[error("the state has been folded beyond that place")]
    Passed,
}

impl StateFold {
    /// Of this log, from its beginning.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            at: vec![0; Lane::COUNT.into()],
            set: SetHash::new(),
            owners: LruCache::unbounded(),
            rows: 0,
            rows_max: ROWS_MAX,
            portion: PORTION,
        }
    }

    /// The same, which lets others have a turn after so many events.
    #[must_use]
    fn in_portions(mut self, portion: Portion) -> Self {
        self.portion = portion;
        self
    }

    /// The number that was folded last in every lane, by lane number.
    pub fn at(&self) -> &[u64] {
        &self.at
    }

    /// Folds on to these numbers of all lanes; `progress` hears how many events were folded so far.
    pub async fn advance_to(
        &mut self,
        until: &[u64],
        mut progress: impl FnMut(u64),
    ) -> Result<(), StateError> {
        if self.at.iter().zip(until).any(|(at, until)| at > until) {
            return Err(StateError::Passed);
        }
        loop {
            let wanted = self.portion.of(&self.at, until, 0);
            if wanted.is_empty() {
                return Ok(());
            }
            for slice in reading::read(&*self.log, &wanted).await? {
                if let Some(stopped) = slice.stopped {
                    return Err(stopped.into());
                }
                let end = slice.end();
                let lane = usize::from(slice.wanted.lane.number());
                let mut histories: HashMap<Owner, Vec<(Position, RecordedEvent)>> = HashMap::new();
                for (position, event) in slice.events {
                    let history = histories.entry(event.owner.clone()).or_default();
                    history.push((position, event));
                }
                for (owner, events) in histories {
                    self.fold(owner, &events).await?;
                }
                self.at[lane] = end;
            }
            progress(self.at.iter().sum());
            tokio::task::yield_now().await;
        }
    }

    /// The hash of the state where this is.
    pub fn hash(&self) -> Digest {
        let mut hash = sha2::Sha256::new();
        hash.update(format!("countersign state-v{VERSION}\n"));
        hash.update(self.set.to_bytes());
        Digest(hash.finalize().into())
    }

    async fn fold(
        &mut self,
        owner: Owner,
        events: &[(Position, RecordedEvent)],
    ) -> Result<(), StateError> {
        let Some((_, first)) = events.first() else {
            return Ok(());
        };
        let before = first.ordinal.saturating_sub(1);
        let mut known = self.known(&owner, before).await?;
        let set = &mut self.set;
        let events = events.iter().map(|(position, event)| (*position, event));
        known.fold(events, |table, key, old, new| {
            if let Some(old) = old {
                set.remove(&member(table, key, old));
            }
            set.add(&member(table, key, new));
        });
        self.rows += known.rows();
        self.owners.put(owner, known);
        while self.rows > self.rows_max
            && let Some((_, forgotten)) = self.owners.pop_lru()
        {
            self.rows -= forgotten.rows();
        }
        Ok(())
    }

    /// The rows of an owner as they were after that many events.
    async fn known(&mut self, owner: &Owner, version: u64) -> Result<Remembered, StateError> {
        if let Some(known) = self.owners.pop(owner) {
            self.rows -= known.rows();
            if known.version == version {
                return Ok(known);
            }
        }
        let mut known = Remembered::default();
        if version == 0 {
            return Ok(known);
        }
        let history = self.log.load(owner, 0).await?;
        let mut events = Vec::new();
        for event in history.iter().take(version as usize) {
            let position = event.position;
            let recorded = codec::decode(&event.payload)
                .map_err(|source| ReadError::Decode { position, source })?;
            events.push((position, recorded));
        }
        let events = events.iter().map(|(position, event)| (*position, event));
        known.fold(events, |_, _, _, _| {});
        if known.version == version {
            Ok(known)
        } else {
            let owner = owner.clone();
            Err(StateError::History { owner, version })
        }
    }
}

impl Remembered {
    fn rows(&self) -> usize {
        self.tables.iter().map(Rows::len).sum()
    }

    fn fold<'a>(
        &mut self,
        events: impl Iterator<Item = (Position, &'a RecordedEvent)>,
        mut changed: impl FnMut(&Projection, &[Value], Option<&[Value]>, &[Value]),
    ) {
        let mut newer: [Rows; TABLES.len()] = Default::default();
        for (position, event) in events {
            self.version = event.ordinal;
            for (table, rows) in TABLES.iter().zip(&mut newer) {
                (table.fold)(&Seen { position, event }, rows);
            }
        }
        for ((table, rows), newer) in TABLES.iter().zip(&mut self.tables).zip(newer) {
            rows.absorb(newer, |key, old, new| changed(table, key, old, new));
        }
    }
}

/// A row as a member of the state: the table, and of every column that holds something its name and value. A column that
/// is added later changes no row of before.
fn member(table: &Projection, key: &[Value], columns: &[Value]) -> Digest {
    let mut hash = sha2::Sha256::new();
    let mut feed = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    feed(0, table.table.as_bytes());
    for (name, value) in table.columns.iter().zip(key.iter().chain(columns)) {
        match value {
            Value::Number(None) | Value::Text(None) => {}
            Value::Number(Some(number)) => {
                feed(1, name.as_bytes());
                feed(2, &number.to_be_bytes());
            }
            Value::Text(Some(text)) => {
                feed(1, name.as_bytes());
                feed(3, text.as_bytes());
            }
        }
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests;
