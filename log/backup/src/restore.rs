//! Restoring a backup into a store that is empty.

use std::path::Path;
use std::sync::Arc;

use event_log::whole::{self, Cell, TABLES, Table};
use event_log::{EventLog, Failure};

use crate::check::{Checked, check};
use crate::contents::differences;
use crate::files::Reading;
use crate::{BackupError, BackupLog, EVIDENCE, Manifest};

/// Rows that are written by one statement.
const ROWS_AT_ONCE: usize = 256;

/// May the store have the rows already?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesOn {
    /// An interrupted restore of this backup goes on.
    Yes,
    /// The store has to be empty.
    No,
}

/// A log that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup had.
    pub checked: Checked,
    /// Rows that were written.
    pub rows: u64,
}

/// Checks a backup, writes its rows into the empty store at this address in one transaction, and compares what lies there
/// with what was signed. `progress` hears how many rows were written.
///
/// With `goes_on` the store may already have the rows of this backup: of an interruption between the transaction and the
/// comparison. It is then only compared.
pub async fn restore(
    folder: &Path,
    address: &str,
    goes_on: GoesOn,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Restored, BackupError> {
    let checked = check(folder).await?;
    let log = event_log::open(address).await?;
    let heads = log.heads().await?;
    if goes_on == GoesOn::Yes && checked.events > 0 && heads == Manifest::read(folder)?.lanes {
        return compared(folder, &log, checked, 0).await;
    }
    drop(log);
    let mut tables = TABLES.iter();
    let mut reading: Option<Reading> = None;
    let mut rows = 0;
    let mut give = || -> Result<Vec<(&'static Table, Vec<Cell>)>, Failure> {
        loop {
            if reading.is_none() {
                let Some(table) = tables.next() else {
                    return Ok(Vec::new());
                };
                reading = Some(Reading::begin(folder, table).map_err(failure)?);
            }
            let from = reading.as_mut().expect("it was begun");
            let mut batch = Vec::new();
            while batch.len() < ROWS_AT_ONCE
                && let Some(row) = from.next().map_err(failure)?
            {
                batch.push((from.table(), row));
            }
            if !batch.is_empty() {
                rows += batch.len() as u64;
                progress(rows);
                return Ok(batch);
            }
            reading = None;
        }
    };
    whole::write(address, &mut give).await?;
    let log = event_log::open(address).await?;
    compared(folder, &log, checked, rows).await
}

/// Believes the log only when it is event by event what the backup has and what was signed.
async fn compared(
    folder: &Path,
    log: &Arc<dyn EventLog>,
    checked: Checked,
    rows: u64,
) -> Result<Restored, BackupError> {
    let backup = BackupLog::open(folder)?;
    let is_longer = log.heads().await? != backup.heads().await?;
    let differing = differences(&backup, &**log, |_| {}).await?;
    if is_longer || !differing.is_empty() {
        return Err(BackupError::Differs(differing.first().copied()));
    }
    notary::whole(Arc::clone(log), &folder.join(EVIDENCE)).await?;
    Ok(Restored { checked, rows })
}

fn failure(error: BackupError) -> Failure {
    Failure {
        attempt: "cannot read the backup".to_owned(),
        source: Some(Box::new(error)),
    }
}
