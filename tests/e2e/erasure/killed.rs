//! A removal that is broken off: the program is killed while it erases, and goes on when it starts again.

use std::collections::BTreeMap;
use std::path::Path;

use futures::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::json;
use sqlx::ConnectOptions as _;
use tests::house::SYSTEM_ID;

use super::{
    Program, events, every_proof_holds, is_of_the_system, sealed, start, the_other_banks_is_kept,
};

/// So many that a removal is not over while one looks away.
const USERS: usize = 300;

/// How many of the system are in the vault.
async fn left(folder: &Path) -> usize {
    let rows = sealed(folder).await;
    let mut owners: Vec<_> = rows.iter().filter(|row| is_of_the_system(row)).collect();
    owners.dedup_by(|(one, ..), (other, ..)| one == other);
    owners.len()
}

/// How often each user was deleted.
async fn deletions(folder: &Path) -> BTreeMap<String, i64> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.join("data/log.sqlite"))
        .read_only(true);
    let mut log = options.connect().await.unwrap();
    let sql = "select owner, count(*) from events where word = 'delete_user' group by owner";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut log).await.unwrap();
    rows.into_iter().collect()
}

async fn create_users(program: &Program) {
    let creating = (0..USERS).map(|_| program.ask(Method::POST, "/users", Some(json!({}))));
    let created: Vec<_> = stream::iter(creating).buffer_unordered(16).collect().await;
    assert_eq!(created.len(), USERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_goes_on_after_a_kill_and_deletes_nobody_twice() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let program = start(folder, None);
    program.register("").await;
    program.has_another_bank().await;
    create_users(&program).await;
    assert_eq!(left(folder).await, USERS + 1);
    program.ask(Method::DELETE, "", None).await;
    crate::until(async || left(folder).await < USERS - 10).await;
    // It is killed, not asked to end.
    drop(program);
    let half = left(folder).await;
    assert!(half > 0, "it was killed too late");
    let deleted = deletions(folder).await;
    assert_eq!(deleted.len() + half, USERS);

    let program = start(folder, None);
    crate::until(async || left(folder).await == 0).await;
    let deleted = deletions(folder).await;
    assert_eq!(deleted.len(), USERS);
    assert!(deleted.keys().all(|owner| owner.starts_with(SYSTEM_ID)));
    assert!(deleted.values().all(|count| *count == 1), "{deleted:?}");
    the_other_banks_is_kept(folder, &sealed(folder).await);
    program.signed(async || events(folder).await).await;
    program.running.end();
    every_proof_holds(folder, None);
}
