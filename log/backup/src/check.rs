//! Is a backup what was written, and is that what was signed?

use std::path::Path;
use std::sync::Arc;

use event_log::EventLog as _;

use crate::files;
use crate::{BackupError, BackupLog, EVIDENCE, Manifest};

/// A backup that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Events of its log.
    pub events: u64,
    /// How many of them were compared with what was signed; `None` when nothing was.
    pub records: Option<u64>,
}

/// Reads every file of a backup, and compares every event with the signed checkpoint in it.
pub async fn check(folder: &Path) -> Result<Checked, BackupError> {
    let manifest = Manifest::read(folder)?;
    for (name, kept) in &manifest.files {
        let path = folder.join(name);
        if !path.exists() || files::kept(&path)? != *kept {
            return Err(BackupError::Altered(path));
        }
    }
    let log = Arc::new(BackupLog::open(folder)?);
    if log.heads().await? != manifest.lanes {
        return Err(BackupError::Altered(folder.to_owned()));
    }
    let checkpoint = notary::whole(log, &folder.join(EVIDENCE)).await?;
    let records = checkpoint.map(|checkpoint| checkpoint.size());
    if records != manifest.records {
        return Err(BackupError::Altered(folder.join(EVIDENCE)));
    }
    Ok(Checked {
        events: manifest.events,
        records,
    })
}
