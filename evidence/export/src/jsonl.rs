//! JSON Lines: an object in each line, its members in the order of the columns.

use std::io::Write;

use schemas::export::Form;
use serde_json::Value;

use crate::folder::WriteError;
use crate::row::{Cell, Row, columns};

/// Writes the rows.
pub(crate) fn write(file: &mut dyn Write, form: Form, rows: &[Row]) -> Result<(), WriteError> {
    for row in rows {
        let mut before = '{';
        for ((name, _), cell) in columns(form).iter().zip(&row.cells) {
            let value = match cell {
                Cell::Number(number) => (*number).into(),
                Cell::Text(text) => text.as_str().into(),
                Cell::Nothing => Value::Null,
                Cell::Json(value) => value.clone(),
                Cell::Bytes(bytes) => hex::encode(bytes).into(),
            };
            write!(file, "{before}\"{name}\":{value}")?;
            before = ',';
        }
        file.write_all(b"}\n")?;
    }
    Ok(())
}
