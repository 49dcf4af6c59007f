//! The manual's tables as this program has them, printed one row a line and one tab between columns.
//!
//! `schemas/contract/` carries the same tables as they were copied out of the manual. `tests/conformance/contract.rs`
//! compares the two row by row, in the columns that stand here, so a slip of either side is a failing test.

use std::fmt::Display;

use crate::errors::ErrorCode;
use crate::flags::{FLAGS, Flag};
use crate::settings::{SETTINGS, Settings};
use crate::words::{JOURNAL_FIELDS, WORDS};

/// The error table. The status in the fourth column is the one we answer with.
pub fn errors() -> String {
    let mut table = Table::new(&[
        "code",
        "id",
        "http_status",
        "http_status_or_inferred_default",
        "description_en",
    ]);
    for code in ErrorCode::ALL {
        let stated = code
            .manual_http_status()
            .map_or(String::new(), |status| status.to_string());
        table.row(&[
            &code.number(),
            &code.id(),
            &stated,
            &code.http_status(),
            &code.text(),
        ]);
    }
    table.text
}

/// The settings, with their defaults.
pub fn settings() -> String {
    let mut table = Table::new(&["setting_name", "default", "since", "type_or_values"]);
    for setting in SETTINGS {
        table.row(&[
            &setting.name,
            &setting.default,
            &setting.since,
            &setting.values,
        ]);
    }
    table.text
}

/// The event words, and after them the fields of a journal record.
pub fn events() -> String {
    let mut table = Table::new(&["kind", "name", "since", "description_en"]);
    for word in WORDS {
        table.row(&[&"event_type", &word.name, &word.since, &word.text]);
    }
    for field in JOURNAL_FIELDS {
        table.row(&[&"record_property", &field.name, &field.since, &field.text]);
    }
    table.text
}

/// The flags of a key, one row for each bit.
pub fn keyflags() -> String {
    let mut table = Table::new(&[
        "bit",
        "mask_dec",
        "mask_hex",
        "constant",
        "manual_param_name",
        "rest_key_params_name",
        "default_setting",
        "default",
        "encoding",
    ]);
    let defaults = Settings::default().default_key_flags();
    for flag in FLAGS {
        let default = flag
            .default_setting
            .map_or(String::new(), |_| defaults.get(flag).to_string());
        for offset in 0..flag.width() {
            let bit = flag.bit + offset;
            let mask = 1_u32 << bit;
            table.row(&[
                &bit,
                &mask,
                &format_args!("{mask:#x}"),
                &flag.constant,
                &flag.manual_name,
                &flag.param,
                &flag.default_setting.unwrap_or_default(),
                &default,
                &encoding(flag, offset),
            ]);
        }
    }
    table.text
}

/// What one bit of a flag means, in the carried table's words.
fn encoding(flag: &Flag, offset: u8) -> String {
    match (flag.width(), offset, flag.value_max) {
        (1, ..) => "bool".to_owned(),
        (_, 0, 3) => "low bit of a 2-bit value (4 values)".to_owned(),
        (_, 0, value_max) => format!("low bit of a 2-bit value ({} values used)", value_max + 1),
        _ => "high bit of the 2-bit value".to_owned(),
    }
}

struct Table {
    text: String,
}

impl Table {
    fn new(columns: &[&str]) -> Self {
        Self {
            text: columns.join("\t") + "\n",
        }
    }

    fn row(&mut self, cells: &[&dyn Display]) {
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        self.text.push_str(&cells.join("\t"));
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_as_many_rows_as_the_manual() {
        let rows = |table: String| table.lines().count() - 1;
        assert_eq!(rows(errors()), 142);
        assert_eq!(rows(settings()), 61);
        assert_eq!(rows(events()), 66 + 22);
        assert_eq!(rows(keyflags()), 17);
    }
}
