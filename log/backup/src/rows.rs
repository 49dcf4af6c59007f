//! Rows in a file: each four bytes of length, big endian, and a MessagePack list of its columns.

use std::fmt;

use event_log::whole::{Cell, Kind, Table};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::ByteBuf;

/// Longest row that is read.
pub(crate) const ROW_MAX: usize = 1 << 27;

/// A column as it is written: MessagePack's nil, integer, str or bin, and read as what it was.
#[derive(Serialize)]
#[serde(untagged)]
enum Written {
    Nothing,
    Number(i64),
    Text(String),
    Bytes(ByteBuf),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Column)
    }
}

/// Tells text and bytes apart, which a derived reader would not.
struct Column;

impl Visitor<'_> for Column {
    type Value = Written;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nothing, a number, a text or bytes")
    }

    fn visit_unit<E>(self) -> Result<Written, E> {
        Ok(Written::Nothing)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Written, E> {
        Ok(Written::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Written, E> {
        let number = i64::try_from(number).map_err(E::custom)?;
        Ok(Written::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Written, E> {
        Ok(Written::Text(text.to_owned()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Written, E> {
        Ok(Written::Bytes(ByteBuf::from(bytes)))
    }
}

/// The bytes of a row.
pub(crate) fn encode(row: Vec<Cell>) -> Vec<u8> {
    let written: Vec<Written> = row.into_iter().map(Written::from).collect();
    let body = rmp_serde::to_vec(&written).expect("rows hold nothing that MessagePack cannot");
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend(body);
    bytes
}

/// The row of these bytes, without their length; `None` when it is no row of that table.
pub(crate) fn decode(table: &Table, body: &[u8]) -> Option<Vec<Cell>> {
    let written: Vec<Written> = rmp_serde::from_slice(body).ok()?;
    if written.len() != table.columns.len() {
        return None;
    }
    let cells = written.into_iter().zip(table.columns);
    cells
        .map(|(written, (_, kind))| cell(written, *kind))
        .collect()
}

fn cell(written: Written, kind: Kind) -> Option<Cell> {
    Some(match (written, kind) {
        (Written::Nothing, Kind::MaybeNumber) => Cell::Nothing,
        (Written::Number(number), Kind::Number | Kind::MaybeNumber) => Cell::Number(number),
        (Written::Text(text), Kind::Text) => Cell::Text(text),
        (Written::Bytes(bytes), Kind::Bytes) => Cell::Bytes(bytes.into_vec()),
        _ => return None,
    })
}

impl From<Cell> for Written {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Nothing => Self::Nothing,
            Cell::Number(number) => Self::Number(number),
            Cell::Text(text) => Self::Text(text),
            Cell::Bytes(bytes) => Self::Bytes(ByteBuf::from(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_as_what_its_table_has() {
        let counts = Table::named("counts").expect("a table");
        for most in [Cell::Nothing, Cell::Number(-7)] {
            let row = vec![
                Cell::Text("users/a".to_owned()),
                Cell::Number(i64::MAX),
                most,
            ];
            let bytes = encode(row.clone());
            assert_eq!(
                bytes.len(),
                4 + u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
            );
            assert_eq!(decode(counts, &bytes[4..]), Some(row));
        }
        let vault = Table::named("vault").expect("a table");
        let row = vec![
            Cell::Text("owner".to_owned()),
            Cell::Text(String::new()),
            Cell::Bytes(b"valid utf-8, and bytes all the same".to_vec()),
        ];
        let bytes = encode(row.clone());
        assert_eq!(decode(vault, &bytes[4..]), Some(row));
        assert_eq!(decode(counts, &bytes[4..]), None);
        assert_eq!(decode(vault, &bytes[5..]), None);
    }
}
