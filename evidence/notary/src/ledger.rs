//! The journal as it lies on disk, and how it grows. Everything here is plain files and blocks its thread.
//!
//! A step is, in this order and each durable before the next: the order of the new records; the tiles; the checkpoint
//! that is about to be signed; the signed one. A checkpoint is thereby signed over what cannot be lost any more, and never
//! two different ones of one size: whatever was about to be signed is signed after a restart, byte for byte. Records whose
//! order is written and which no checkpoint has yet are taken up again in that order.
//!
//! Every file that is made and removed makes the next one dearer, so what is about to be signed is written over itself.

use std::fs::File;
use std::path::{Path, PathBuf};

use evidence::tile::{self, Kind};
use evidence::{
    Checkpoint, Edge, InvalidCheckpoint, KeyKind, Note, NoteError, StateLine, Tile, VerifierKey,
};
use schemas::{Digest, Position};

use crate::files::{FileError, Files, hold};
use crate::key::{KeyError, NoteKey};
use crate::order::{self, Order};

/// Names of the files.
pub(crate) const ORDER: &str = "order";
pub(crate) const NEXT: &str = "next";
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The newest checkpoint that satisfies a policy with witnesses, with their signatures.
pub const COSIGNED: &str = "checkpoint.cosigned";
pub(crate) const VERIFIER_KEY: &str = "verifier-key";
const LOCK: &str = "lock";

/// Where a journal lies.
#[derive(Clone, Debug)]
pub struct Place {
    /// Folder of the tiles and checkpoints.
    pub folder: PathBuf,
    /// File of the signing key.
    pub key: PathBuf,
}

impl Place {
    /// The usual place in a folder of data.
    pub fn within(data: &Path) -> Self {
        Self {
            folder: data.join("evidence"),
            key: data.join("evidence.key"),
        }
    }
}

/// The journal on disk, held by its one writer.
#[derive(Debug)]
pub struct Ledger {
    files: Files,
    key: NoteKey,
    order: Order,
    edge: Edge,
    signed: Checkpoint,
    _lock: File,
}

/// Why the journal cannot be opened or grow.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Another process is the notary of this folder.
    #[error("another notary has {}", .0.display())]
    Taken(PathBuf),
    /// There are checkpoints and no key to go on with.
    #[error(
        "{} is not there, but checkpoints are signed with it: restore it, or put the evidence folder aside and begin a new journal",
        .0.display()
    )]
    KeyLost(PathBuf),
    /// A file does not hold what it should.
    #[error("{} does not hold a checkpoint of this journal", path.display())]
    Checkpoint {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Unfit,
    },
    /// Fewer records are in order than a checkpoint counts.
    #[error("the order of the journal ends at record {found}, but a checkpoint counts {expected}")]
    OrderLost {
        /// Records of the checkpoint.
        expected: u64,
        /// Records whose order is known.
        found: u64,
    },
    /// The tiles are not those a checkpoint was signed over.
    #[error("the tiles of the journal do not lead to the root of its checkpoint of {size} records")]
    TilesDiffer {
        /// Records of the checkpoint.
        size: u64,
    },
}

/// What is wrong with a checkpoint's file.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text.
    #[error(transparent)]
    Checkpoint(#[from] InvalidCheckpoint),
    /// It is about another journal.
    #[error("it is a checkpoint of {0}")]
    Origin(String),
    /// It counts fewer records than the signed one.
    #[error("it counts fewer records than the signed checkpoint")]
    Older,
}

impl Ledger {
    /// Opens the journal, or begins one, and ends what was interrupted. `name` and `seed` are for a new key.
    pub fn open(
        place: &Place,
        name: Option<&str>,
        seed: impl FnOnce() -> [u8; 32],
    ) -> Result<Self, LedgerError> {
        let files = Files::make(&place.folder)?;
        let path = files.path(LOCK);
        let lock = hold(&path)?.ok_or(LedgerError::Taken(path))?;
        let key = match NoteKey::open(&place.key)? {
            Some(key) => key,
            None if files.text(CHECKPOINT)?.is_some() => {
                return Err(LedgerError::KeyLost(place.key.clone()));
            }
            None => {
                let seed = seed();
                let name = name.map_or_else(|| NoteKey::name_of_journal(&seed), ToOwned::to_owned);
                let name = format!("audit.{name}/v1");
                NoteKey::create(&place.key, &name, KeyKind::Log, &seed)?
            }
        };
        let shown = format!("{}\n", key.public());
        if files.text(VERIFIER_KEY)?.as_ref() != Some(&shown) {
            files.write(&[(VERIFIER_KEY.to_owned(), shown.into_bytes())])?;
        }
        Self::resume(files, key, lock)
    }

    fn resume(files: Files, key: NoteKey, lock: File) -> Result<Self, LedgerError> {
        let signed = signed_checkpoint(&files, key.public())?;
        let promised = promised_checkpoint(&files, key.public(), signed.as_ref())?;
        let size = promised.size();
        let mut order = Order::at(&files.path(ORDER));
        order.read_until(u64::MAX)?;
        if order.length() < size {
            return Err(LedgerError::OrderLost {
                expected: size,
                found: order.length(),
            });
        }
        let whole = order.length() * order::RECORD;
        if order::bytes_in(&files.path(ORDER)) > whole {
            // A record that was being written.
            files.cut(ORDER, whole)?;
        }
        let edge = Edge::restore(size, |tile| read_tile(&files, tile))?;
        if edge.root() != *promised.root() {
            return Err(LedgerError::TilesDiffer { size });
        }
        let mut ledger = Self {
            files,
            key,
            order,
            edge,
            signed: promised.clone(),
            _lock: lock,
        };
        if signed.as_ref() != Some(&promised) {
            ledger.sign(promised)?;
        }
        Ok(ledger)
    }

    /// The key that checks the checkpoints.
    pub fn verifier_key(&self) -> &VerifierKey {
        self.key.public()
    }

    /// The newest signed checkpoint.
    pub fn signed(&self) -> &Checkpoint {
        &self.signed
    }

    /// The order, with the records that have none of the tree yet.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Events whose place is decided and which are not in the tree yet, at most so many.
    pub fn pending(&self, most: u64) -> Result<Vec<Position>, LedgerError> {
        let from = self.edge.size();
        let to = self.order.length().min(from + most);
        Ok(self.order.positions(from, to)?)
    }

    /// The entry of a record that is in the tree.
    pub fn entry(&self, record: u64) -> Result<Option<Digest>, LedgerError> {
        let Some(tile) = Tile::holding(Kind::Entries, record, self.edge.size()) else {
            return Ok(None);
        };
        let entries = read_tile(&self.files, tile)?;
        Ok(entries.get((record % tile::TILE_WIDTH) as usize).copied())
    }

    /// Adds records, those that are pending first, and signs a checkpoint over them. After an error the journal must be
    /// opened again. The checkpoint says the state, when one is given.
    pub fn record(
        &mut self,
        records: &[(Position, Digest)],
        state: Option<StateLine>,
    ) -> Result<(), LedgerError> {
        let before = self.edge.size();
        let decided = (self.order.length() - before) as usize;
        let mut bytes = Vec::new();
        for (position, _) in records.iter().skip(decided) {
            assert!(
                self.order.follows(*position),
                "{position} does not come next"
            );
            bytes.extend(order::record(*position));
            self.order.push(*position);
        }
        if !bytes.is_empty() {
            self.files.append(ORDER, &bytes)?;
        }
        let mut files = Vec::new();
        let mut complete = Vec::new();
        for (_, entry) in records {
            self.edge.push(*entry, |tile, bytes| {
                files.push((tile.to_string(), bytes));
                complete.push(format!("{tile}.p"));
            });
        }
        let known: Vec<Tile> = Tile::partial_of(before).collect();
        let partial = self.edge.partial().into_iter();
        files.extend(
            partial
                .filter(|(tile, _)| !known.contains(tile))
                .map(|(tile, bytes)| (tile.to_string(), bytes)),
        );
        self.files.write(&files)?;
        let origin = self.signed.origin();
        let mut next = Checkpoint::new(origin, self.edge.size(), self.edge.root())
            .expect("the origin stood in a checkpoint before");
        if let Some(state) = state.filter(|state| state.records <= next.size()) {
            next = next.with_state(state);
        }
        self.files.write_over(NEXT, promise(&next).as_bytes())?;
        self.sign(next)?;
        for folder in complete {
            self.files.remove_folder(&folder);
        }
        Ok(())
    }

    fn sign(&mut self, checkpoint: Checkpoint) -> Result<(), LedgerError> {
        let note = self.key.sign(&checkpoint);
        self.files
            .write(&[(CHECKPOINT.to_owned(), note.into_bytes())])?;
        self.signed = checkpoint;
        Ok(())
    }
}

/// The signed checkpoint of a folder, checked; `None` when nothing was signed yet.
pub(crate) fn signed_checkpoint(
    files: &Files,
    key: &VerifierKey,
) -> Result<Option<Checkpoint>, LedgerError> {
    let Some(note) = files.text(CHECKPOINT)? else {
        return Ok(None);
    };
    let read = || {
        let note: Note = note.parse()?;
        note.verify(key)?;
        of_this_journal(note.text.parse()?, key)
    };
    read().map(Some).map_err(|source| LedgerError::Checkpoint {
        path: files.path(CHECKPOINT),
        source,
    })
}

/// What is written before a checkpoint is signed: its text, and the sum that says that the text is whole.
fn promise(checkpoint: &Checkpoint) -> String {
    let text = checkpoint.to_string();
    let sum = Digest::sha256(text.as_bytes());
    format!("{text}{sum}\n")
}

/// The checkpoint that was to be signed last: the signed one, or the one after it. The empty one in a new journal.
fn promised_checkpoint(
    files: &Files,
    key: &VerifierKey,
    signed: Option<&Checkpoint>,
) -> Result<Checkpoint, LedgerError> {
    let unfit = |source| LedgerError::Checkpoint {
        path: files.path(NEXT),
        source,
    };
    // Nothing was signed over a promise that is not whole: signing waits until it is durable.
    let text = files.bytes(NEXT)?.and_then(whole_promise);
    let Some(text) = text else {
        let empty = Checkpoint::new(key.name(), 0, evidence::empty_root());
        let empty = empty.map_err(|error| unfit(error.into()));
        return signed.cloned().map_or(empty, Ok);
    };
    let promised = text
        .parse()
        .map_err(|error: InvalidCheckpoint| unfit(error.into()))?;
    let promised = of_this_journal(promised, key).map_err(unfit)?;
    match signed {
        Some(signed) if promised.size() < signed.size() => Err(unfit(Unfit::Older)),
        _ => Ok(promised),
    }
}

fn whole_promise(bytes: Vec<u8>) -> Option<String> {
    let mut text = String::from_utf8(bytes).ok()?;
    let sum = text.strip_suffix('\n')?.rsplit('\n').next()?.to_owned();
    text.truncate(text.len() - sum.len() - 1);
    (Digest::sha256(text.as_bytes()).to_string() == sum).then_some(text)
}

fn of_this_journal(checkpoint: Checkpoint, key: &VerifierKey) -> Result<Checkpoint, Unfit> {
    if checkpoint.origin() == key.name() {
        Ok(checkpoint)
    } else {
        Err(Unfit::Origin(checkpoint.origin().to_owned()))
    }
}

/// The hashes or entries of a tile: of its own file, or of the one it became when it was full.
pub(crate) fn read_tile(files: &Files, tile: Tile) -> Result<Vec<Digest>, LedgerError> {
    let (path, bytes) = match files.read(&tile.to_string()) {
        Err(error) if error.is_missing() && !tile.is_full() => {
            let full = tile.full().to_string();
            let bytes = files.read(&full)?;
            (full, bytes)
        }
        read => (tile.to_string(), read?),
    };
    let hashes = match tile.kind {
        Kind::Entries => tile::unbundle(&bytes),
        Kind::Hashes(_) => tile::hashes(&bytes),
    };
    let mut hashes = hashes.unwrap_or_default();
    if (hashes.len() as u64) < tile.width {
        let short = std::io::Error::other("the file is too short, or not a tile");
        return Err(FileError::new("read", &files.path(&path), short).into());
    }
    hashes.truncate(tile.width as usize);
    Ok(hashes)
}

#[cfg(test)]
mod tests;
