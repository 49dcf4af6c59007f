//! Exports: a range of the journal as files that somebody else can read, and check without us.
//!
//! Rows come in the order of the journal, as far as it is signed. A part is written wholly, then noted in the manifest; an
//! export that broke off goes on behind its last part. Nothing here reads the vault, so nothing erasable gets out.

mod check;
mod columns;
mod folder;
mod jsonl;
mod row;
mod source;

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use event_log::{EventLog, LogEvent};
use notary::{Archive, ArchiveError};
use schemas::Timestamp;
use schemas::codec::{self, DecodeError};
use schemas::curated::{FORM, Identifiers, curate};
use schemas::envelope::RecordedEvent;
use schemas::export::{Asked, EXPORT, FileSum, Form, Format, Manifest, Part, ProofLine};

pub use check::compare;
use folder::Folder;
use row::Row;
use source::Source;

/// How often a proof is asked for while the journal grows beside it.
const PROOF_ATTEMPTS: usize = 5;

/// Why there is no export, or only a part of one: it can be continued.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log.
    #[error("cannot read the log")]
    Log(#[from] event_log::Failure),
    /// The evidence.
    #[error("cannot read the evidence")]
    Archive(#[from] ArchiveError),
    /// Nothing is signed.
    #[error(
        "nothing is signed yet: an export is of the journal, and needs the notary's data folder"
    )]
    NotSigned,
    /// A record of the journal is not in the log.
    #[error("the log has no event for record {0} of the journal")]
    Missing(u64),
    /// An event of a newer program.
    #[error("cannot decode the event of record {0}")]
    Decode(u64, #[source] DecodeError),
    /// A file.
    #[error("cannot write {0}")]
    File(String, #[source] std::io::Error),
    /// The format's writer.
    #[error("cannot write {0}")]
    Parquet(String, #[source] parquet::errors::ParquetError),
    /// The folder holds something else.
    #[error("{0} holds another export, or none of this program: name an empty folder")]
    OtherExport(String),
    /// A row is not what its proof proves.
    #[error("{file}: the row of record {record} is not what its proof proves")]
    Differs {
        /// The file.
        file: String,
        /// The record.
        record: u64,
    },
}

/// An export on its way.
#[derive(Debug)]
pub struct Export<'a> {
    source: Source<'a>,
    archive: &'a Archive,
    asked: Asked,
    folder: Folder,
    manifest: Manifest,
    /// Record of the last event seen of each owner, by a hash of the owner: a wrong one is noticed by its proof.
    last_of: HashMap<u64, u64>,
}

impl<'a> Export<'a> {
    /// Begins one in this folder, or takes up the one that is there. An end that was not named is that of what is signed.
    pub fn begin(
        log: &'a Arc<dyn EventLog>,
        archive: &'a Archive,
        mut asked: Asked,
        into: &Path,
    ) -> Result<Self, ExportError> {
        let (signed, checkpoint) = archive.checkpoint()?.ok_or(ExportError::NotSigned)?;
        let folder = Folder::open(into)?;
        let manifest = if let Some(found) = folder.manifest()? {
            // It was begun when less was signed.
            if asked.end_record == u64::MAX {
                asked.end_record = found.asked.end_record;
            }
            if found.asked != asked || found.export != EXPORT {
                return Err(ExportError::OtherExport(into.display().to_string()));
            }
            found
        } else {
            asked.end_record = asked.end_record.min(checkpoint.size());
            folder.put("checkpoint", signed.as_bytes())?;
            let key = archive.verifier_key()?.unwrap_or_default();
            folder.put("verifier-key", key.as_bytes())?;
            Manifest {
                export: EXPORT,
                next_record: asked.first_record,
                asked: asked.clone(),
                parts: Vec::new(),
                rows: 0,
                complete: false,
                versions: BTreeMap::new(),
            }
        };
        Ok(Self {
            source: Source::new(log, archive),
            archive,
            asked,
            folder,
            manifest,
            last_of: HashMap::new(),
        })
    }

    /// Writes what is missing. `tell` hears how many records were looked at, of how many.
    pub async fn run(
        mut self,
        identifiers: &(dyn Identifiers + Sync),
        tell: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Manifest, ExportError> {
        let (first, end) = (self.asked.first_record, self.asked.end_record);
        let mut rows = Vec::new();
        let mut next = self.manifest.next_record;
        let hashes = std::hash::RandomState::new();
        while next < end {
            for (record, event) in self.source.read(next, end).await? {
                next = record + 1;
                let owner = hashes.hash_one(&event.owner);
                let before = self.last_of.insert(owner, record);
                if let Some(mut row) = self.row(record, &event, identifiers)? {
                    if self.asked.proofs {
                        row.proof = Some(self.proof(record, &event, before).await?);
                    }
                    rows.push(row);
                }
                if rows.len() as u64 == self.asked.part_rows {
                    self.part(std::mem::take(&mut rows), next)?;
                }
            }
            tell(next - first, end - first);
        }
        self.part(rows, end.max(first))?;
        self.manifest.complete = true;
        self.folder.put_manifest(&self.manifest)?;
        Ok(self.manifest)
    }

    /// The row of an event; `None` when it was not asked for.
    fn row(
        &mut self,
        record: u64,
        event: &LogEvent,
        identifiers: &(dyn Identifiers + Sync),
    ) -> Result<Option<Row>, ExportError> {
        let recorded = codec::decode(&event.payload);
        let recorded = recorded.map_err(|error| ExportError::Decode(record, error))?;
        if !self.is_asked_for(&recorded) {
            return Ok(None);
        }
        let position = event.position;
        let (row, version) = match self.asked.form {
            Form::Frame => {
                let row = Row::of_frame(record, position, &recorded, &event.payload);
                (row, recorded.event.version())
            }
            Form::Curated => match curate(&recorded, position, identifiers) {
                Some(curated) => (Row::of_curated(record, &curated), FORM),
                None => return Ok(None),
            },
        };
        let word = recorded.event.word().to_owned();
        self.manifest.versions.insert(word, version);
        Ok(Some(row))
    }

    fn is_asked_for(&self, recorded: &RecordedEvent) -> bool {
        let Asked {
            from, to, systems, ..
        } = &self.asked;
        let Timestamp(at) = recorded.recorded_at;
        from.is_none_or(|from| from <= at)
            && to.is_none_or(|to| at < to)
            && (systems.is_empty() || systems.contains(recorded.owner.system_id()))
    }

    /// Writes a part, and notes how far it goes.
    fn part(&mut self, rows: Vec<Row>, next: u64) -> Result<(), ExportError> {
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            let (first_record, last_record) = (first.record, last.record);
            let name = format!("part-{:05}", self.manifest.parts.len());
            let proofs = if self.asked.proofs {
                Some(self.proofs(&name, &rows)?)
            } else {
                None
            };
            let form = self.asked.form;
            let data = match self.asked.format {
                Format::Jsonl => {
                    let name = format!("{name}.jsonl");
                    self.folder
                        .write(&name, |file| jsonl::write(file, form, &rows))?
                }
                Format::Parquet => {
                    let name = format!("{name}.parquet");
                    self.folder
                        .write(&name, |file| columns::write(file, form, &rows))?
                }
            };
            self.manifest.rows += rows.len() as u64;
            self.manifest.parts.push(Part {
                data,
                proofs,
                rows: rows.len() as u64,
                first_record,
                last_record,
            });
        }
        self.manifest.next_record = next;
        self.folder.put_manifest(&self.manifest)
    }

    fn proofs(&self, name: &str, rows: &[Row]) -> Result<FileSum, ExportError> {
        let name = format!("{name}.proofs.jsonl");
        self.folder.write(&name, |file| {
            for row in rows {
                let line = ProofLine {
                    record: row.record,
                    proof: row.proof.clone().unwrap_or_default(),
                };
                let line = serde_json::to_string(&line).expect("texts are always JSON");
                writeln!(file, "{line}")?;
            }
            Ok(())
        })
    }

    /// While the journal grows, a tile may become another one between two looks.
    async fn proof(
        &self,
        record: u64,
        event: &LogEvent,
        mut before: Option<u64>,
    ) -> Result<String, ExportError> {
        let mut attempt = 1;
        loop {
            match self.archive.proof_at(record, event, before).await {
                Ok(Some(proof)) => return Ok(proof.to_string()),
                Ok(None) => return Err(ExportError::NotSigned),
                // Two owners may have one hash: then the journal itself says which was before.
                Err(ArchiveError::Altered(_)) if before.is_some() => before = None,
                Err(ArchiveError::Ledger(_)) if attempt < PROOF_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
