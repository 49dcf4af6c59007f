//! Prose that must be there, and must be true.

use std::collections::BTreeSet;

use schemas::ErrorCode;

use crate::files::{self, File};

#[test]
fn every_migration_says_first_whether_its_tables_can_be_rebuilt() {
    for file in files::all() {
        let path = std::path::Path::new(&file.path);
        if file.is_below("migrations/") && path.extension().is_some_and(|ending| ending == "sql") {
            let first = file.text.lines().next().unwrap_or_default();
            let says = first.starts_with("-- ") && first.to_lowercase().contains("disposable");
            assert!(says, "{}: the first line says nothing about it", file.path);
        }
    }
}

#[test]
fn every_package_introduces_itself() {
    let all: BTreeSet<String> = files::all().into_iter().map(|file| file.path).collect();
    let manifests = all
        .iter()
        .filter_map(|path| path.strip_suffix("/Cargo.toml"));
    for folder in manifests {
        assert!(
            all.contains(&format!("{folder}/README.md")),
            "{folder} has no README.md"
        );
    }
}

/// A route without a test of the whole way through it, or a rule without its refusals tried, is not finished.
#[test]
fn every_route_and_every_decider_carries_its_tests() {
    let mut untested = Vec::new();
    for file in files::rust() {
        let is_route =
            file.is_below("gateway/src/routes/") && file.text.contains("fn route() -> Route");
        let is_decider = file.is_below("handlers/src/")
            && !file.is_named("mod.rs")
            && file.text.contains("fn decide(");
        if (is_route || is_decider) && !file.text.contains("#[cfg(test)]") {
            untested.push(file.path);
        }
    }
    assert!(untested.is_empty(), "without tests: {untested:?}");
}

/// A page may describe a code that belongs to a feature we do not have, as long as it says so.
#[test]
fn the_page_of_a_code_says_whether_it_is_raised() {
    let raisers = [
        "bus/",
        "countersign/",
        "gateway/",
        "handlers/",
        "log/",
        "projections/",
    ];
    let code_of = |file: &File| file.code_without_tests().to_owned();
    let sources: String = files::rust()
        .iter()
        .filter(|file| raisers.iter().any(|folder| file.is_below(folder)))
        .map(code_of)
        .collect();
    for code in ErrorCode::ALL {
        let page = files::root().join(format!("schemas/errors/{}.md", code.number()));
        let page = std::fs::read_to_string(&page)
            .unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let name = format!("ErrorCode::{code:?}");
        let is_raised = sources
            .split(&name)
            .skip(1)
            .any(|rest| !rest.starts_with(char::is_alphanumeric));
        assert_eq!(
            !is_raised,
            page.contains("Not raised today."),
            "schemas/errors/{}.md and the code disagree about {name}",
            code.number()
        );
    }
}

#[test]
fn links_between_our_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files::all().iter().filter(|file| file.is_named(".md")) {
        for link in file.text.split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = files::root().join(&file.path);
            if !folder
                .parent()
                .is_some_and(|folder| folder.join(target).exists())
            {
                broken.push(format!("{} -> {target}", file.path));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links to nowhere:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_map_and_the_guide_name_files_that_exist() {
    let mut missing = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "schemas/README.md"] {
        let text = std::fs::read_to_string(files::root().join(page)).unwrap();
        // Every second part between back quotes is code.
        for code in text.split('`').skip(1).step_by(2) {
            let is_path = code.contains('/') && !code.contains([' ', '<', '…', '\n']);
            let folder = files::root().join(page);
            let folder = folder.parent().unwrap_or(files::root());
            let exists = files::root().join(code).exists() || folder.join(code).exists();
            if is_path && !exists {
                missing.push(format!("{page}: {code}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "files that do not exist:\n{}",
        missing.join("\n")
    );
}

#[test]
fn decisions_are_numbered_without_a_gap_and_have_three_parts() {
    let decisions: Vec<File> = files::all()
        .into_iter()
        .filter(|file| file.is_below("docs/adr/"))
        .collect();
    for (number, decision) in (1..).zip(&decisions) {
        assert!(
            decision.is_below(&format!("docs/adr/{number:04}-")),
            "{} is out of line",
            decision.path
        );
        for part in ["## Context", "## Decision", "## Consequences"] {
            assert!(
                decision.text.contains(part),
                "{} lacks {part:?}",
                decision.path
            );
        }
    }
    assert!(!decisions.is_empty());
}

/// The catalogue of attacks names tests that exist, and has no second row for an attack.
#[test]
fn the_attacks_are_tried_by_the_tests_they_name() {
    let tests: BTreeSet<String> = files::rust()
        .iter()
        .flat_map(|file| file.text.lines())
        .filter_map(|line| {
            line.trim_start()
                .strip_prefix("async ")
                .or(Some(line.trim_start()))
        })
        .filter_map(|line| Some(line.strip_prefix("fn ")?.split_once('(')?.0.to_owned()))
        .collect();
    let page = files::all()
        .into_iter()
        .find(|file| file.path == "docs/attacks.md")
        .expect("the catalogue is there");
    let mut numbers = BTreeSet::new();
    for row in page.text.lines().filter(|line| line.starts_with("| A")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, .., named] = &cells[..] else {
            panic!("a row has cells: {row}")
        };
        assert!(
            numbers.insert((*number).to_owned()),
            "{number} stands there twice"
        );
        for name in named.split(", ").filter(|name| *name != "–") {
            let name = name.trim_matches('`');
            assert!(tests.contains(name), "{number}: no test is called {name}");
        }
    }
    assert!(numbers.len() > 30, "{numbers:?}");
}
