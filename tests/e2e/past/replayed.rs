//! The log once more, by the real program: lines, counts, and read models of the past in a folder.

use std::path::Path;

use serde_json::Value;
use tests::house::SYSTEM_ID;
use tests::postgres::TestPostgres;

use super::{order, said, start};

fn lines(folder: &Path, database_url: Option<&str>, words: &[&str]) -> Vec<Value> {
    let lines = said(folder, database_url, words);
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn the_past_is_replayed(database_url: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = start(folder, database_url);
    program.register().await;
    program.create_users(6).await;
    let ask = |words: &[&str]| said(folder, database_url, words);
    let present = ["look", "users", "--system", SYSTEM_ID];
    crate::until(async || ask(&present).len() == 6).await;
    drop(program);

    let all = lines(folder, database_url, &["replay"]);
    assert!(all.is_sorted_by_key(|line| line["created_at"].as_i64()));
    let created: Vec<&Value> = all
        .iter()
        .filter(|line| line["request_type"] == "create_user")
        .collect();
    assert_eq!(created.len(), 6);
    let some = lines(
        folder,
        database_url,
        &["replay", "--word", "create_user", "--speed", "100000x"],
    );
    assert_eq!(some.iter().collect::<Vec<_>>(), created);
    let user = created[3]["user_id"].as_str().unwrap();
    let owner = format!("{SYSTEM_ID}/{user}");
    let one = lines(
        folder,
        database_url,
        &["replay", "--owner", &owner, "--speed", "5000"],
    );
    assert_eq!(one.iter().collect::<Vec<_>>(), [created[3]]);
    let third = created[2]["created_at"].to_string();
    let since = lines(
        folder,
        database_url,
        &["replay", "--from", &third, "--word", "create_user"],
    );
    assert_eq!(since.iter().collect::<Vec<_>>(), created[3..]);

    let counted = ask(&["replay", "--dry-run"]);
    assert!(
        counted.contains(&"create_user\t6".to_owned()),
        "{counted:?}"
    );
    assert!(
        counted.contains(&format!("events\t{}", all.len())),
        "{counted:?}"
    );
    assert!(
        counted.last().unwrap().starts_with("state-v2\t"),
        "{counted:?}"
    );

    // Read models of a moment, and then of the end: the second replay goes on where the first ended.
    let into = ["replay", "--into", "past"];
    ask(&[&into[..], &["--to", &third]].concat());
    let look = ["look", "users", "--system", SYSTEM_ID, "--in", "past"];
    assert_eq!(ask(&look).len(), 3);
    ask(&into);
    let by_steps = ask(&look);
    assert_eq!(by_steps.len(), 6);
    ask(&["replay", "--into", "at-once"]);
    let at_once = ask(&["look", "users", "--system", SYSTEM_ID, "--in", "at-once"]);
    assert_eq!(at_once, by_steps);
    assert_eq!(at_once, ask(&present));
    let back = order(
        folder,
        database_url,
        &[&into[..], &["--to", &third]].concat(),
    );
    let why = String::from_utf8_lossy(&back.stderr);
    assert!(
        !back.status.success() && why.contains("beyond that place"),
        "{why}"
    );
    let other = order(
        folder,
        database_url,
        &[&into[..], &["--word", "create_user"]].concat(),
    );
    let why = String::from_utf8_lossy(&other.stderr);
    assert!(
        !other.status.success() && why.contains("other filters"),
        "{why}"
    );
    let filled = order(folder, database_url, &["replay", "--into", "."]);
    assert!(!filled.status.success());

    // One user's journal, of now and of before it began; with the vault beside it, the connection shows.
    let events = ["look", "events", "--system", SYSTEM_ID, "--user", user];
    let now = lines(folder, database_url, &events);
    assert!(now[0]["connection_info"].is_object(), "{now:?}");
    let of_then = [&events[..], &["--as-of", &third]].concat();
    assert!(lines(folder, database_url, &of_then).is_empty());
    let of_end = [&events[..], &["--as-of", "2100-01-01"]].concat();
    assert_eq!(lines(folder, database_url, &of_end), now);
    let in_folder = lines(
        folder,
        database_url,
        &[&events[..], &["--in", "past"]].concat(),
    );
    assert_eq!(in_folder, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_replayed_by_the_program() {
    the_past_is_replayed(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_replayed_by_the_program_from_postgresql() {
    if let Some(postgres) = TestPostgres::start() {
        the_past_is_replayed(Some(&postgres.database())).await;
    }
}
