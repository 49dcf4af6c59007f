//! Who may know whom. `ARCHITECTURE.md` has the same table for people; a forbidden edge fails here by name.

use std::collections::BTreeSet;

use crate::files;

/// A package, the packages of ours it may depend on, and third-party packages that would break what it promises.
struct Package {
    name: &'static str,
    folder: &'static str,
    may_use: &'static [&'static str],
    must_not_use: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package {
        name: "schemas",
        folder: "schemas",
        may_use: &[],
        must_not_use: &[
            "async-nats",
            "axum",
            "futures",
            "getrandom",
            "hyper",
            "metrics",
            "rand",
            "reqwest",
            "sqlx",
            "tokio",
            "tower",
            "tracing",
        ],
    },
    Package {
        name: "evidence",
        folder: "evidence",
        may_use: &["schemas"],
        must_not_use: &[
            "async-nats",
            "axum",
            "futures",
            "getrandom",
            "hyper",
            "metrics",
            "rand",
            "reqwest",
            "sqlx",
            "tokio",
            "tower",
            "tracing",
        ],
    },
    Package {
        name: "notary",
        folder: "evidence/notary",
        may_use: &["schemas", "evidence", "event-log"],
        must_not_use: &["async-nats", "axum", "hyper", "reqwest", "sqlx", "tower"],
    },
    Package {
        name: "verifier",
        folder: "evidence/verifier",
        may_use: &["schemas", "evidence"],
        must_not_use: &[
            "async-nats",
            "axum",
            "aws-lc-rs",
            "clap",
            "futures",
            "hyper",
            "reqwest",
            "sqlx",
            "tokio",
            "tower",
        ],
    },
    Package {
        name: "export",
        folder: "evidence/export",
        may_use: &["schemas", "evidence", "notary", "event-log"],
        must_not_use: &["async-nats", "axum", "hyper", "reqwest", "sqlx", "tower"],
    },
    Package {
        name: "witness",
        folder: "evidence/witness",
        may_use: &["schemas", "evidence", "notary", "event-log"],
        must_not_use: &["async-nats", "sqlx"],
    },
    Package {
        name: "dossier",
        folder: "evidence/dossier",
        may_use: &["schemas", "evidence", "notary", "event-log", "bus"],
        must_not_use: &[
            "async-nats",
            "axum",
            "hyper",
            "reqwest",
            "sqlx",
            "tokio",
            "tower",
        ],
    },
    Package {
        name: "healing",
        folder: "evidence/healing",
        may_use: &["schemas", "notary", "event-log", "bus"],
        must_not_use: &["async-nats", "axum", "hyper", "reqwest", "sqlx", "tower"],
    },
    Package {
        name: "handlers",
        folder: "handlers",
        may_use: &["schemas"],
        must_not_use: &[
            "async-nats",
            "axum",
            "futures",
            "getrandom",
            "hyper",
            "metrics",
            "rand",
            "reqwest",
            "sqlx",
            "tokio",
            "tower",
            "tracing",
        ],
    },
    Package {
        name: "event-log",
        folder: "log",
        may_use: &["schemas"],
        must_not_use: &["async-nats", "axum", "hyper", "reqwest", "tower"],
    },
    Package {
        name: "backup",
        folder: "log/backup",
        may_use: &["schemas", "evidence", "notary", "event-log"],
        must_not_use: &[
            "async-nats",
            "axum",
            "hyper",
            "reqwest",
            "sqlx",
            "tokio",
            "tower",
        ],
    },
    Package {
        name: "bus",
        folder: "bus",
        may_use: &["schemas"],
        must_not_use: &["axum", "hyper", "reqwest", "sqlx", "tower"],
    },
    Package {
        name: "runner",
        folder: "handlers/runner",
        may_use: &["schemas", "handlers", "event-log", "bus"],
        must_not_use: &["async-nats", "axum", "hyper", "reqwest", "sqlx", "tower"],
    },
    Package {
        name: "projections",
        folder: "projections",
        may_use: &["schemas", "event-log", "bus", "evidence"],
        must_not_use: &["async-nats", "axum", "hyper", "reqwest", "tower"],
    },
    Package {
        name: "reactors",
        folder: "projections/reactors",
        may_use: &["schemas", "event-log", "bus", "projections"],
        must_not_use: &["async-nats", "axum", "tower"],
    },
    Package {
        name: "gateway",
        folder: "gateway",
        may_use: &["schemas", "bus", "projections", "evidence"],
        must_not_use: &["async-nats", "reqwest", "sqlx"],
    },
    Package {
        name: "device",
        folder: "device",
        may_use: &["schemas"],
        must_not_use: &["async-nats", "axum", "sqlx"],
    },
    Package {
        name: "countersign",
        folder: "countersign",
        may_use: &[
            "schemas",
            "evidence",
            "notary",
            "verifier",
            "witness",
            "dossier",
            "export",
            "healing",
            "handlers",
            "event-log",
            "backup",
            "bus",
            "runner",
            "projections",
            "reactors",
            "gateway",
            "device",
        ],
        must_not_use: &["async-nats", "sqlx"],
    },
    Package {
        name: "tests",
        folder: "tests",
        may_use: &[
            "schemas",
            "evidence",
            "notary",
            "verifier",
            "witness",
            "dossier",
            "healing",
            "handlers",
            "event-log",
            "backup",
            "bus",
            "runner",
            "projections",
            "reactors",
            "gateway",
            "device",
            "countersign",
        ],
        must_not_use: &[],
    },
];

/// What is never linked, and why: `docs/adr/0007-eventually-fcm-and-a2-are-not-linked.md`.
const LINKED_NOWHERE: [&str; 3] = ["eventually", "fcm", "a2"];

#[test]
fn every_package_of_the_workspace_is_in_the_table() {
    let manifest = std::fs::read_to_string(files::root().join("Cargo.toml")).unwrap();
    let members = manifest
        .split_once("members = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let known: BTreeSet<&str> = PACKAGES.iter().map(|package| package.folder).collect();
    assert_eq!(members, known);
}

#[test]
fn no_package_knows_one_it_must_not_know() {
    let mut forbidden = Vec::new();
    for package in PACKAGES {
        let may_use = |name: &str| package.may_use.contains(&name);
        let is_ours = |name: &str| PACKAGES.iter().any(|known| known.name == name);
        let ours = dependencies(package, Sections::All)
            .into_iter()
            .filter(|name| is_ours(name) && !may_use(name));
        // What a package uses in its tests alone cannot break what it promises in production.
        let others = dependencies(package, Sections::Production).into_iter();
        let others = others.filter(|name| package.must_not_use.contains(&name.as_str()));
        forbidden.extend(
            ours.chain(others)
                .map(|dependency| format!("{} -> {dependency}", package.name)),
        );
    }
    assert!(forbidden.is_empty(), "forbidden edges: {forbidden:?}");
}

#[test]
fn what_is_unfit_is_linked_nowhere() {
    for package in PACKAGES {
        for dependency in dependencies(package, Sections::All) {
            assert!(
                !LINKED_NOWHERE.contains(&dependency.as_str()),
                "{} -> {dependency}",
                package.name
            );
        }
    }
}

#[test]
fn third_party_versions_stand_in_the_root_manifest_alone() {
    for package in PACKAGES {
        for line in dependency_lines(&manifest(package), Sections::All) {
            assert!(
                line.contains("workspace = true"),
                "{}: {line:?} must take its version from the root",
                package.name
            );
        }
    }
}

#[test]
fn the_map_shows_people_the_same_edges() {
    let map = std::fs::read_to_string(files::root().join("ARCHITECTURE.md")).unwrap();
    for package in PACKAGES {
        let beginning = format!("| {} | `{}` | ", package.name, package.folder);
        let row = map.lines().find_map(|line| line.strip_prefix(&beginning));
        let shown = row
            .and_then(|row| row.split(" |").next())
            .unwrap_or("no row at all");
        let allowed = match package.may_use {
            [] => "nothing".to_owned(),
            names => names.join(", "),
        };
        assert_eq!(shown, allowed, "ARCHITECTURE.md about {}", package.name);
    }
}

fn manifest(package: &Package) -> String {
    let path = files::root().join(package.folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        text.contains(&format!("name = \"{}\"", package.name)),
        "{} has another name",
        path.display()
    );
    text
}

/// Which sections of a manifest are of interest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sections {
    /// Those that name dependencies of any kind.
    All,
    /// The same without those of tests.
    Production,
}

fn dependencies(package: &Package, sections: Sections) -> BTreeSet<String> {
    let name = |line: &str| {
        line.split(['.', ' ', '='])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    dependency_lines(&manifest(package), sections)
        .iter()
        .map(|line| name(line))
        .collect()
}

/// The lines that name dependencies.
fn dependency_lines(manifest: &str, sections: Sections) -> Vec<String> {
    let mut within = false;
    let mut lines = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            let for_tests = line.ends_with("dev-dependencies]");
            within = line.ends_with("dependencies]") && (sections == Sections::All || !for_tests);
        } else if within && line.contains('=') && !line.starts_with('#') {
            lines.push(line.to_owned());
        }
    }
    lines
}
