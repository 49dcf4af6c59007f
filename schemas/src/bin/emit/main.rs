//! Writes the documents that follow from the types: the list of error codes, a JSON Schema for every event word and
//! version, the AsyncAPI description of the event stream, and the golden fixtures.
//!
//! Everything but the fixtures and the schemas of earlier versions is rewritten; a fixture is only ever added. The tests
//! below hold the committed files to what this program would write today.

mod asyncapi;
mod curated;
mod doc_comments;
mod error_codes;
mod fixtures;
mod json_schema;
mod samples;
mod shape;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, text) in documents() {
        write(&folder.join(path), text.as_bytes())?;
    }
    for (path, bytes) in fixtures::files() {
        let path = folder.join(path);
        if !path.exists() {
            write(&path, &bytes)?;
            println!("new fixture: {}", path.display());
        }
    }
    for (path, example) in curated::examples() {
        let path = folder.join(path);
        if !path.exists() {
            let example = serde_json::to_value(&example)?;
            write(&path, json_text(&example).as_bytes())?;
            println!("new example: {}", path.display());
        }
    }
    Ok(())
}

/// The generated documents, by their path in this package.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut documents = json_schema::documents();
    documents.extend(curated::documents());
    documents.insert("error-codes.md".into(), error_codes::document());
    documents.insert("asyncapi.json".into(), asyncapi::document());
    documents
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}

/// A document as text, with sorted keys: the order must not depend on how serde_json was built.
fn json_text(value: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(&sorted(value)).expect("a JSON value is always text");
    text + "\n"
}

fn sorted(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn folder() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(files_below(&path));
            } else {
                files.insert(path);
            }
        }
        files
    }

    #[test]
    fn the_committed_documents_are_what_make_schemas_writes() {
        for (path, text) in documents() {
            let committed = std::fs::read_to_string(folder().join(&path)).unwrap_or_default();
            assert!(
                committed == text,
                "{} is stale: run `make schemas`",
                path.display()
            );
        }
    }

    #[test]
    fn no_document_describes_a_word_that_is_gone() {
        let earlier = json_schema::earlier_versions().into_iter();
        let earlier = earlier.map(|word| PathBuf::from(json_schema::path(&word)));
        let written: BTreeSet<PathBuf> = documents()
            .into_keys()
            .chain(earlier)
            .map(|path| folder().join(path))
            .collect();
        for path in files_below(&folder().join("json")) {
            assert!(written.contains(&path), "nothing writes {}", path.display());
        }
    }

    #[test]
    fn every_earlier_version_of_a_word_keeps_its_schema_and_its_fixture() {
        let earlier = json_schema::earlier_versions();
        assert!(!earlier.is_empty());
        for word in earlier {
            let fixture = format!("fixtures/{}.v{}.msgpack", word.name, word.version);
            for path in [json_schema::path(&word), fixture] {
                assert!(folder().join(&path).exists(), "{path}");
            }
        }
    }

    #[test]
    fn every_error_code_has_a_page_and_every_page_a_code() {
        let pages: BTreeSet<String> = files_below(&folder().join("errors"))
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        let codes = schemas::ErrorCode::ALL.iter();
        let expected: BTreeSet<String> = codes
            .clone()
            .map(|code| format!("{}.md", code.number()))
            .collect();
        assert_eq!(pages, expected);
        for code in codes {
            let path = folder().join(format!("errors/{}.md", code.number()));
            let page = std::fs::read_to_string(path).unwrap();
            let title = format!("# {} {}\n", code.number(), code.id());
            assert!(
                page.starts_with(&title),
                "the page of {code} has another title"
            );
        }
    }
}
