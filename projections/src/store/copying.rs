//! Rows in the binary form that PostgreSQL's `copy` reads: faster than any statement, as long as all of them are new.

use super::value::Value;

/// The signature, no flags, no header extension.
const BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// In the place of a row's number of columns: there are no more rows.
const END: i16 = -1;
/// In the place of a value's length: there is none.
const NULL: i32 = -1;

/// The statement that reads rows of these columns.
pub(super) fn statement(table: &str, columns: &[&str]) -> String {
    let columns = columns.join(", ");
    format!("copy {table} ({columns}) from stdin (format binary)")
}

/// The rows, as that statement reads them.
pub(super) fn encode(rows: &[Vec<Value>]) -> Vec<u8> {
    let mut bytes = BEGIN.to_vec();
    for row in rows {
        let columns = i16::try_from(row.len()).expect("a table has few columns");
        bytes.extend(columns.to_be_bytes());
        for value in row {
            match value {
                Value::Number(Some(number)) => put(&mut bytes, &number.to_be_bytes()),
                Value::Text(Some(text)) => put(&mut bytes, text.as_bytes()),
                Value::Number(None) | Value::Text(None) => bytes.extend(NULL.to_be_bytes()),
            }
        }
    }
    bytes.extend(END.to_be_bytes());
    bytes
}

fn put(bytes: &mut Vec<u8>, value: &[u8]) {
    let length = i32::try_from(value.len()).expect("no value has two gigabytes");
    bytes.extend(length.to_be_bytes());
    bytes.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_postgresql_reads_them() {
        let rows = [vec![258.into(), "г".into(), Value::Text(None)]];
        let mut expected = BEGIN.to_vec();
        expected.extend([0, 3]);
        expected.extend([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2]);
        expected.extend([0, 0, 0, 2, 0xd0, 0xb3]);
        expected.extend([0xff, 0xff, 0xff, 0xff]);
        expected.extend([0xff, 0xff]);
        assert_eq!(encode(&rows), expected);
        assert_eq!(
            statement("t", &["a", "b", "c"]),
            "copy t (a, b, c) from stdin (format binary)"
        );
    }
}
