//! A log that has lost its end is refused loudly, before anything is written.

use std::path::Path;

use tests::house::{LogChoice, NotStarted, Plan, TestHouse};
use tests::nats::TestNats;

/// A life of a house: something happens, and everybody has seen it.
async fn live(house: &TestHouse, text: &str) {
    let bank = house.stranger(tests::house::SYSTEM_ID);
    let phone = house.phone(&bank).await;
    let id = house.ask(&bank, &phone, text).await;
    let shown = phone.show(&id, house.now()).await.unwrap();
    phone.confirm(&shown, house.now()).await.unwrap();
    house.projector().catch_up().await.unwrap();
    crate::until(async || house.bus().published().await.unwrap() == house.heads().await).await;
}

/// Keeps a copy of the closed log, lives on, and puts the older copy in the place of the newer log.
async fn with_an_older_log(plan: Plan) -> Plan {
    let house = TestHouse::start(plan).await;
    house.bank().await;
    live(&house, "in the copy").await;
    let plan = house.end().await;
    let copy = plan.folder().join("older");
    std::fs::copy(plan.log_file(), &copy).unwrap();
    let house = TestHouse::start(plan).await;
    live(&house, "after the copy").await;
    let plan = house.end().await;
    std::fs::rename(&copy, plan.log_file()).unwrap();
    for rest in ["-wal", "-shm"] {
        remove(&plan.folder().join(format!("log.sqlite{rest}")));
    }
    plan
}

fn remove(file: &Path) {
    if file.exists() {
        std::fs::remove_file(file).unwrap();
    }
}

fn reason(not_started: &NotStarted) -> String {
    not_started.reason.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_shorter_than_what_the_journal_has_seen_is_refused() {
    let plan = with_an_older_log(Plan::new(LogChoice::Sqlite)).await;
    let before = std::fs::read(plan.log_file()).unwrap();
    let not_started = TestHouse::try_start(plan).await.unwrap_err();
    let said = reason(&not_started);
    assert!(said.starts_with("the log is behind its readers"), "{said}");
    assert_eq!(std::fs::read(not_started.plan.log_file()).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_shorter_than_what_the_outbox_has_seen_is_refused() {
    let plan = with_an_older_log(Plan::new(LogChoice::Sqlite)).await;
    // The read models are disposable: somebody may have thrown them away.
    for rest in ["", "-wal", "-shm"] {
        remove(&plan.folder().join(format!("read.sqlite{rest}")));
    }
    let not_started = TestHouse::try_start(plan).await.unwrap_err();
    let said = reason(&not_started);
    assert!(said.starts_with("the log is behind its readers"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_shorter_than_the_public_stream_is_refused() {
    let nats = TestNats::start().await;
    let plan = Plan::new(LogChoice::Sqlite).on_nats(nats.options());
    let plan = with_an_older_log(plan).await;
    for store in ["read", "outbox"] {
        for rest in ["", "-wal", "-shm"] {
            remove(&plan.folder().join(format!("{store}.sqlite{rest}")));
        }
    }
    let not_started = TestHouse::try_start(plan).await.unwrap_err();
    let said = reason(&not_started);
    assert!(
        said.contains("the public stream has already seen"),
        "{said}"
    );
}
