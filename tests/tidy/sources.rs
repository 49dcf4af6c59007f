//! What must not stand in a source file, and where it may. Each rule is a plain search: it can be fooled on purpose, and
//! catches what happens by accident.

use crate::files::{self, File};

/// Where the clock and the random source are read: the shell of the house, and the reference phone, which has neither.
const SHELLS: [&str; 2] = ["bus/src/shell/", "device/src/chance.rs"];

/// Fails with every place where one of the texts stands.
fn assert_absent(files: &[File], texts: &[&str], rule: &str) {
    let mut places = Vec::new();
    for file in files {
        for (number, line) in (1..).zip(file.text.lines()) {
            if texts.iter().any(|text| line.contains(text)) {
                places.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

/// Sources that run in production, without their tests and without this folder.
fn production() -> Vec<File> {
    let sources = files::rust()
        .into_iter()
        .filter(|file| !file.is_below("tests/"));
    sources
        .map(|file| File {
            text: file.code_without_tests().to_owned(),
            path: file.path,
        })
        .collect()
}

/// A text that the search would otherwise find in this very file.
fn joined(parts: [&str; 2]) -> String {
    parts.concat()
}

#[test]
fn time_and_chance_are_read_in_the_shell_alone() {
    let outside: Vec<File> = production()
        .into_iter()
        .filter(|file| !SHELLS.iter().any(|shell| file.is_below(shell)))
        .collect();
    let sources = [
        "SystemTime::now",
        "Utc::now",
        "Uuid::new_v4",
        "thread_rng",
        "OsRng",
        "rand::fill",
        "getrandom::",
    ];
    assert_absent(
        &outside,
        &sources,
        "time and chance are inputs: take them from Facts or from the shell",
    );
}

#[test]
fn deciders_measure_nothing_and_wait_for_nothing() {
    let deciders: Vec<File> = production()
        .into_iter()
        .filter(|file| {
            ["schemas/src/", "evidence/src/", "handlers/src/"]
                .iter()
                .any(|folder| file.is_below(folder))
        })
        .collect();
    let waits = [
        "Instant::",
        "async fn",
        ".await",
        "std::thread",
        "std::net",
        "std::env::var",
    ];
    assert_absent(&deciders, &waits, "schemas, evidence and handlers compute");
    let talkative = ["println!", "eprintln!"];
    let deciders: Vec<File> = deciders
        .into_iter()
        .filter(|file| !file.is_below("schemas/src/bin/"))
        .collect();
    assert_absent(
        &deciders,
        &talkative,
        "schemas, evidence and handlers say nothing",
    );
}

#[test]
fn subjects_are_built_in_one_place() {
    let elsewhere = production().into_iter().chain(
        files::rust()
            .into_iter()
            .filter(|file| file.is_below("tests/")),
    );
    let elsewhere: Vec<File> = elsewhere
        .filter(|file| file.path != "schemas/src/subjects.rs")
        .collect();
    let roots: Vec<String> = ["cmd", "evt", "curated", "parked", "house"]
        .map(|root| format!("\"{root}."))
        .into();
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    assert_absent(&elsewhere, &roots, "subjects come from schemas::subjects");
}

#[test]
fn nothing_is_left_for_later() {
    let markers: Vec<String> = [
        ["#[ign", "ore"],
        ["tod", "o!("],
        ["unimple", "mented!("],
        ["dbg", "!("],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X:"],
    ]
    .map(joined)
    .into();
    let markers: Vec<&str> = markers.iter().map(String::as_str).collect();
    assert_absent(
        &files::rust(),
        &markers,
        "finish it, or assert what it does today and say so",
    );
}

#[test]
fn no_lint_is_switched_off_without_a_reason() {
    let allowed = joined(["#[all", "ow("]);
    assert_absent(
        &files::rust(),
        &[&allowed],
        "use #[expect(…, reason = \"…\")]",
    );
    for file in files::rust() {
        // The rule's own text stands here.
        if file.path == "tests/tidy/sources.rs" {
            continue;
        }
        for expectation in file.text.split("#[expect(").skip(1) {
            let attribute = expectation.split(']').next().unwrap_or_default();
            assert!(
                attribute.contains("reason"),
                "{}: #[expect({attribute}] gives no reason",
                file.path
            );
        }
    }
}

/// Codes are named, never numbered: the number stands in the table once.
#[test]
fn no_error_number_is_written_outside_the_table() {
    let mut answers = production();
    answers.retain(|file| file.path != "schemas/src/errors.rs");
    let mut places = Vec::new();
    for file in &answers {
        for (number, line) in (1..).zip(file.text.lines()) {
            let code = line.trim();
            if code.starts_with("//") {
                continue;
            }
            let named = [
                "error_code\": ",
                "error_code: ",
                "error_code = ",
                "from_number(",
            ];
            let written =
                named
                    .iter()
                    .filter_map(|name| code.split_once(name))
                    .any(|(_, value)| {
                        value.starts_with(|first: char| first.is_ascii_digit() && first != '0')
                    });
            if written {
                places.push(format!("{}:{number}: {code}", file.path));
            }
        }
    }
    assert!(
        places.is_empty(),
        "name the code instead:\n{}",
        places.join("\n")
    );
}

#[test]
fn no_file_points_at_somebodys_machine() {
    let folders: Vec<String> = [
        ["/wo", "rk/"],
        ["/ho", "me/"],
        ["/ro", "ot/"],
        ["/Us", "ers/"],
    ]
    .map(joined)
    .into();
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    assert_absent(&files::all(), &folders, "the project stands on its own");
}
