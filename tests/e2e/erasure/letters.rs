//! What a letter told is in the outbox no longer than the letter is owed.

use std::path::Path;

use serde_json::json;
use sqlx::ConnectOptions as _;
use tests::house::{Said, Service};

use super::search::{Search, files};
use super::{start, typing};

/// The sealed letters that nobody has taken.
async fn letters(folder: &Path) -> Vec<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.join("data/outbox.sqlite"))
        .read_only(true);
    let mut outbox = options.connect().await.unwrap();
    let sql = "select body from delivery where body is not null";
    sqlx::query_scalar(sql)
        .fetch_all(&mut outbox)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_was_taken_is_in_no_file_that_a_process_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Service::that_says(Said::Text(503, "")).await;
    let program = start(folder.path(), None);
    program.register(&receiver.url).await;
    typing::everything(&program).await;
    crate::until(async || letters(folder.path()).await.len() >= 4).await;
    let mut search = Search::default();
    for (number, body) in letters(folder.path()).await.iter().enumerate() {
        search.add(&format!("letter {number}"), body.as_bytes());
    }
    let data = folder.path().join("data");
    assert!(search.found_below(&data).len() >= 4);
    receiver.says(Said::Json(json!({})));
    crate::until(async || letters(folder.path()).await.is_empty()).await;
    // The write-ahead log is written over while there is work, and goes with the process.
    program.running.end();
    let found = search.found_below(&data);
    assert!(found.is_empty(), "{found:?}");
    let files = files(&data);
    assert!(
        files
            .iter()
            .any(|(path, _)| path.ends_with("outbox.sqlite"))
    );
}
