//! The journal as others read it: checkpoint, tiles, proofs. Any process that sees the folder and the log can; it never
//! writes, and it needs no key.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use event_log::{EventLog, Failure, LogEvent};
use evidence::tile::{self, Kind};
use evidence::{
    Checkpoint, EventProof, InvalidCheckpoint, Note, NoteError, Tile, TileNodes, nodes,
};
use schemas::{Digest, Position};

use crate::files::{FileError, Files};
use crate::leaves::leaf_of;
use crate::ledger::{CHECKPOINT, COSIGNED, LedgerError, ORDER, VERIFIER_KEY, read_tile};
use crate::order::Order;

/// A journal, to be read.
#[derive(Debug)]
pub struct Archive {
    log: Arc<dyn EventLog>,
    files: Files,
    order: Mutex<Order>,
}

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] Failure),
    /// A file.
    #[error("cannot read the journal")]
    Ledger(#[from] LedgerError),
    /// The checkpoint's file is no note.
    #[error("the checkpoint cannot be read")]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[from] InvalidCheckpoint),
    /// The log does not hold what the journal recorded.
    #[error("the log differs from the journal at {0}: the event was altered after it was recorded")]
    Altered(Position),
}

impl From<FileError> for ArchiveError {
    fn from(error: FileError) -> Self {
        Self::Ledger(error.into())
    }
}

impl Archive {
    /// The journal in that folder, of that log. The folder need not be there yet.
    pub fn at(log: Arc<dyn EventLog>, folder: &Path) -> Self {
        let files = Files::new(folder);
        Self {
            log,
            order: Mutex::new(Order::at(&files.path(ORDER))),
            files,
        }
    }

    /// The key that checks the checkpoints, as a line of text; `None` before the first start of a notary.
    pub fn verifier_key(&self) -> Result<Option<String>, ArchiveError> {
        Ok(self.files.text(VERIFIER_KEY)?)
    }

    /// The newest checkpoint as it was signed, and what it says; `None` before the first.
    pub fn checkpoint(&self) -> Result<Option<(String, Checkpoint)>, ArchiveError> {
        self.note_in(CHECKPOINT)
    }

    /// The newest checkpoint that witnesses have signed, too; `None` without witnesses.
    pub fn cosigned(&self) -> Result<Option<(String, Checkpoint)>, ArchiveError> {
        self.note_in(COSIGNED)
    }

    fn note_in(&self, file: &str) -> Result<Option<(String, Checkpoint)>, ArchiveError> {
        let Some(signed) = self.files.text(file)? else {
            return Ok(None);
        };
        let note: Note = signed.parse()?;
        let checkpoint = note.text.parse()?;
        Ok(Some((signed, checkpoint)))
    }

    /// The bytes of a tile; `None` when there is no such tile, or when it has become a fuller one.
    pub fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self.files.read(&tile.to_string()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Proof that the journal of `from` records is the beginning of that of `to`, which the newest checkpoint covers.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Digest>, ArchiveError> {
        let tiles = TileNodes::new(to, |tile| read_tile(&self.files, tile));
        Ok(nodes::consistency(&tiles, from, to)?)
    }

    /// The events of these records, in their order; fewer when the journal has fewer.
    pub fn positions(&self, from: u64, to: u64) -> Result<Vec<Position>, ArchiveError> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.read_until(to)?;
        let to = to.min(order.length());
        Ok(order.positions(from, to)?)
    }

    /// Proof of an event under the newest checkpoint that witnesses have signed, or, when it is not under that, under the
    /// newest of all; `None` when it is not under that one yet.
    pub async fn proof(&self, position: Position) -> Result<Option<EventProof>, ArchiveError> {
        let Some((_, newest)) = self.checkpoint()? else {
            return Ok(None);
        };
        let Some(index) = self.index_of(position, newest.size())? else {
            return Ok(None);
        };
        let Position { lane, number } = position;
        let found = self.log.read(lane, number, 1).await?;
        let event = found.first().filter(|event| event.position == position);
        let event = event.ok_or(ArchiveError::Altered(position))?;
        self.proof_at(index, event, None).await
    }

    /// The same for whoever has read the event and knows its record, and perhaps that of the event before it in its history:
    /// finding that one costs a look through what came after it. A wrong one is noticed.
    pub async fn proof_at(
        &self,
        index: u64,
        event: &LogEvent,
        before: Option<u64>,
    ) -> Result<Option<EventProof>, ArchiveError> {
        for (signed, checkpoint) in [self.cosigned()?, self.checkpoint()?].into_iter().flatten() {
            if index < checkpoint.size() {
                let size = checkpoint.size();
                let proof = self.proof_under(index, event, before, signed, size).await?;
                return Ok(Some(proof));
            }
        }
        Ok(None)
    }

    async fn proof_under(
        &self,
        index: u64,
        event: &LogEvent,
        before: Option<u64>,
        signed: String,
        size: u64,
    ) -> Result<EventProof, ArchiveError> {
        let position = event.position;
        let before = match (event.version, before) {
            (0 | 1, _) => None,
            (_, Some(before)) => Some(before),
            (version, None) => {
                let history = self.log.load(&event.owner, version - 2).await?;
                let before = history.first().map(|event| event.position);
                let before = before.ok_or(ArchiveError::Altered(position))?;
                let index = self.index_of(before, size)?;
                Some(index.ok_or(ArchiveError::Altered(before))?)
            }
        };
        let prev = before.map(|before| self.entry(before, size)).transpose()?;
        let leaf = leaf_of(event, prev);
        if leaf.entry() != self.entry(index, size)? {
            return Err(ArchiveError::Altered(position));
        }
        let tiles = TileNodes::new(size, |tile| read_tile(&self.files, tile));
        Ok(EventProof {
            inclusion: nodes::inclusion(&tiles, index, size)?,
            leaf,
            index,
            checkpoint: signed,
        })
    }

    /// Which record an event is, among the first `size`.
    fn index_of(&self, position: Position, size: u64) -> Result<Option<u64>, ArchiveError> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.read_until(size)?;
        let index = order.record_of(position)?;
        Ok(index.filter(|index| *index < size))
    }

    fn entry(&self, index: u64, size: u64) -> Result<Digest, ArchiveError> {
        let tile = Tile::holding(Kind::Entries, index, size).expect("the record is among them");
        let entries = read_tile(&self.files, tile)?;
        Ok(entries[(index % tile::TILE_WIDTH) as usize])
    }
}

#[cfg(test)]
mod tests {
    use evidence::{Policy, verify_consistency};

    use super::*;
    use crate::Place;
    use crate::notary::tests::{happen, open, owner};

    #[tokio::test]
    async fn every_event_is_proven_under_the_newest_checkpoint() {
        let (folder, log) = (
            tempfile::tempdir().unwrap(),
            Arc::new(event_log::MemoryLog::new()),
        );
        let archive = Archive::at(log.clone(), &Place::within(folder.path()).folder);
        assert!(archive.checkpoint().unwrap().is_none());
        assert!(archive.verifier_key().unwrap().is_none());
        let mut notary = open(&log, &folder).unwrap();
        let policy = Policy::of(notary.verifier_key().clone());
        for number in 0..5 {
            happen(&log, &owner(number), 90, 5).await;
        }
        let position = |event: &event_log::LogEvent| event.position;
        let none = archive.positions(0, 5).unwrap();
        assert!(none.is_empty(), "{none:?}");
        let events = log.load(&owner(2), 0).await.unwrap();
        assert_eq!(archive.proof(position(&events[0])).await.unwrap(), None);
        notary.catch_up().await.unwrap();
        let (_, old) = archive.checkpoint().unwrap().unwrap();
        assert_eq!(archive.positions(440, 1000).unwrap().len(), 10);
        for event in &events {
            let proof = archive.proof(event.position).await.unwrap().unwrap();
            assert_eq!(proof.verify(&policy).unwrap().size(), 450);
            assert_eq!(proof.leaf.position, event.position);
            let index = proof.index;
            let known = archive.proof_at(index, event, None).await.unwrap();
            assert_eq!(known.as_ref(), Some(&proof));
            if event.version > 1 {
                let wrong = archive.proof_at(index, event, Some(index)).await;
                assert!(matches!(wrong, Err(ArchiveError::Altered(_))));
            }
        }
        happen(&log, &owner(2), 1, 5).await;
        let newest = log.load(&owner(2), 90).await.unwrap()[0].position;
        assert_eq!(archive.proof(newest).await.unwrap(), None);
        notary.catch_up().await.unwrap();
        let proof = archive.proof(newest).await.unwrap().unwrap();
        assert_eq!(proof.verify(&policy).unwrap().size(), 451);
        let (_, new) = archive.checkpoint().unwrap().unwrap();
        let consistency = archive.consistency(450, 451).unwrap();
        let consistent = verify_consistency(450, old.root(), 451, new.root(), &consistency);
        assert_eq!(consistent, Ok(()));
        let nowhere = Position {
            number: 5000,
            ..newest
        };
        assert_eq!(archive.proof(nowhere).await.unwrap(), None);
        let tile = Tile::of_path("tile/0/000").unwrap();
        assert_eq!(archive.tile(tile).unwrap().unwrap().len(), 8192);
        let gone = Tile::of_path("tile/0/000.p/7").unwrap();
        assert!(archive.tile(gone).unwrap().is_none());
    }

    #[tokio::test]
    async fn an_event_that_is_not_what_was_recorded_has_no_proof() {
        let (folder, log) = (
            tempfile::tempdir().unwrap(),
            Arc::new(event_log::MemoryLog::new()),
        );
        happen(&log, &owner(1), 3, 5).await;
        open(&log, &folder).unwrap().catch_up().await.unwrap();
        let other = Arc::new(event_log::MemoryLog::new());
        happen(&other, &owner(1), 3, 6).await;
        let archive = Archive::at(other.clone(), &Place::within(folder.path()).folder);
        let position = other.load(&owner(1), 1).await.unwrap()[0].position;
        let altered = archive.proof(position).await;
        assert!(matches!(altered, Err(ArchiveError::Altered(place)) if place == position));
    }
}
