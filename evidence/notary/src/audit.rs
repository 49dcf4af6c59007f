//! Is the log what the journal recorded? Record by record: the event is read as it is stored, its record is made anew, and
//! must be the entry in the tree; the entry must be under the signed root.
//!
//! The gate asks before anything is written at a start; the scrub asks all the time, a little at a time.

mod source;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use event_log::{EventLog, LogEvent, Pace};
use evidence::tile::TILE_WIDTH;
use evidence::{Checkpoint, Edge};
use futures::StreamExt as _;
use lru::LruCache;
use schemas::{Digest, Lane, Owner, Position};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::archive::ArchiveError;
use crate::files::Files;
use crate::leaves::leaf_and_filing;
use crate::ledger::{ORDER, read_tile};
use crate::order::Order;
use source::{Source, check};

/// How many of the newest records the gate compares with the log; all lanes' lengths are compared in any case.
pub const GATE_RECORDS: u64 = 1_000_000;
/// The scrub compares about 256 events a second where there is time for it, and fewer where there is not.
const SCRUB_PACE: Pace = Pace::OF_COMPARISONS;
/// Histories whose last entry is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1 << 17).expect("it is not zero");

/// Records that are read at once at a start, and such readings that are under way at the same time.
const READ_AT_ONCE: u64 = 16 * TILE_WIDTH;
const READINGS: usize = 4;
/// Comparisons beside the reading.
const COMPARISONS: usize = 4;

/// Compares the log with the journal.
#[derive(Debug)]
pub struct Audit {
    source: Source,
    /// The last entry of each history, with its version.
    last: Last,
}

type Last = LruCache<Owner, (u64, Digest)>;

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
    let compared = audit.compare_from(&checkpoint, size.saturating_sub(records));
    compared.await.map_err(|stop| stop.about(size))?;
    Ok(Some(checkpoint))
}

/// Compares the whole log with the journal, 256 records at a time, over and over, until `shutdown` comes. What differs is
/// told, and counted in `notary_differences_total`; nobody is stopped by it before the next start.
pub async fn scrub(log: Arc<dyn EventLog>, folder: &Path, shutdown: impl Future<Output = ()>) {
    let rounds = async {
        loop {
            round(Audit::of(Arc::clone(&log), folder)).await;
            tokio::time::sleep(SCRUB_PACE.least).await;
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
    let stretches = checkpoint.size().div_ceil(TILE_WIDTH);
    for stretch in 0..stretches {
        let left = (stretches - stretch) * TILE_WIDTH;
        metrics::gauge!("notary_scrub_left_events").set(left as f64);
        let begin = Instant::now();
        if let Err(error) = audit.stretch(&checkpoint, stretch).await {
            tell(&error);
        }
        tokio::time::sleep(SCRUB_PACE.rest(begin.elapsed())).await;
    }
    metrics::counter!("notary_scrubs_total").increment(1);
}

fn tell(error: &AuditError) {
    let (outcome, text) = match error {
        AuditError::Differs { .. } => {
            ("notary_differences_total", "the log is not what was signed")
        }
        AuditError::Archive(_) => (
            "notary_failures_total",
            "the scrub goes on without a stretch",
        ),
    };
    metrics::counter!(outcome).increment(1);
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "{text}");
}

impl Audit {
    /// Of this log, by the journal in that folder.
    pub fn of(log: Arc<dyn EventLog>, folder: &Path) -> Self {
        let files = Files::new(folder);
        let order = Order::at(&files.path(ORDER));
        Self {
            source: Source { log, files, order },
            last: LruCache::new(REMEMBERED),
        }
    }

    /// Reads the newest checkpoint and compares the lengths of the lanes with it.
    pub async fn begin(&mut self) -> Result<Option<Checkpoint>, AuditError> {
        let Some(checkpoint) = self.source.signed()? else {
            return Ok(None);
        };
        let size = checkpoint.size();
        let edge = Edge::restore(size, |tile| read_tile(&self.source.files, tile));
        if !edge.is_ok_and(|edge| edge.root() == *checkpoint.root()) {
            let record = size.saturating_sub(1);
            let difference = Difference::Journal {
                file: "tile",
                record,
            };
            return Err(AuditError::Differs { size, difference });
        }
        let compared = self.source.lengths(size).await;
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
            let stretch = record / TILE_WIDTH * TILE_WIDTH;
            let entries = self.source.entries(checkpoint, stretch)?;
            let prev = self.source.prev(event, &mut self.last, size).await?;
            let expected = entries.get((record % TILE_WIDTH) as usize);
            let (leaf, is_filed_rightly) = leaf_and_filing(event, prev);
            Ok::<_, Stop>(expected == Some(&leaf.entry()) && is_filed_rightly)
        };
        compared.await.map_err(|stop| stop.about(size))
    }

    async fn compare(&mut self, checkpoint: &Checkpoint, stretch: u64) -> Result<(), Stop> {
        let from = stretch * TILE_WIDTH;
        let fetched = self
            .source
            .fetch(checkpoint, from, from + TILE_WIDTH)
            .await?;
        let (pairs, stopped) = self
            .source
            .pairs(fetched, &mut self.last, checkpoint.size())
            .await;
        check(&pairs).map_err(Stop::Differs)?;
        stopped.map_or(Ok(()), Err)
    }

    /// Compares everything from the stretch of this record on: what comes next is read, and what was read is compared, at
    /// the same time. The first difference counts.
    async fn compare_from(&mut self, checkpoint: &Checkpoint, first: u64) -> Result<(), Stop> {
        let size = checkpoint.size();
        let begins = (first / TILE_WIDTH * TILE_WIDTH..size).step_by(READ_AT_ONCE as usize);
        let source = &self.source;
        let mut reading = futures::stream::iter(begins)
            .map(|from| source.fetch(checkpoint, from, from + READ_AT_ONCE))
            .buffered(READINGS);
        let mut comparing: VecDeque<JoinHandle<Result<(), Difference>>> = VecDeque::new();
        while let Some(fetched) = reading.next().await {
            let (pairs, stopped) = match fetched {
                Ok(fetched) => source.pairs(fetched, &mut self.last, size).await,
                Err(stop) => (Vec::new(), Some(stop)),
            };
            comparing.push_back(tokio::task::spawn_blocking(move || check(&pairs)));
            let left = if stopped.is_some() { 0 } else { COMPARISONS };
            finish(&mut comparing, left).await?;
            stopped.map_or(Ok(()), Err)?;
        }
        finish(&mut comparing, 0).await
    }
}

/// Waits for the oldest comparisons until so many are left.
async fn finish(
    comparing: &mut VecDeque<JoinHandle<Result<(), Difference>>>,
    left: usize,
) -> Result<(), Stop> {
    while comparing.len() > left
        && let Some(oldest) = comparing.pop_front()
    {
        let compared = oldest.await.expect("comparing does not panic");
        compared.map_err(Stop::Differs)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
