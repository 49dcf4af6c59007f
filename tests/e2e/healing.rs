//! A log that was altered, put back from the public stream: the real program, its own nats-server, one flipped bit.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use countersign::bank::Bank;
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _};
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};
use crate::listening::program;

fn command(folder: &Path) -> Command {
    let mut command = serve(folder);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
        "--nats",
        "child",
    ]);
    command
}

fn heal(folder: &Path, more: &[&str]) -> Output {
    Command::new(program())
        .env_clear()
        .current_dir(folder)
        .args(["heal", "--data", "data"])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The lines of the service's page of metrics.
async fn metrics(address: &str) -> Vec<String> {
    let page = reqwest::get(format!("http://{address}/metrics"));
    let page = page.await.unwrap().text().await.unwrap();
    page.lines().map(ToOwned::to_owned).collect()
}

/// A service with five events, all of them signed and in the stream: registered, changed, and three users.
async fn with_five_events(folder: &Path) -> (Running, String) {
    let mut running = Running::start(&mut command(folder));
    let address = running.said("serving on http://");
    let door = format!("http://{address}/pc-api");
    let bank = Bank::new(&door, SYSTEM_ID, Duration::from_secs(20)).unwrap();
    let nowhere = "http://127.0.0.1:9";
    let registered = bank.register_system(nowhere, nowhere).await.unwrap();
    registered.success().unwrap();
    for _ in 0..3 {
        let created = bank.create_user(json!({}), None).await.unwrap();
        created.success().unwrap();
    }
    let all = [
        "notary_checkpoint_size 5",
        "runner_events_published_total 5",
    ];
    crate::until(async || {
        let metrics = metrics(&address).await;
        all.iter().all(|line| metrics.iter().any(|it| it == line))
    })
    .await;
    (running, address)
}

/// An intruder writes over the bytes of an event.
async fn alter(folder: &Path) {
    let log = folder.join("data/log.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&log);
    let mut intruder = options.connect().await.unwrap();
    let script = "drop trigger events_are_never_changed; \
                  update events set payload = zeroblob(8) where word = 'create_user' and version = 1 \
                  and owner = (select min(owner) from events where word = 'create_user');";
    sqlx::raw_sql(script).execute(&mut intruder).await.unwrap();
    intruder.close().await.unwrap();
}

/// The service itself has these events in its memory, and must not ask there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_altered_while_the_service_runs_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (running, address) = with_five_events(folder.path()).await;
    alter(folder.path()).await;
    crate::until(async || {
        let metrics = metrics(&address).await;
        let found = |line: &String| line.starts_with("notary_differences_total ");
        metrics.iter().any(found)
    })
    .await;
    running.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_altered_in_the_log_is_put_back_from_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _) = with_five_events(folder.path()).await;
    running.end();
    let right = heal(folder.path(), &["--dry-run"]);
    assert!(right.status.success(), "{right:?}");
    assert!(said(&right).contains("5 records compared"), "{right:?}");
    assert!(said(&right).contains("5 events of the stream are those of the log"));

    alter(folder.path()).await;
    let refused = command(folder.path()).output().unwrap();
    assert!(!refused.status.success(), "{refused:?}");
    let seen = heal(folder.path(), &["--dry-run"]);
    assert!(!seen.status.success() && said(&seen).contains("to put back "));
    let healed = heal(folder.path(), &[]);
    assert!(healed.status.success(), "{healed:?}");
    assert!(said(&healed).contains("put back "), "{healed:?}");

    // The service starts on it, and the guard against changes stands again.
    let mut running = Running::start(&mut command(folder.path()));
    running.said("serving on http://");
    running.end();
    let log = folder.path().join("data/log.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&log);
    let mut intruder = options.connect().await.unwrap();
    let again = sqlx::raw_sql("update events set payload = zeroblob(8)");
    assert!(again.execute(&mut intruder).await.is_err());
}
