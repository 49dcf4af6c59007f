//! The witness: what it has seen of every journal, on disk before it signs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use evidence::{Checkpoint, InvalidCheckpoint, KeyKind, Note, NoteError, VerifierKey};
use notary::{FileError, Files, KeyError, NoteKey, hold};
use schemas::Digest;

use crate::judging::{Refusal, judge, read};
use crate::request::AddCheckpoint;

/// Name of the key's file.
const KEY: &str = "witness.key";
const LOCK: &str = "lock";

/// A witness of some journals.
#[derive(Debug)]
pub struct Witness {
    key: NoteKey,
    journals: BTreeMap<String, VerifierKey>,
    files: Files,
    /// What was signed last, by journal. It is held from the judgment to the signature: two requests do not pass each other.
    seen: Mutex<BTreeMap<String, Checkpoint>>,
    _lock: File,
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Its key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its files.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process is the witness with this folder.
    #[error("another witness has {}", .0.display())]
    Taken(PathBuf),
    /// A key that is none of a log.
    #[error("{0} is not the key of a journal")]
    NotAJournal(String),
    /// What it stored is not what it stored.
    #[error("{} does not hold the checkpoint that was signed last", .0.display())]
    Seen(PathBuf, #[source] Unfit),
}

/// What is wrong with a stored checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text.
    #[error(transparent)]
    Checkpoint(#[from] InvalidCheckpoint),
}

impl Witness {
    /// Opens the folder, or makes it. `name` and `seed` are for a new key.
    pub fn open(
        folder: &Path,
        name: &str,
        seed: impl FnOnce() -> [u8; 32],
        journals: impl IntoIterator<Item = VerifierKey>,
    ) -> Result<Self, WitnessError> {
        let files = Files::make(folder)?;
        let lock = hold(&files.path(LOCK))?;
        let lock = lock.ok_or_else(|| WitnessError::Taken(folder.to_owned()))?;
        let path = files.path(KEY);
        let key = match NoteKey::open(&path)? {
            Some(key) => key,
            None => NoteKey::create(&path, name, KeyKind::Witness, &seed())?,
        };
        let (mut known, mut seen) = (BTreeMap::new(), BTreeMap::new());
        for journal in journals {
            if journal.kind() != KeyKind::Log {
                return Err(WitnessError::NotAJournal(journal.to_string()));
            }
            if let Some(last) = last_seen(&files, &journal)? {
                seen.insert(journal.name().to_owned(), last);
            }
            known.insert(journal.name().to_owned(), journal);
        }
        Ok(Self {
            key,
            journals: known,
            files,
            seen: Mutex::new(seen),
            _lock: lock,
        })
    }

    /// The key that checks its signatures.
    pub fn verifier_key(&self) -> &VerifierKey {
        self.key.public()
    }

    /// Judges a request, stores its checkpoint, and signs it: the line of the signature. `seconds` is the time it says,
    /// since 1970. It blocks its thread.
    pub fn add(&self, body: &str, seconds: u64) -> Result<String, Refusal> {
        let request: AddCheckpoint = body.parse().map_err(|_| Refusal::Malformed)?;
        let (note, checkpoint) = read(&request)?;
        let journal = self.journals.get(checkpoint.origin());
        let journal = journal.ok_or(Refusal::UnknownJournal)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.get(journal.name());
        judge(&request, (&note, &checkpoint), journal, last)?;
        if last != Some(&checkpoint) {
            let stored = (file_of(journal), request.note.into_bytes());
            self.files.write(&[stored]).map_err(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "a checkpoint cannot be stored, so it is not signed");
                Refusal::CannotStore
            })?;
            seen.insert(journal.name().to_owned(), checkpoint);
        }
        Ok(self.key.cosign(&note.text, seconds))
    }
}

fn file_of(journal: &VerifierKey) -> String {
    let digest = Digest::sha256(journal.name().as_bytes()).to_string();
    format!("seen/{}", &digest[..32])
}

fn last_seen(files: &Files, journal: &VerifierKey) -> Result<Option<Checkpoint>, WitnessError> {
    let name = file_of(journal);
    let Some(text) = files.text(&name)? else {
        return Ok(None);
    };
    let read = || {
        let note: Note = text.parse()?;
        note.verify(journal)?;
        Ok(note.text.parse()?)
    };
    read()
        .map(Some)
        .map_err(|error| WitnessError::Seen(files.path(&name), error))
}

#[cfg(test)]
mod tests;
