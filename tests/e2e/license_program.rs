//! The operator as issuer: the real program makes a key, issues a license, shows it and puts it where the service looks.

use std::path::Path;
use std::process::{Command, Output};

use crate::listening::program;

const SYSTEM: &str = "11111111-2222-4333-8444-555555555555";

fn license(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .arg("license")
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn an_operator_issues_shows_and_installs_its_own_licenses() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let public = said(&license(at, &["new-key", "--out", "issuer.key"]));
    let public = public.trim();
    // A key is never overwritten, and nobody else reads it.
    refused(&license(at, &["new-key", "--out", "issuer.key"]));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(at.join("issuer.key"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o077, 0);
    let issue = [
        "issue",
        "--key",
        "issuer.key",
        "--system",
        SYSTEM,
        "--id",
        "2026/17",
        "--users",
        "10",
        "--from",
        "2026-01-01",
        "--until",
        "2026-12-31",
        "--feature",
        "scoring",
    ];
    let file = said(&license(at, &issue));
    std::fs::write(at.join("bank.license"), &file).unwrap();
    let shown = said(&license(
        at,
        &["show", "bank.license", "--issuer-public-key", public],
    ));
    for line in [
        "users        10",
        "until        2026-12-31",
        "options      scoring",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let install = |file| {
        let arguments = [
            "install",
            file,
            "--issuer-public-key",
            public,
            "--into",
            "place",
        ];
        license(at, &arguments)
    };
    said(&install("bank.license"));
    let installed = at.join("place").join(format!("{SYSTEM}-2026_17.license"));
    assert_eq!(std::fs::read_to_string(installed).unwrap(), file);
    // What the issuer did not sign is not put anywhere.
    std::fs::write(at.join("more.license"), file.replace(": 10", ": 99")).unwrap();
    assert!(refused(&install("more.license")).contains("not signed by this issuer"));
    assert_eq!(std::fs::read_dir(at.join("place")).unwrap().count(), 1);
    for wrong in [
        "--until=2026-02-30",
        "--feature=flying",
        "--users=-1",
        "--until=2025-12-31",
    ] {
        let mut arguments = issue.to_vec();
        if wrong.starts_with("--until") {
            arguments.retain(|argument| !["--until", "2026-12-31"].contains(argument));
        }
        if wrong.starts_with("--users") {
            arguments.retain(|argument| !["--users", "10"].contains(argument));
        }
        arguments.push(wrong);
        refused(&license(at, &arguments));
    }
}

#[test]
fn a_service_that_finds_licenses_wants_to_know_who_issues_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bank.license"), "{}").unwrap();
    let place = format!("LICENSE_FILE_LOCATION={}", folder.path().display());
    let serve = |more: &[&str]| {
        let ended = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--set", &place])
            .args(more)
            .env_clear()
            .current_dir(folder.path())
            .output()
            .unwrap();
        refused(&ended)
    };
    assert!(serve(&[]).contains("does not say who issues them"));
    let nonsense = serve(&["--license-issuer-public-key", "00"]);
    assert!(nonsense.contains("is not a P-256 public key"), "{nonsense}");
}
