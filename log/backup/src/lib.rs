//! A backup of the log: the stored bytes of every table as one moment saw them, the evidence, and a list of it all with
//! digests. It is the same whatever the database, and can be restored into either.
//!
//! A backup is itself a log that can be read: it is checked against the evidence before anything is restored, and the
//! restored log again before it is called good.

mod check;
mod contents;
mod files;
mod log;
mod manifest;
mod restore;
mod rows;
mod take;

pub use check::{Checked, check};
pub use contents::differences;
pub use log::BackupLog;
pub use manifest::{Kept, Manifest};
pub use restore::{GoesOn, Restored, restore};
pub use take::take;

use std::path::PathBuf;

/// What a backup's folder is called by its parts.
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const UNFINISHED: &str = "unfinished";
/// The folder of the evidence in a backup.
pub const EVIDENCE: &str = "evidence";

/// Why a backup was not made, or is not good.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// With which.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds something else.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The folder holds no backup, or one that was not finished.
    #[error("{} is not a finished backup", .0.display())]
    Unfinished(PathBuf),
    /// Another version of the program wrote it.
    #[error("the backup has format {0}, this program knows 1")]
    Format(u32),
    /// A file is not what was written.
    #[error("{} is not what the backup wrote: it was altered, or its disk is failing", .0.display())]
    Altered(PathBuf),
    /// The log is behind the evidence beside it.
    #[error("the log and the evidence beside it contradict each other")]
    Evidence(#[from] notary::AuditError),
    /// The evidence cannot be copied.
    #[error("cannot copy the evidence")]
    Archive(#[from] notary::ArchiveError),
    /// The restored log is another one than the backup's.
    #[error("the log is not what the backup has{}", .0.map_or_else(String::new, |at| format!(", first at {at}")))]
    Differs(Option<schemas::Position>),
    /// The store.
    #[error(transparent)]
    Store(#[from] event_log::OpenError),
    /// The log.
    #[error(transparent)]
    Log(#[from] event_log::Failure),
}

impl BackupError {
    pub(crate) fn file(
        verb: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { verb, path, source }
    }
}
