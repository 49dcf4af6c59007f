//! The manifest of an export: what its files are, and what is in them. The verifier reads it, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, SystemId};

/// Version of the manifest.
pub const EXPORT: u16 = 1;

/// The name of the manifest's file.
pub const MANIFEST: &str = "manifest.json";

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest.
    pub export: u16,
    /// What was asked for.
    pub asked: Asked,
    /// The parts that are there, in the order of the journal.
    pub parts: Vec<Part>,
    /// Rows of all parts.
    pub rows: u64,
    /// The first record that was not looked at yet.
    pub next_record: u64,
    /// Whether everything that was asked for is there.
    pub complete: bool,
    /// The words that occur, each with the version of its body, or of the curated form.
    pub versions: BTreeMap<String, u16>,
}

/// What was asked for. An export is continued only with the same wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What a row is.
    pub form: Form,
    /// How rows are written.
    pub format: Format,
    /// Whether each row has its proof.
    pub proofs: bool,
    /// The first record of the journal that is asked for; 0 is the oldest.
    pub first_record: u64,
    /// The first one that is not.
    pub end_record: u64,
    /// Events recorded from this moment on, ms; `None` without a limit.
    pub from: Option<i64>,
    /// Events recorded before this moment, ms; `None` without a limit.
    pub to: Option<i64>,
    /// Events of these systems; empty for all.
    pub systems: Vec<SystemId>,
    /// Whose pseudonyms stand for the identifiers; `None` where they stand for themselves.
    pub pseudonyms: Option<String>,
    /// Most rows of a part.
    pub part_rows: u64,
}

impl Asked {
    /// Whether every record of the range is a row.
    pub fn is_whole_range(&self) -> bool {
        self.form == Form::Frame
            && self.systems.is_empty()
            && self.from.is_none()
            && self.to.is_none()
    }
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The event as it is stored.
    Frame,
    /// What an analyst is given of it.
    Curated,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object in each line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// A part: a file of rows, and one of their proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The rows.
    pub data: FileSum,
    /// Their proofs, a JSON object in each line; `None` without proofs.
    pub proofs: Option<FileSum>,
    /// How many rows.
    pub rows: u64,
    /// Record of the first row.
    pub first_record: u64,
    /// Record of the last row.
    pub last_record: u64,
}

/// A file and its sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Name in the folder.
    pub file: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

impl FileSum {
    /// Of these bytes.
    pub fn of(file: &str, bytes: u64, sum: &Digest) -> Self {
        Self {
            file: file.to_owned(),
            bytes,
            sha256: sum.to_string(),
        }
    }
}

/// A line of the proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofLine {
    /// The record it is of.
    pub record: u64,
    /// A proof in the form of C2SP tlog-proof, with its signed checkpoint.
    pub proof: String,
}
