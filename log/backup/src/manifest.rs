//! The list of a backup: what is in it, with digests. It is written last, so a backup without one was not finished.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;
use crate::{BackupError, MANIFEST};

/// The newest format.
pub(crate) const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of its files.
    pub format: u32,
    /// Events of the log.
    pub events: u64,
    /// Number of the last event of every lane, by lane number.
    pub lanes: Vec<u64>,
    /// Records of the newest checkpoint in it; `None` when nothing was signed.
    pub records: Option<u64>,
    /// Every other file, by its path in the backup.
    pub files: BTreeMap<String, Kept>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
}

impl Manifest {
    /// The list of a finished backup.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::Unfinished(folder.to_owned()));
            }
            Err(error) => return Err(BackupError::file("read", path)(error)),
        };
        let (list, sum) = split(&text).ok_or_else(|| BackupError::Altered(path.clone()))?;
        if files::sha256(list) != sum {
            return Err(BackupError::Altered(path));
        }
        let manifest: Self =
            serde_json::from_slice(list).map_err(|_| BackupError::Altered(path))?;
        if manifest.format == FORMAT {
            Ok(manifest)
        } else {
            Err(BackupError::Format(manifest.format))
        }
    }

    /// Finishes a backup.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let list = serde_json::to_vec_pretty(self).expect("a list is JSON");
        let sum = files::sha256(&list);
        let mut text = list;
        text.push(b'\n');
        text.extend(sum.as_bytes());
        text.push(b'\n');
        files::put(&folder.join(MANIFEST), &text)
    }
}

/// The list, and the digest in the line after it.
fn split(text: &[u8]) -> Option<(&[u8], String)> {
    let text = text.strip_suffix(b"\n")?;
    let end = text.iter().rposition(|byte| *byte == b'\n')?;
    let sum = String::from_utf8(text[end + 1..].to_vec()).ok()?;
    Some((&text[..end], sum))
}
