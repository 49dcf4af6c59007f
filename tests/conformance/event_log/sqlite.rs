//! What only a file can promise.

use event_log::{Erase, EventLog, SqliteLog, VaultRow};
use schemas::vault::VaultName;

use super::{append, commit, lane, owner};

const NAME: &str = "Ivan Ivanovich whom nobody may remember";

#[tokio::test]
async fn what_was_erased_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let owner = owner(lane(13));
    let log = SqliteLog::open(&path).await.unwrap();
    let mut written = commit(&owner, 0, 1);
    written.vault = vec![VaultRow {
        name: VaultName::user_name(),
        sealed: NAME.as_bytes().to_vec(),
    }];
    append(&log, lane(13), &[written]).await;
    log.close().await;
    assert!(
        remembers(folder.path()),
        "the test looks in the wrong place"
    );

    let log = SqliteLog::open(&path).await.unwrap();
    let mut erased = commit(&owner, 1, 1);
    erased.erase = vec![Erase::Owner];
    append(&log, lane(13), &[erased]).await;
    log.close().await;
    assert!(!remembers(folder.path()));
}

/// Does any file of the folder hold the name?
fn remembers(folder: &std::path::Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(NAME.len())
            .any(|window| window == NAME.as_bytes())
    })
}

#[tokio::test]
async fn two_processes_may_open_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    // Often: who comes second may come at any step of the first.
    let mut both = None;
    for number in 0..20 {
        let path = folder.path().join(format!("{number}.db"));
        both = Some(tokio::join!(SqliteLog::open(&path), SqliteLog::open(&path)));
        let (first, second) = both.as_ref().unwrap();
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    }
    let (first, second) = both.unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    let owner = owner(lane(14));
    append(&first, lane(14), &[commit(&owner, 0, 1)]).await;
    append(&second, lane(14), &[commit(&owner, 1, 1)]).await;
    assert_eq!(first.load(&owner, 0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = SqliteLog::open("/nowhere/log.db").await.unwrap_err();
    assert_eq!(error.to_string(), "cannot open the log /nowhere/log.db");
}

#[tokio::test]
async fn history_cannot_be_rewritten_with_plain_sql() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let log = SqliteLog::open(&path).await.unwrap();
    append(&log, lane(15), &[commit(&owner(lane(15)), 0, 1)]).await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    for sql in ["update events set word = 'x'", "delete from events"] {
        let error = sqlx::query(sql)
            .execute(&pool)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("never changed or removed"), "{error}");
    }
}
