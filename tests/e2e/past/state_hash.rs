//! Checkpoints say the state, and a replay of the log finds the same.

use std::path::Path;
use std::process::Command;

use evidence::{Checkpoint, Note, StateLine};
use tests::postgres::TestPostgres;

use super::{order, said, start};
use crate::listening::program as program_file;

/// The newest checkpoint.
fn checkpoint(folder: &Path) -> Option<Checkpoint> {
    let note = std::fs::read_to_string(folder.join("data/evidence/checkpoint")).ok()?;
    let note: Note = note.parse().ok()?;
    note.text.parse().ok()
}

async fn checkpoints_say_the_state(database_url: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = start(folder, database_url);
    program.register().await;
    // A checkpoint says the state after records of an earlier one.
    crate::until(async || {
        program.create_users(1).await;
        let state = checkpoint(folder).and_then(|checkpoint| checkpoint.state());
        state.is_some_and(|state| state.records > 10)
    })
    .await;
    let lines = said(folder, database_url, &["state-hash", "--check"]);
    assert_eq!(lines[2], "this is what was signed");
    let checked: StateLine = lines[0].parse().unwrap();
    assert!(checked.records > 10, "{checked}");
    drop(program);
    let verified = Command::new(program_file())
        .arg("verify")
        .arg(folder.join("data/evidence"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&verified.stdout);
    assert!(
        verified.status.success() && told.contains("signed with it: state-v2 "),
        "{verified:?}"
    );

    // The same number, from the log alone, at a place and at the moment of its last event.
    let place = format!("record:{}", checked.records);
    let again = said(folder, database_url, &["state-hash", "--at", &place]);
    assert_eq!(again, lines[..2]);
    let earlier = said(folder, database_url, &["state-hash", "--at", "record:3"]);
    assert_ne!(earlier[0], again[0]);
    let end = said(folder, database_url, &["state-hash"]);
    let now = said(folder, database_url, &["state-hash", "--at", "2100-01-01"]);
    assert_eq!(now, end);
    assert!(end[0].starts_with("state-v2 - "), "{end:?}");
    let never = said(folder, database_url, &["state-hash", "--at", "1999-01-01"]);
    assert!(never[1].starts_with("lanes 0,0,"), "{never:?}");

    // What is kept of the state while the service stands still does not matter.
    std::fs::remove_file(folder.join("data/evidence/state")).unwrap();
    let program = start(folder, database_url);
    crate::until(async || {
        program.create_users(1).await;
        let newer = checkpoint(folder).and_then(|checkpoint| checkpoint.state());
        newer.is_some_and(|newer| newer.records > checked.records + 5)
    })
    .await;
    let lines = said(folder, database_url, &["state-hash", "--check"]);
    assert_eq!(lines[2], "this is what was signed");

    let beyond = order(
        folder,
        database_url,
        &["state-hash", "--at", "record:999999"],
    );
    let why = String::from_utf8_lossy(&beyond.stderr);
    assert!(
        !beyond.status.success() && why.contains("not 999999"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_in_a_checkpoint_is_found_by_a_replay() {
    checkpoints_say_the_state(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_in_a_checkpoint_is_found_by_a_replay_on_postgresql() {
    if let Some(postgres) = TestPostgres::start() {
        checkpoints_say_the_state(Some(&postgres.database())).await;
    }
}
