//! What the program says is durable was flushed before: heard between it and its C library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use countersign::bank::Bank;
use serde_json::json;
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};

/// The library that listens.
fn listener(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/flushed/flushes.c");
    let library = folder.join("flushes.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(built.unwrap().success());
    library
}

/// What was heard so far, in order: the verb, and the file below the data.
fn heard(folder: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder.join("flushes")).unwrap();
    let data = folder.join("data").canonicalize().unwrap();
    let mut heard = Vec::new();
    for line in text.lines() {
        let (verb, path) = line.split_once(' ').unwrap();
        // A name may be told as seen from where the program was started.
        let path = folder.canonicalize().unwrap().join(path);
        if let Ok(path) = path.strip_prefix(&data) {
            heard.push((verb.to_owned(), path.to_str().unwrap().to_owned()));
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_or_signed_before_it_is_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command
        .args(["--listen", "127.0.0.1:0", "--data", "data"])
        .env("LD_PRELOAD", listener(folder.path()))
        .env("FLUSHES", folder.path().join("flushes"));
    let mut running = Running::start(&mut command);
    let address = running.said("serving on http://");
    let door = format!("http://{address}/pc-api");
    let bank = Bank::new(&door, SYSTEM_ID, Duration::from_secs(20)).unwrap();
    let registered = bank.register_system(&door, &door).await.unwrap();
    registered.success().unwrap();
    let of_the_log = || {
        let is_of_the_log = |it: &&(String, String)| it.1.starts_with("log.sqlite");
        heard(folder.path()).iter().filter(is_of_the_log).count()
    };
    for _ in 0..5 {
        let before = of_the_log();
        let created = bank.create_user(json!({}), None).await.unwrap();
        created.success().unwrap();
        assert!(of_the_log() > before, "an answer came before the flush");
    }
    crate::until(async || signed_over(folder.path()) >= 6).await;
    running.end();
    in_the_order_of_the_journal(heard(folder.path()));
}

/// How many records the newest checkpoint counts.
fn signed_over(folder: &Path) -> u64 {
    let note = std::fs::read_to_string(folder.join("data/evidence/checkpoint"));
    let size = note.unwrap_or_default().lines().nth(1).map(str::parse);
    size.map_or(0, Result::unwrap)
}

/// A file takes its name after it was flushed, and a checkpoint after everything that it is signed over.
fn in_the_order_of_the_journal(heard: Vec<(String, String)>) {
    let mut flushed = BTreeSet::new();
    let (mut unsure, mut checkpoints) = (BTreeSet::new(), 0);
    for (verb, path) in heard {
        let Some(name) = path.strip_prefix("evidence") else {
            continue;
        };
        if verb == "flushed" {
            unsure.remove(name);
            flushed.insert(name.to_owned());
            continue;
        }
        if name == "/checkpoint" {
            assert!(unsure.is_empty(), "{unsure:?} were not flushed");
            // The first one of a journal counts nothing.
            for before in ["/order", "/next"] {
                let is_flushed = flushed.remove(before);
                assert!(is_flushed || checkpoints == 0, "{before} was not flushed");
            }
            checkpoints += 1;
        }
        // How far the state is may be lost: it is folded again.
        if name != "/state" {
            let new = format!("{name}.new");
            assert!(flushed.remove(&new), "{new} was not flushed");
            let (above, _) = name.rsplit_once('/').unwrap();
            unsure.insert(above.to_owned());
        }
    }
    assert!(checkpoints > 1);
}
