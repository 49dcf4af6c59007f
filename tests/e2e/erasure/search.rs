//! Looks for bytes in files, whatever they are the files of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// How much of a long needle is looked for, from its beginning and to its end: a database cuts long values into pieces.
const PIECE: usize = 64;

/// Bytes to be looked for, each under a name.
#[derive(Default)]
pub(super) struct Search {
    /// By their first two bytes.
    needles: BTreeMap<[u8; 2], Vec<(String, Vec<u8>)>>,
}

impl Search {
    /// Bytes as they are.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) {
        let pieces = if bytes.len() > 2 * PIECE {
            vec![&bytes[..PIECE], &bytes[bytes.len() - PIECE..]]
        } else {
            vec![bytes]
        };
        for piece in pieces {
            let begins = [piece[0], piece[1]];
            let of = self.needles.entry(begins).or_default();
            of.push((name.to_owned(), piece.to_vec()));
        }
    }

    /// A text in every form that we or a database may give it.
    pub(super) fn add_text(&mut self, text: &str) {
        for form in forms(text) {
            self.add(text, &form);
        }
    }

    /// Which of them are in these bytes.
    pub(super) fn found_in(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let mut begins = vec![false; 1 << 16];
        let place = |[first, second]: [u8; 2]| usize::from(first) << 8 | usize::from(second);
        for key in self.needles.keys() {
            begins[place(*key)] = true;
        }
        let mut found = BTreeSet::new();
        for (at, pair) in bytes.windows(2).enumerate() {
            let pair = [pair[0], pair[1]];
            if !begins[place(pair)] {
                continue;
            }
            for (name, needle) in &self.needles[&pair] {
                if bytes[at..].starts_with(needle) {
                    found.insert(name.as_str());
                }
            }
        }
        found
    }

    /// Which of them are in files below, and in which.
    pub(super) fn found_below(&self, folder: &Path) -> BTreeMap<&str, BTreeSet<String>> {
        let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (path, bytes) in files(folder) {
            for name in self.found_in(&bytes) {
                found.entry(name).or_default().insert(path.clone());
            }
        }
        found
    }
}

/// UTF-8, UTF-16, hex, base64 at each of its three places, and the escapes of JSON.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let utf8 = text.as_bytes().to_vec();
    let mut forms = vec![
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        hex::encode(&utf8).into_bytes(),
        hex::encode_upper(&utf8).into_bytes(),
    ];
    for before in 0..3 {
        let shifted = [vec![0; before], utf8.clone()].concat();
        for encoded in [
            BASE64_STANDARD_NO_PAD.encode(&shifted),
            BASE64_URL_SAFE_NO_PAD.encode(&shifted),
        ] {
            // The first and the last digits hang on what stands beside the text.
            let encoded = encoded.into_bytes();
            forms.push(encoded[4..encoded.len() - 2].to_vec());
        }
    }
    let escaped = |upper: bool| -> String {
        let escape = |unit: u16| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ if upper => format!("\\u{unit:04X}"),
            _ => format!("\\u{unit:04x}"),
        };
        text.encode_utf16().map(escape).collect()
    };
    forms.extend([escaped(false).into_bytes(), escaped(true).into_bytes()]);
    forms.push(utf8);
    forms
}

/// Every file below, with its bytes. One that goes meanwhile is none.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file()
            && let Ok(bytes) = std::fs::read(&path)
        {
            found.push((path.display().to_string(), bytes));
        }
    }
    found
}

#[test]
fn every_form_of_a_text_is_found() {
    let mut search = Search::default();
    search.add_text("mark-это-7f");
    let json = serde_json::json!({ "a": "mark-это-7f" }).to_string();
    let escaped = r#"{"a":"mark-\u044d\u0442\u043e-7f"}"#;
    for hidden in [
        json.clone().into_bytes(),
        escaped.as_bytes().to_vec(),
        hex::encode(&json).into_bytes(),
        BASE64_STANDARD_NO_PAD.encode(&json).into_bytes(),
        BASE64_STANDARD_NO_PAD.encode(&json[1..]).into_bytes(),
        BASE64_URL_SAFE_NO_PAD.encode(&json[2..]).into_bytes(),
    ] {
        assert_eq!(search.found_in(&hidden).len(), 1, "{hidden:?}");
    }
    assert!(search.found_in(b"mark-7f").is_empty());
}
