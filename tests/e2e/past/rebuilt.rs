//! Read models are built anew beside those that serve, while everybody works; and a rebuild that is killed goes on.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bus::shell::{Clock as _, SystemClock};
use device::{Device, DeviceKey, ReqwestTransport};
use event_log::{EventLog as _, SqliteLog};
use projections::Projector;
use projections::store::{Durability, Store, Value};
use serde_json::json;
use tests::made_log;
use tests::postgres::TestPostgres;

use super::{Program, said, start};
use crate::listening::program as program_file;

/// Confirmations at work and looked at, until they are told to end; how many there were.
async fn confirm(program: &Program, ends: &AtomicBool, done: &AtomicUsize) {
    let bank = program.bank();
    let created = bank
        .create_user(json!({ "return_key_method": "KEY_JSON" }), None)
        .await;
    let created = created.unwrap().success().unwrap();
    let key = DeviceKey::import(created["key_json"].as_str().unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy();
    let client = ReqwestTransport::configured(client).build().unwrap();
    let transport = ReqwestTransport::with_client(client);
    let door = format!("http://{}", program.address);
    let mut phone = Device::at(&door, key, transport).unwrap();
    phone.register(None, SystemClock.now()).await.unwrap();
    let user_id = created["user_id"].as_str().unwrap();
    while !ends.load(Ordering::Relaxed) {
        let body = json!({ "transaction_data": { "text": "agree?" } });
        let asked = bank.create_transaction(user_id, body, None).await;
        let asked = asked.unwrap().success().unwrap();
        let id = asked["transaction_id"].as_str().unwrap().parse().unwrap();
        let shown = phone.show(&id, SystemClock.now()).await.unwrap();
        phone.confirm(&shown, SystemClock.now()).await.unwrap();
        let reply = bank.transaction_info(user_id, id.as_str()).await.unwrap();
        let position = reply.position.clone();
        assert_eq!(reply.success().unwrap()["status"], "confirmed");
        // The journal answers all the while; a switch may make it late, but it never fails.
        let query = format!("user_id={user_id}&limit=5");
        let page = bank.events(&query, position.as_deref()).await.unwrap();
        assert!(
            !page.success().unwrap()["events"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        done.fetch_add(1, Ordering::Relaxed);
    }
}

async fn rebuilds_under_load(database_url: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let program = start(folder.path(), database_url);
    program.register().await;
    program.create_users(20).await;
    let (ends, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let customers = futures::future::join_all((0..4).map(|_| confirm(&program, &ends, &done)));
    let rebuilding = async {
        let mut seen = 0;
        for order in [
            &["rebuild", "--all"][..],
            &["rebuild", "journal"],
            &["rebuild", "--all"],
        ] {
            let (folder, url) = (
                folder.path().to_owned(),
                database_url.map(ToOwned::to_owned),
            );
            let order: Vec<&str> = order.to_vec();
            let lines = tokio::task::spawn_blocking(move || said(&folder, url.as_deref(), &order));
            let lines = lines.await.unwrap();
            let equal = lines
                .iter()
                .filter(|line| line.starts_with("equal in every row"))
                .count();
            let all = projections::names().count();
            assert_eq!(
                equal,
                if lines[0].starts_with("journal") {
                    1
                } else {
                    all
                },
                "{lines:?}"
            );
            // They work before, between and after.
            seen += 5;
            crate::until(async || done.load(Ordering::Relaxed) >= seen).await;
        }
        ends.store(true, Ordering::Relaxed);
    };
    tokio::join!(customers, rebuilding);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_rebuilt_while_everybody_works() {
    rebuilds_under_load(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_rebuilt_while_everybody_works_on_postgresql() {
    if let Some(postgres) = TestPostgres::start() {
        rebuilds_under_load(Some(&postgres.database())).await;
    }
}

/// How far a rebuild of the journal is.
async fn rebuilt(store: &Store) -> u64 {
    let sql = "select numbers from projection_cursor where projection = 'journal_rebuilt'";
    let found = store.fetch(sql, Vec::new()).await.unwrap();
    match found.first().map(|row| &row[0]) {
        Some(Value::Text(Some(numbers))) => numbers
            .split(',')
            .map(|number| number.parse::<u64>().unwrap())
            .sum(),
        _ => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let log = SqliteLog::open(data.join("log.sqlite")).await.unwrap();
    made_log::fill(&log, 300).await.unwrap();
    let events: u64 = log.heads().await.unwrap().iter().sum();
    let read = format!("sqlite:{}", data.join("read.sqlite").display());
    let projector = Projector::open(std::sync::Arc::new(log), &read)
        .await
        .unwrap();
    projector.catch_up().await.unwrap();
    let store = Store::open(&read, Durability::Disposable).await.unwrap();

    let mut killed = Command::new(program_file())
        .current_dir(folder.path())
        .args(["rebuild", "journal", "--data", "data"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while rebuilt(&store).await == 0 {
        assert!(
            killed.try_wait().unwrap().is_none(),
            "it ended before it was killed"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let had = rebuilt(&store).await;
    assert!(had > 0 && had < events, "{had} of {events}");
    let lines = said(folder.path(), None, &["rebuild", "journal"]);
    assert_eq!(lines[0], format!("journal: {events} events, {events} rows"));
    assert_eq!(
        lines[1],
        format!("an interrupted rebuild had read {had} of them")
    );
    assert_eq!(
        lines[2],
        "equal in every row and column; the rebuilt one serves now"
    );
    assert_eq!(rebuilt(&store).await, 0);
}
