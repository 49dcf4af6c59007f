//! Checks an export: the sums of its files, the proof of each frame, and that the frames in JSON Lines are what is proven.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use evidence::{EventProof, Policy};
use schemas::export::{Asked, EXPORT, FileSum, Form, Format, MANIFEST, Manifest, Part, ProofLine};
use schemas::{Digest, Position};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::VerifyError;

/// What was checked of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedExport {
    /// In words.
    pub(crate) said: String,
    /// Proofs that hold.
    pub(crate) proofs: usize,
}

/// Checks the export in that folder.
pub(crate) fn export(folder: &Path, policy: &Policy) -> Result<CheckedExport, VerifyError> {
    let path = folder.join(MANIFEST);
    let bytes = std::fs::read(&path).map_err(|error| VerifyError::Read(path.clone(), error))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|_| VerifyError::Shape(path.clone(), "the manifest of an export"))?;
    if manifest.export != EXPORT {
        return Err(VerifyError::Shape(
            path,
            "a manifest of a version known here",
        ));
    }
    if !manifest.complete {
        return Err(VerifyError::Incomplete(folder.to_owned()));
    }
    let asked = &manifest.asked;
    let (mut next, mut rows, mut proofs) = (asked.first_record, 0, 0);
    for part in &manifest.parts {
        sum(folder, &part.data)?;
        let in_order = next <= part.first_record && part.first_record <= part.last_record;
        if !in_order || part.last_record >= asked.end_record {
            return Err(VerifyError::Missing(folder.join(&part.data.file)));
        }
        if let Some(proven) = &part.proofs {
            sum(folder, proven)?;
            proofs += proven_part(folder, asked, part, &folder.join(&proven.file), policy)?;
        }
        (next, rows) = (part.last_record + 1, rows + part.rows);
    }
    let whole =
        asked.is_whole_range() && rows != asked.end_record.saturating_sub(asked.first_record);
    if whole || rows != manifest.rows || asked.proofs && proofs as u64 != rows {
        return Err(VerifyError::Missing(path));
    }
    Ok(CheckedExport {
        said: said(&manifest),
        proofs,
    })
}

fn said(manifest: &Manifest) -> String {
    let asked = &manifest.asked;
    let (parts, rows) = (manifest.parts.len(), manifest.rows);
    let range = format!("records {} to {}", asked.first_record, asked.end_record);
    let rows_said = match (asked.form, asked.format, asked.proofs) {
        (Form::Curated, _, _) => {
            "curated rows have no proofs: the sums say that the files are those of the manifest"
        }
        (Form::Frame, _, false) => {
            "without proofs: the sums say that the files are those of the manifest"
        }
        (Form::Frame, Format::Jsonl, true) => "each row is what its proof proves",
        (Form::Frame, Format::Parquet, true) => {
            "rows of Parquet are compared with the proofs by `countersign verify`"
        }
    };
    let complete = if asked.is_whole_range() {
        "none is missing"
    } else {
        "whether one is missing that was asked for, nobody can say without the journal"
    };
    format!("{rows} rows in {parts} parts, {range}; {rows_said}; {complete}")
}

/// Fails when a file is not the one of the manifest.
fn sum(folder: &Path, expected: &FileSum) -> Result<(), VerifyError> {
    let path = named(folder, &expected.file)?;
    let failed = |error| VerifyError::Read(path.clone(), error);
    let mut file = File::open(&path).map_err(failed)?;
    let (mut sum, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        sum.update(&buffer[..read]);
        bytes += read as u64;
    }
    if bytes == expected.bytes && Digest(sum.finalize().into()).to_string() == expected.sha256 {
        Ok(())
    } else {
        Err(VerifyError::Sum(path))
    }
}

/// A manifest names files of its own folder only.
fn named(folder: &Path, name: &str) -> Result<PathBuf, VerifyError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(VerifyError::Shape(
            folder.join(MANIFEST),
            "a manifest of files beside it",
        ));
    }
    Ok(folder.join(name))
}

/// The proofs of a part, and its rows where they can be read here; says how many proofs.
fn proven_part(
    folder: &Path,
    asked: &Asked,
    part: &Part,
    path: &Path,
    policy: &Policy,
) -> Result<usize, VerifyError> {
    let lines = |path: &Path| {
        let failed = |error| VerifyError::Read(path.to_owned(), error);
        File::open(path)
            .map(|file| BufReader::new(file).lines())
            .map_err(failed)
    };
    let is_jsonl = asked.format == Format::Jsonl && asked.form == Form::Frame;
    let data = folder.join(&part.data.file);
    let mut rows = if is_jsonl { Some(lines(&data)?) } else { None };
    let (mut count, mut last) = (0, None);
    for line in lines(path)? {
        let line = line.map_err(|error| VerifyError::Read(path.to_owned(), error))?;
        let shape = || VerifyError::Shape(path.to_owned(), "a list of proofs");
        let line: ProofLine = serde_json::from_str(&line).map_err(|_| shape())?;
        let failed = |error| VerifyError::Proof(path.to_owned(), error);
        let proof: EventProof = line.proof.parse().map_err(failed)?;
        proof.verify(policy).map_err(failed)?;
        let in_order = last.is_none_or(|last| last < proof.index);
        if proof.index != line.record || !in_order {
            return Err(VerifyError::Stored(path.to_owned()));
        }
        (count, last) = (count + 1, Some(proof.index));
        if let Some(rows) = &mut rows {
            let row = rows.next().and_then(Result::ok);
            let row = row.and_then(|row| serde_json::from_str(&row).ok());
            if !row.is_some_and(|row| is_proven(&row, &proof)) {
                return Err(VerifyError::Stored(data));
            }
        }
    }
    let ends = last == Some(part.last_record) && count as u64 == part.rows;
    let more = rows.is_some_and(|mut rows| rows.next().is_some());
    if ends && !more {
        Ok(count)
    } else {
        Err(VerifyError::Missing(path.to_owned()))
    }
}

/// Whether a row says in every column what its record and the stored bytes say.
fn is_proven(row: &Value, proof: &EventProof) -> bool {
    let leaf = &proof.leaf;
    let Position { lane, number } = leaf.position;
    let Some(Ok(stored)) = row["stored"].as_str().map(hex::decode) else {
        return false;
    };
    let Ok(frame) = schemas::mirror::of_event(&stored) else {
        return false;
    };
    let user_id = leaf.owner.user_id().map(schemas::UserId::as_str);
    let of_the_frame = [
        "word",
        "version",
        "aggregate",
        "ordinal",
        "recorded_at",
        "result",
    ];
    Digest::sha256(&stored) == leaf.stored
        && row["record"] == proof.index
        && row["lane"] == lane.number()
        && row["number"] == number
        && row["system_id"] == leaf.owner.system_id().as_str()
        && row["user_id"].as_str() == user_id
        && of_the_frame.iter().all(|name| row[*name] == frame[*name])
        && row["frame"] == frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_leads_nowhere_else() {
        let folder = Path::new("export");
        assert!(named(folder, "part-00000.jsonl").is_ok());
        for wrong in ["", "..", "../x", "/etc/passwd", ".hidden", "a/b", "a\\b"] {
            assert!(named(folder, wrong).is_err(), "{wrong}");
        }
    }
}
