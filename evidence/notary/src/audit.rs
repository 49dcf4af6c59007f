//! Is the log what the journal recorded? Record by record: the event is read as it is stored, its record is made anew, and
//! must be the entry in the tree; the entry must be under the signed root.
//!
//! The gate asks before anything is written at a start; the scrub asks all the time, a little at a time.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event_log::{EventLog, LogEvent, Piece};
use evidence::tile::{self, Kind, TILE_WIDTH};
use evidence::{Checkpoint, Edge, Leaf, Note, Tile, TileNodes, leaf_hash, nodes, verify_inclusion};
use lru::LruCache;
use schemas::{Digest, Lane, Owner, Position};

use crate::archive::ArchiveError;
use crate::files::Files;
use crate::leaves::{is_filed_rightly, leaf_of};
use crate::ledger::{CHECKPOINT, ORDER, VERIFIER_KEY, read_tile};
use crate::order::Order;

/// How many of the newest records the gate compares with the log; all lanes' lengths are compared in any case.
pub const GATE_RECORDS: u64 = 1_000_000;
/// How far apart the scrub keeps two stretches: about 256 events a second are compared.
const SCRUB_PACE: Duration = Duration::from_secs(1);
/// Histories whose last entry is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1 << 17).expect("it is not zero");

/// Compares the log with the journal.
#[derive(Debug)]
pub struct Audit {
    log: Arc<dyn EventLog>,
    files: Files,
    order: Order,
    /// The last entry of each history, with its version.
    last: LruCache<Owner, (u64, Digest)>,
}

/// What the log or the journal is not as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A lane has lost its end.
    #[error(
        "lane {lane} of the log ends at number {log}, but the journal has recorded number {recorded}: an older copy was restored, or events were removed"
    )]
    Shorter {
        /// Which lane.
        lane: Lane,
        /// Number of its last event.
        log: u64,
        /// The number in the journal.
        recorded: u64,
    },
    /// An event is gone.
    #[error("lane {} of the log lacks number {}, which is record {record} of the journal", position.lane, position.number)]
    Missing {
        /// Its record.
        record: u64,
        /// Where it lay.
        position: Position,
    },
    /// An event is another one.
    #[error(
        "lane {} number {} of the log is not what was recorded: record {record} is {expected}, the log makes it {found}",
        position.lane, position.number
    )]
    Altered {
        /// Its record.
        record: u64,
        /// Where it lies.
        position: Position,
        /// The entry in the journal.
        expected: Digest,
        /// The entry that follows from the log.
        found: Digest,
    },
    /// An event is filed under another aggregate than its own.
    #[error("lane {} number {} of the log is filed under another aggregate than its own", position.lane, position.number)]
    Misfiled {
        /// Its record.
        record: u64,
        /// Where it lies.
        position: Position,
    },
    /// The journal's own files are not what was signed.
    #[error("the {file} of the journal is not what was signed, at record {record}")]
    Journal {
        /// Which of its files.
        file: &'static str,
        /// The first record it is about.
        record: u64,
    },
}

/// Why the comparison did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Something is not as it was signed. Nothing may be written until a person has looked.
    #[error(
        "the log and the last signed checkpoint, of {size} records, contradict each other: {difference}"
    )]
    Differs {
        /// Records of the checkpoint.
        size: u64,
        /// What differs first.
        difference: Difference,
    },
    /// It could not be compared.
    #[error("the log cannot be compared with the journal")]
    Archive(#[from] ArchiveError),
}

impl<E> From<E> for Stop
where
    ArchiveError: From<E>,
{
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why a stretch was not compared to its end.
enum Stop {
    Differs(Difference),
    Failed(ArchiveError),
}

impl Stop {
    fn about(self, size: u64) -> AuditError {
        match self {
            Self::Differs(difference) => AuditError::Differs { size, difference },
            Self::Failed(error) => error.into(),
        }
    }
}

/// Compares the log with the last signed checkpoint of that folder: the lengths of all lanes, and the newest
/// [`GATE_RECORDS`] events. `None` when nothing was signed there yet.
pub async fn gate(log: Arc<dyn EventLog>, folder: &Path) -> Result<Option<Checkpoint>, AuditError> {
    newest(log, folder, GATE_RECORDS).await
}

/// Compares the whole log with the last signed checkpoint of that folder. `None` when nothing was signed there yet.
pub async fn whole(
    log: Arc<dyn EventLog>,
    folder: &Path,
) -> Result<Option<Checkpoint>, AuditError> {
    newest(log, folder, u64::MAX).await
}

async fn newest(
    log: Arc<dyn EventLog>,
    folder: &Path,
    records: u64,
) -> Result<Option<Checkpoint>, AuditError> {
    let mut audit = Audit::of(log, folder);
    let Some(checkpoint) = audit.begin().await? else {
        return Ok(None);
    };
    let size = checkpoint.size();
    let first = size.saturating_sub(records) / TILE_WIDTH;
    for stretch in first..size.div_ceil(TILE_WIDTH) {
        audit.stretch(&checkpoint, stretch).await?;
    }
    Ok(Some(checkpoint))
}

/// Compares the whole log with the journal, 256 records at a time, over and over, until `shutdown` comes. What differs is
/// told, and counted in `notary_differences_total`; nobody is stopped by it before the next start.
pub async fn scrub(log: Arc<dyn EventLog>, folder: &Path, shutdown: impl Future<Output = ()>) {
    let rounds = async {
        loop {
            round(Audit::of(Arc::clone(&log), folder)).await;
            tokio::time::sleep(SCRUB_PACE).await;
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = rounds => {}
    }
}

/// Compares everything that is signed when the round begins.
async fn round(mut audit: Audit) {
    let checkpoint = match audit.begin().await {
        Ok(None) => return,
        Ok(Some(checkpoint)) => checkpoint,
        Err(error) => return tell(&error),
    };
    for stretch in 0..checkpoint.size().div_ceil(TILE_WIDTH) {
        if let Err(error) = audit.stretch(&checkpoint, stretch).await {
            tell(&error);
        }
        tokio::time::sleep(SCRUB_PACE).await;
    }
    metrics::counter!("notary_scrubs_total").increment(1);
}

fn tell(error: &AuditError) {
    let outcome = match error {
        AuditError::Differs { .. } => "notary_differences_total",
        AuditError::Archive(_) => "notary_failures_total",
    };
    metrics::counter!(outcome).increment(1);
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "the scrub of the log found something");
}

impl Audit {
    /// Of this log, by the journal in that folder.
    pub fn of(log: Arc<dyn EventLog>, folder: &Path) -> Self {
        let files = Files::new(folder);
        Self {
            log,
            order: Order::at(&files.path(ORDER)),
            files,
            last: LruCache::new(REMEMBERED),
        }
    }

    /// Reads the newest checkpoint and compares the lengths of the lanes with it.
    pub async fn begin(&mut self) -> Result<Option<Checkpoint>, AuditError> {
        let Some(checkpoint) = self.signed()? else {
            return Ok(None);
        };
        let size = checkpoint.size();
        let edge = Edge::restore(size, |tile| read_tile(&self.files, tile));
        if !edge.is_ok_and(|edge| edge.root() == *checkpoint.root()) {
            let record = size.saturating_sub(1);
            let difference = Difference::Journal {
                file: "tile",
                record,
            };
            return Err(AuditError::Differs { size, difference });
        }
        let compared = self.lengths(size).await;
        compared.map_err(|stop| stop.about(size))?;
        Ok(Some(checkpoint))
    }

    /// Compares 256 records, stretch 0 being the first ones.
    pub async fn stretch(
        &mut self,
        checkpoint: &Checkpoint,
        stretch: u64,
    ) -> Result<(), AuditError> {
        let size = checkpoint.size();
        let compared = self.compare(checkpoint, stretch).await;
        compared.map_err(|stop| stop.about(size))
    }

    /// Is this event the one that was recorded there?
    pub async fn is_record(
        &mut self,
        checkpoint: &Checkpoint,
        record: u64,
        event: &LogEvent,
    ) -> Result<bool, AuditError> {
        let size = checkpoint.size();
        let compared = async {
            let entries = self.entries(checkpoint, record / TILE_WIDTH * TILE_WIDTH)?;
            let found = self.record_of(event, size).await?.entry();
            let expected = entries.get((record % TILE_WIDTH) as usize);
            Ok::<_, Stop>(expected == Some(&found) && is_filed_rightly(event))
        };
        compared.await.map_err(|stop| stop.about(size))
    }

    /// The signed checkpoint, when its signature is right.
    fn signed(&self) -> Result<Option<Checkpoint>, ArchiveError> {
        let Some(signed) = self.files.text(CHECKPOINT)? else {
            return Ok(None);
        };
        let note: Note = signed.parse()?;
        let key = self.files.text(VERIFIER_KEY)?.unwrap_or_default();
        note.verify(&key.trim_end().parse()?)?;
        Ok(Some(note.text.parse()?))
    }

    async fn lengths(&mut self, size: u64) -> Result<(), Stop> {
        self.order.read_until(size)?;
        if self.order.length() < size {
            return Err(Stop::Differs(Difference::Journal {
                file: ORDER,
                record: self.order.length(),
            }));
        }
        let heads = self.log.heads().await?;
        for (lane, (log, recorded)) in Lane::all().zip(heads.iter().zip(self.order.counts())) {
            let (log, recorded) = (*log, *recorded);
            if log < recorded {
                return Err(Stop::Differs(Difference::Shorter {
                    lane,
                    log,
                    recorded,
                }));
            }
        }
        Ok(())
    }

    async fn compare(&mut self, checkpoint: &Checkpoint, stretch: u64) -> Result<(), Stop> {
        let size = checkpoint.size();
        let from = stretch * TILE_WIDTH;
        let to = size.min(from + TILE_WIDTH);
        let entries = self.entries(checkpoint, from)?;
        let positions = self.order.positions(from, to)?;
        let mut events = self.events(&positions).await?;
        for ((record, position), expected) in (from..).zip(positions).zip(entries) {
            let event = events.remove(&position);
            let event = event.ok_or(Stop::Differs(Difference::Missing { record, position }))?;
            let found = self.record_of(&event, size).await?.entry();
            if found != expected {
                return Err(Stop::Differs(Difference::Altered {
                    record,
                    position,
                    expected,
                    found,
                }));
            }
            if !is_filed_rightly(&event) {
                return Err(Stop::Differs(Difference::Misfiled { record, position }));
            }
            self.last.put(event.owner, (event.version, found));
        }
        Ok(())
    }

    /// The entries from record `from` to the end of their bundle, once they are known to be under the signed root.
    fn entries(&self, checkpoint: &Checkpoint, from: u64) -> Result<Vec<Digest>, Stop> {
        let size = checkpoint.size();
        let unlike = |file| Stop::Differs(Difference::Journal { file, record: from });
        let bundle = Tile::holding(Kind::Entries, from, size).expect("the record is one of them");
        let entries = read_tile(&self.files, bundle).map_err(|_| unlike("bundle of entries"))?;
        let leaves: Vec<Digest> = entries
            .iter()
            .map(|entry| leaf_hash(entry.as_bytes()))
            .collect();
        let kind = Kind::Hashes(0);
        let hashes = read_tile(&self.files, Tile { kind, ..bundle });
        if hashes.map_err(|_| unlike("tile"))? != leaves {
            return Err(unlike("bundle of entries"));
        }
        // The path of one record leads over all its neighbors in the tile.
        let tiles = TileNodes::new(size, |tile| read_tile(&self.files, tile));
        let path = nodes::inclusion(&tiles, from, size).map_err(|_| unlike("tile"))?;
        let root = checkpoint.root();
        verify_inclusion(&leaves[0], from, size, &path, root).map_err(|_| unlike("tile"))?;
        Ok(entries)
    }

    async fn events(
        &self,
        positions: &[Position],
    ) -> Result<HashMap<Position, LogEvent>, ArchiveError> {
        let mut pieces: HashMap<Lane, Piece> = HashMap::new();
        for Position { lane, number } in positions {
            let piece = Piece {
                lane: *lane,
                first: *number,
                last: *number,
            };
            pieces.entry(*lane).or_insert(piece).last = *number;
        }
        let pieces: Vec<Piece> = pieces.into_values().collect();
        let found = self.log.read_pieces(&pieces).await?;
        let found = found.into_iter().map(|event| (event.position, event));
        Ok(found.collect())
    }

    /// The record of an event, after the one the journal has of the event before it.
    async fn record_of(&mut self, event: &LogEvent, size: u64) -> Result<Leaf, ArchiveError> {
        if event.version <= 1 {
            return Ok(leaf_of(event, None));
        }
        if let Some((version, entry)) = self.last.get(&event.owner)
            && *version + 1 == event.version
        {
            return Ok(leaf_of(event, Some(*entry)));
        }
        let history = self.log.load(&event.owner, event.version - 2).await?;
        let before = history
            .first()
            .filter(|before| before.version + 1 == event.version);
        let record = match before {
            Some(before) => self.order.record_of(before.position)?,
            None => None,
        };
        // Without the event before it this record cannot be the one that was signed.
        let prev = match record.filter(|record| *record < size) {
            Some(record) => Some(self.entry(record, size)?),
            None => None,
        };
        Ok(leaf_of(event, prev))
    }

    fn entry(&self, record: u64, size: u64) -> Result<Digest, ArchiveError> {
        let bundle = Tile::holding(Kind::Entries, record, size).expect("the record is one of them");
        let entries = read_tile(&self.files, bundle)?;
        Ok(entries[(record % tile::TILE_WIDTH) as usize])
    }
}

#[cfg(test)]
mod tests;
