//! Copies of a log: made while the service works, restored elsewhere, checked, and compared.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use event_log::{EventLog as _, SqliteLog};
use sqlx::{ConnectOptions as _, Connection as _};
use tests::made_log;
use tests::postgres::TestPostgres;

use super::{said, start};
use crate::listening::program as program_file;

fn program(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program_file());
    command.current_dir(folder).args(words).output().unwrap()
}

/// The lines of an order that succeeded.
fn did(folder: &Path, words: &[&str]) -> Vec<String> {
    let output = program(folder, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

/// What an order that failed says.
fn refused(folder: &Path, words: &[&str]) -> String {
    let output = program(folder, words);
    assert!(!output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What is not in a backup, from one folder of data to another.
fn carry_secrets(folder: &Path, to: &str) {
    for name in ["secret", "evidence.key"] {
        std::fs::copy(folder.join("data").join(name), folder.join(to).join(name)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_at_work_is_restored_into_either_database_and_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let running = start(folder, None);
    running.register().await;
    let ends = AtomicBool::new(false);
    let busy = async {
        while !ends.load(Ordering::Relaxed) {
            running.create_users(1).await;
        }
    };
    let copying = async {
        let signed = folder.join("data/evidence/order");
        crate::until(async || signed.exists()).await;
        let folder = folder.to_owned();
        let backed = tokio::task::spawn_blocking(move || said(&folder, None, &["backup", "kept"]));
        let lines = backed.await.unwrap();
        ends.store(true, Ordering::Relaxed);
        lines
    };
    let ((), lines) = tokio::join!(busy, copying);
    assert!(
        lines[1].ends_with("of them are signed by the checkpoint beside them"),
        "{lines:?}"
    );
    let checked = did(folder, &["restore", "kept", "--check"]);
    assert!(
        checked[0].starts_with("the backup is good: "),
        "{checked:?}"
    );

    // Into a file, which serves afterwards.
    did(folder, &["restore", "kept", "--data", "again"]);
    assert_eq!(
        did(folder, &["compare", "data", "again"]).last().unwrap(),
        "equal as far as both go"
    );
    let contents = did(folder, &["compare", "kept", "again", "--content"]);
    assert_eq!(contents[2], "equal as far as both go");
    let state = did(folder, &["state-hash", "--data", "again"]);
    let why = refused(folder, &["restore", "kept", "--data", "again"]);
    assert!(why.contains("there is a log"), "{why}");
    carry_secrets(folder, "again");
    let moved = tempfile::tempdir().unwrap();
    std::fs::rename(folder.join("again"), moved.path().join("data")).unwrap();
    let restored = start(moved.path(), None);
    restored.create_users(3).await;
    drop(restored);

    // Into PostgreSQL; and a backup of that is the same, but for the fence.
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let url = postgres.database();
    did(
        folder,
        &[
            "restore",
            "kept",
            "--data",
            "elsewhere",
            "--database-url",
            &url,
        ],
    );
    let there = ["--data", "elsewhere", "--database-url", &url];
    assert_eq!(did(folder, &[&["state-hash"], &there[..]].concat()), state);
    did(folder, &[&["backup", "kept-too"], &there[..]].concat());
    for name in ["events", "commands", "vault", "timers", "claims", "counts"] {
        let read =
            |kept: &str| std::fs::read(folder.join(kept).join(format!("{name}.rows"))).unwrap();
        assert!(read("kept") == read("kept-too"), "{name}");
    }
    assert_eq!(
        did(folder, &["compare", "kept", &url])[2],
        "equal as far as both go"
    );
    let why = refused(
        folder,
        &["restore", "kept", "--data", "third", "--database-url", &url],
    );
    assert!(why.contains("the target is not empty"), "{why}");
}

/// A folder of data with a long log, signed.
async fn long(folder: &Path) -> SqliteLog {
    std::fs::create_dir(folder.join("data")).unwrap();
    let log = SqliteLog::open(folder.join("data/log.sqlite"))
        .await
        .unwrap();
    made_log::fill(&log, 200).await.unwrap();
    let signing = SqliteLog::open(folder.join("data/log.sqlite"))
        .await
        .unwrap();
    let place = notary::Place::within(&folder.join("data"));
    let mut notary =
        notary::Notary::open(std::sync::Arc::new(signing), place, Some("test"), || {
            [5; 32]
        })
        .unwrap();
    notary.catch_up().await.unwrap();
    log
}

/// Kills an order as soon as this has come true.
fn killed(folder: &Path, words: &[&str], when: impl Fn() -> bool) {
    let mut order = Command::new(program_file())
        .current_dir(folder)
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !when() {
        assert!(
            order.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    order.kill().unwrap();
    order.wait().unwrap();
}

fn length(path: PathBuf) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_killed_is_not_taken_for_done_and_is_done_again() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let log = long(folder).await;
    let events: u64 = log.heads().await.unwrap().iter().sum();
    log.close().await;

    killed(folder, &["backup", "kept"], || {
        length(folder.join("kept/events.rows")) > 0
    });
    let why = refused(folder, &["restore", "kept", "--data", "again"]);
    assert!(why.contains("kept is not a finished backup"), "{why}");
    did(folder, &["backup", "kept"]);
    let why = refused(folder, &["backup", "kept"]);
    assert!(why.contains("kept is not empty"), "{why}");

    killed(folder, &["restore", "kept", "--data", "again"], || {
        length(folder.join("again/log.sqlite-wal")) > 100_000
    });
    let mut serve = crate::configuration::serve(folder);
    serve.args(["--listen", "127.0.0.1:0", "--data", "again"]);
    let served = serve.output().unwrap();
    let why = String::from_utf8_lossy(&served.stderr);
    assert!(
        !served.status.success() && why.contains("was not finished: run it again"),
        "{why}"
    );
    let lines = did(folder, &["restore", "kept", "--data", "again"]);
    assert!(lines[0].ends_with(&format!("{events} events")), "{lines:?}");
    assert_eq!(lines[1], format!("{events} of them are what was signed"));
    let compared = did(folder, &["compare", "data", "again"]);
    assert_eq!(
        compared[2..],
        ["2 tiles of each were read", "equal as far as both go"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_in_every_file_of_a_backup_and_in_a_copy() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let log = long(folder).await;
    let event = log
        .read(schemas::Lane::new(7).unwrap(), 3, 1)
        .await
        .unwrap()
        .remove(0);
    log.close().await;
    did(folder, &["backup", "kept"]);
    let kept = folder.join("kept");
    let manifest = backup::Manifest::read(&kept).unwrap();
    let names = manifest
        .files
        .keys()
        .map(String::as_str)
        .chain(["manifest.json"]);
    let mut flipped = 0;
    // Of the tiles, one in sixteen.
    for (index, name) in names.enumerate() {
        let path = kept.join(name);
        let whole = std::fs::read(&path).unwrap();
        if whole.is_empty() || (name.contains("tile") && index % 16 != 0) {
            continue;
        }
        let mut altered = whole.clone();
        altered[whole.len() / 3] ^= 0x10;
        std::fs::write(&path, altered).unwrap();
        let found = backup::check(&kept).await;
        assert!(
            matches!(found, Err(backup::BackupError::Altered(_))),
            "{name}: {found:?}"
        );
        std::fs::write(&path, whole).unwrap();
        flipped += 1;
    }
    assert!(flipped > 5, "{flipped}");
    assert!(backup::check(&kept).await.is_ok());

    // Somebody who can write the database changes one event; the events themselves tell which.
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("data/log.sqlite"));
    let mut intruder = options.connect().await.unwrap();
    let (lane, number) = (event.position.lane.number(), event.position.number);
    let script = format!(
        "drop trigger events_are_never_changed; update events set payload = cast(payload || x'00' as blob) \
         where lane = {lane} and pos = {number};"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(script))
        .execute(&mut intruder)
        .await
        .unwrap();
    intruder.close().await.unwrap();
    let compared = program(folder, &["compare", "data", "kept", "--content"]);
    let lines = String::from_utf8_lossy(&compared.stdout);
    assert!(!compared.status.success());
    let place = format!("lane {lane} differs first at number {number}");
    assert!(lines.lines().any(|line| line == place), "{lines}");
    // A backup of it is not believed.
    did(folder, &["backup", "bad"]);
    let why = refused(folder, &["restore", "bad", "--check"]);
    assert!(
        why.contains(&format!(
            "lane {lane} number {number} of the log is not what was recorded"
        )),
        "{why}"
    );
}
