//! Makes `docs/coverage.md` of what the stories over HTTP wrote down: run `make coverage`.

mod absences;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use absences::ABSENCES;
use schemas::ErrorCode;
use schemas::flags::FLAGS;
use schemas::settings::SETTINGS;
use schemas::words::WORDS;
use tests::coverage::{Kind, folder};

type Error = Box<dyn std::error::Error>;

/// By kind and name, the tests that touched it.
type Notes = BTreeMap<(String, String), BTreeSet<String>>;

fn main() -> Result<(), Error> {
    let notes = read()?;
    let (mut page, mut open) = (String::new(), 0);
    for kind in Kind::ALL {
        let rows = names(kind);
        let (title, column) = words(kind);
        writeln!(
            page,
            "\n## {title}\n\n| {column} | test, or why there is none |\n|---|---|"
        )?;
        for (name, about) in rows {
            let tests = notes.get(&(kind.word().to_owned(), name.clone()));
            let said = match (tests.and_then(BTreeSet::first), absence(kind, &name)) {
                (Some(test), _) => format!("`{test}`"),
                (None, Some(reason)) => reason.to_owned(),
                (None, None) => {
                    open += 1;
                    "**open**".to_owned()
                }
            };
            writeln!(page, "| {name}{about} | {said} |")?;
        }
    }
    let head = format!(
        "# What the stories over HTTP touch\n\nMade by `make coverage` of what the tests wrote down as they ran; of several \
         tests the first by name stands here. {open} rows are open.\n"
    );
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/coverage.md");
    std::fs::write(target, head + &page)?;
    println!("docs/coverage.md is written; {open} rows are open");
    Ok(())
}

fn read() -> Result<Notes, Error> {
    let mut notes = Notes::new();
    let entries = std::fs::read_dir(folder())
        .map_err(|error| format!("no notes yet ({error}): run the e2e tests first"))?;
    for entry in entries {
        for line in std::fs::read_to_string(entry?.path())?.lines() {
            if let [kind, what, test] = line.split('\t').collect::<Vec<_>>()[..] {
                let tests = notes.entry((kind.to_owned(), what.to_owned()));
                tests.or_default().insert(test.to_owned());
            }
        }
    }
    Ok(notes)
}

/// Every name of a kind, and what else stands in its cell.
fn names(kind: Kind) -> Vec<(String, String)> {
    let plain = |name: &str| (name.to_owned(), String::new());
    match kind {
        Kind::Setting => SETTINGS.iter().map(|setting| plain(setting.name)).collect(),
        Kind::Flag => FLAGS.iter().map(|flag| plain(flag.param)).collect(),
        Kind::Word => WORDS.iter().map(|word| plain(word.name)).collect(),
        Kind::Code => ErrorCode::ALL
            .iter()
            .filter(|code| **code != ErrorCode::Normal)
            .map(|code| (code.number().to_string(), format!(" {}", code.id())))
            .collect(),
    }
}

fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Setting => ("Settings", "setting"),
        Kind::Flag => ("Key flags", "flag"),
        Kind::Word => ("Event words", "word"),
        Kind::Code => ("Error codes", "code"),
    }
}

fn absence(kind: Kind, name: &str) -> Option<&'static str> {
    ABSENCES
        .iter()
        .find(|(of, names, _)| *of == kind && names.contains(&name))
        .map(|(_, _, reason)| *reason)
}
