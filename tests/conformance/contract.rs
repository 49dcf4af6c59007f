//! The tables this program answers from, against the same tables as they were copied out of the reference manual.

use schemas::contract;
use schemas::events::access::LOOKED_WORDS;
use schemas::events::{Origin, kinds};
use schemas::words::WORDS;

/// Compares row by row, in the columns our table has.
fn assert_agrees(ours: &str, manual: &str) {
    let (ours, manual) = (rows(ours), rows(manual));
    let columns: Vec<usize> = ours[0]
        .iter()
        .map(|name| {
            let place = manual[0].iter().position(|known| known == name);
            place.unwrap_or_else(|| panic!("the manual's table has no column {name:?}"))
        })
        .collect();
    for (line, (ours, manual)) in ours.iter().zip(&manual).enumerate() {
        let manual: Vec<&str> = columns.iter().map(|column| manual[*column]).collect();
        assert_eq!(ours, &manual, "line {}", line + 1);
    }
    assert_eq!(ours.len(), manual.len(), "number of lines");
}

fn rows(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split('\t').collect())
        .collect()
}

#[test]
fn the_error_table_is_the_manuals() {
    assert_agrees(
        &contract::errors(),
        include_str!("../../schemas/contract/errors.tsv"),
    );
}

#[test]
fn the_settings_are_the_manuals() {
    assert_agrees(
        &contract::settings(),
        include_str!("../../schemas/contract/settings.tsv"),
    );
}

#[test]
fn the_event_words_and_journal_fields_are_the_manuals() {
    assert_agrees(
        &contract::events(),
        include_str!("../../schemas/contract/events.tsv"),
    );
}

#[test]
fn the_key_flags_are_the_manuals() {
    assert_agrees(
        &contract::keyflags(),
        include_str!("../../schemas/contract/keyflags.tsv"),
    );
}

#[test]
fn a_word_is_the_manuals_exactly_when_we_say_so() {
    let is_manuals = |word: &str| WORDS.iter().any(|known| known.name == word);
    for kind in kinds() {
        assert_eq!(
            is_manuals(kind.word),
            kind.origin == Origin::Manual,
            "{}",
            kind.word
        );
    }
    for (word, _) in LOOKED_WORDS {
        assert!(is_manuals(word), "{word}");
    }
}

#[test]
fn no_word_is_used_twice() {
    let mut words: Vec<&str> = kinds().map(|kind| kind.word).collect();
    words.extend(LOOKED_WORDS.iter().map(|(word, _)| *word));
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count);
}

#[test]
fn the_written_openapi_document_is_the_one_that_is_served() {
    let written = include_str!("../../docs/openapi.json");
    assert!(
        written == gateway::openapi_json(),
        "docs/openapi.json is stale: run make schemas"
    );
}
