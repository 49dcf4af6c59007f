//! Making a backup, while the service works.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use event_log::Failure;
use event_log::whole::{self, Cell, TABLES};

use crate::files::{self, Writing, name_of};
use crate::manifest::{FORMAT, Manifest};
use crate::{BackupError, EVIDENCE, MANIFEST, UNFINISHED};

/// Makes a backup of the log at this address and of the evidence in that folder. The folder must be empty or not there; what
/// an interrupted backup has left in it is done again. `progress` hears how many rows were written.
pub async fn take(
    address: &str,
    evidence: &Path,
    into: &Path,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Manifest, BackupError> {
    prepare(into)?;
    // The evidence first: what it covers is in the log by then, and never the other way round.
    let checkpoint = notary::copy(evidence, &into.join(EVIDENCE))?;
    let mut tables = BTreeMap::new();
    for table in &TABLES {
        let name = name_of(table);
        tables.insert(table.name, Writing::begin(into.join(&name))?);
    }
    let mut lanes = Vec::new();
    let mut written = 0;
    let mut take = |table: &'static whole::Table, row: Vec<Cell>| {
        if let ("lanes", Some(Cell::Number(number))) = (table.name, row.get(2)) {
            lanes.push(*number as u64);
        }
        let writing = tables.get_mut(table.name).expect("every table has a file");
        written += 1;
        progress(written);
        writing.put(row).map_err(|error| Failure {
            attempt: format!("cannot write the rows of {}", table.name),
            source: Some(Box::new(error)),
        })
    };
    whole::read(address, &mut take).await?;
    let mut kept = BTreeMap::new();
    for table in &TABLES {
        let writing = tables.remove(table.name).expect("every table has a file");
        kept.insert(name_of(table), writing.end()?);
    }
    if checkpoint.is_some() {
        for name in files::below(&into.join(EVIDENCE))? {
            let name = format!("{EVIDENCE}/{name}");
            let file = files::kept(&into.join(&name))?;
            kept.insert(name, file);
        }
    }
    let manifest = Manifest {
        format: FORMAT,
        events: lanes.iter().sum(),
        lanes,
        records: checkpoint.map(|checkpoint| checkpoint.size()),
        files: kept,
    };
    manifest.write(into)?;
    let marker = into.join(UNFINISHED);
    std::fs::remove_file(&marker).map_err(BackupError::file("remove", marker))?;
    Ok(manifest)
}

/// An empty folder, marked as unfinished. What is in a backup is for its owner alone.
fn prepare(into: &Path) -> Result<(), BackupError> {
    let marker = into.join(UNFINISHED);
    if into.exists() {
        let failed = || BackupError::file("look into", into);
        let is_empty = std::fs::read_dir(into).map_err(failed())?.next().is_none();
        let is_unfinished = marker.exists() && !into.join(MANIFEST).exists();
        if !is_empty && !is_unfinished {
            return Err(BackupError::NotEmpty(into.to_owned()));
        }
        std::fs::remove_dir_all(into).map_err(BackupError::file("empty", into))?;
    }
    let mut make = DirBuilder::new();
    make.recursive(true).mode(0o700);
    make.create(into).map_err(BackupError::file("make", into))?;
    std::fs::write(&marker, "").map_err(BackupError::file("make", marker))
}
