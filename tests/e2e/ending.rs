//! Ending: at once when told to, and in any case.

use std::process::Stdio;
use std::time::Duration;

use countersign::bank::Bank;
use serde_json::json;
use tests::house::SYSTEM_ID;
use tests::postgres::TestPostgres;

use crate::configuration::{Running, serve};

/// Longer than the service itself waits.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn whoever_says_that_it_serves_hears_when_it_is_told_to_end() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(serve(folder.path()).args(["--listen", "127.0.0.1:0"]));
        running.said("serving on http://");
        running.end();
    }
}

/// Its own server of NATS goes after everybody who uses it.
#[test]
fn a_service_that_ends_as_told_has_nothing_to_warn_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--nats", "child"]);
    command.args(["--log-filter", "warn"]);
    let mut running = Running::start(command.stderr(Stdio::piped()));
    running.said("serving on http://");
    assert_eq!(running.warnings_until_its_end(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_database_is_gone_ends_and_says_that_it_left_something() {
    let Some(postgres) = TestPostgres::start_own() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    let url = postgres.database();
    command.args(["--listen", "127.0.0.1:0", "--database-url", &url]);
    let mut running = Running::start(&mut command);
    let address = running.said("serving on http://");
    let door = format!("http://{address}/pc-api");
    let bank = Bank::new(&door, SYSTEM_ID, Duration::from_secs(5)).unwrap();
    let registered = bank.register_system(&door, &door).await.unwrap();
    registered.success().unwrap();
    postgres.kill9();
    // Nobody can know what becomes of this.
    let asked = bank.create_user(json!({}), None).await;
    assert!(asked.is_err() || asked.unwrap().success().is_err());
    let ended = tokio::task::spawn_blocking(|| running.told_to_end());
    let ended = tokio::time::timeout(PATIENCE, ended).await;
    assert!(!ended.expect("it ends").unwrap().success());
}
