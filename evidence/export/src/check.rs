//! Rows of Parquet against their proofs. The proofs themselves are the verifier's to check.

use std::fs::File;
use std::io::BufRead as _;
use std::path::Path;

use evidence::EventProof;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, RowAccessor as _};
use schemas::export::{Form, Format, MANIFEST, Manifest, Part, ProofLine};
use schemas::{Digest, codec};

use crate::ExportError;
use crate::row::{Cell, Row, columns};

/// Compares every row of Parquet with its proof; says how many. Nothing where rows are something else or have no proofs.
pub fn compare(folder: &Path) -> Result<u64, ExportError> {
    let path = folder.join(MANIFEST);
    let failed = |error| ExportError::File(path.display().to_string(), error);
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(&path).map_err(failed)?)
        .map_err(|_| ExportError::OtherExport(folder.display().to_string()))?;
    let asked = &manifest.asked;
    if asked.format != Format::Parquet || asked.form != Form::Frame || !asked.proofs {
        return Ok(0);
    }
    let mut rows = 0;
    for part in &manifest.parts {
        rows += compare_part(folder, part)?;
    }
    Ok(rows)
}

fn compare_part(folder: &Path, part: &Part) -> Result<u64, ExportError> {
    let name = part.data.file.clone();
    let read = |name: &str| {
        let failed = |error| ExportError::File(name.to_owned(), error);
        File::open(folder.join(name)).map_err(failed)
    };
    let failed = |error| ExportError::Parquet(name.clone(), error);
    let reader = SerializedFileReader::new(read(&name)?).map_err(failed)?;
    let proofs = part.proofs.as_ref().map_or("", |proofs| &proofs.file);
    let mut proofs = std::io::BufReader::new(read(proofs)?).lines();
    let stored_at = columns(Form::Frame)
        .iter()
        .position(|(name, _)| *name == "stored");
    let stored_at = stored_at.expect("the column is one of the form's");
    let mut rows = 0;
    for row in reader.get_row_iter(None).map_err(failed)? {
        let row = row.map_err(failed)?;
        let record = row.get_long(0).map_err(failed)? as u64;
        let stored = row.get_bytes(stored_at).map_err(failed)?.data().to_vec();
        let proof = proofs.next().and_then(Result::ok);
        let expected = proof.and_then(|line| proven(&line, record, &stored));
        let is_it = expected.is_some_and(|expected| {
            let fields = row.get_column_iter().map(|(_, field)| field);
            row.len() == expected.cells.len()
                && fields
                    .zip(&expected.cells)
                    .all(|(field, cell)| is_cell(field, cell))
        });
        if !is_it {
            return Err(ExportError::Differs { file: name, record });
        }
        rows += 1;
    }
    if rows != part.rows {
        let record = part.last_record;
        return Err(ExportError::Differs { file: name, record });
    }
    Ok(rows)
}

/// The row that the stored bytes make, when the proof is of them.
fn proven(line: &str, record: u64, stored: &[u8]) -> Option<Row> {
    let line: ProofLine = serde_json::from_str(line).ok()?;
    let proof: EventProof = line.proof.parse().ok()?;
    let is_of_them = proof.index == record && proof.leaf.stored == Digest::sha256(stored);
    let recorded = codec::decode(stored).ok().filter(|_| is_of_them)?;
    Some(Row::of_frame(
        record,
        proof.leaf.position,
        &recorded,
        stored,
    ))
}

fn is_cell(field: &Field, cell: &Cell) -> bool {
    match (field, cell) {
        (Field::Long(found) | Field::TimestampMillis(found), Cell::Number(number)) => {
            found == number
        }
        (Field::Str(found), Cell::Text(text)) => found == text,
        (Field::Str(found), Cell::Json(value)) => {
            serde_json::from_str::<serde_json::Value>(found).is_ok_and(|found| found == *value)
        }
        (Field::Bytes(found), Cell::Bytes(bytes)) => found.data() == bytes.as_slice(),
        (Field::Null, Cell::Nothing) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_cell_of_its_kind_with_its_value() {
        let json: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":[]}"#).unwrap();
        let right = [
            (Field::Long(7), Cell::Number(7)),
            (Field::TimestampMillis(7), Cell::Number(7)),
            (Field::Str("a".to_owned()), Cell::Text("a".to_owned())),
            (
                Field::Str(r#"{"a":[], "b":1}"#.to_owned()),
                Cell::Json(json),
            ),
            (Field::Bytes(vec![1, 2].into()), Cell::Bytes(vec![1, 2])),
            (Field::Null, Cell::Nothing),
        ];
        for (number, (field, _)) in right.iter().enumerate() {
            for (other, (_, cell)) in right.iter().enumerate() {
                let is_same = number == other || (number < 2 && other < 2);
                assert_eq!(is_cell(field, cell), is_same, "{field:?} {cell:?}");
            }
        }
        assert!(!is_cell(&Field::Long(8), &Cell::Number(7)));
    }
}
