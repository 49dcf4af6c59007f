//! What is erased is nowhere on disk any more, not even sealed, and what was signed stays proven: the real program, its files
//! read byte by byte.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign::bank::Bank;
use device::{Device, DeviceKey, ReqwestTransport};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use sqlx::Row as _;
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};
use crate::listening::program;

/// What is erased, in letters that stand nowhere else.
const CANARIES: [&str; 3] = ["canary-name-5c1e", "canary-text-8d2f", "canary-device-77ab"];

struct Program {
    running: Running,
    bank: Bank,
    door: String,
}

fn start(folder: &Path) -> Program {
    let mut command = serve(folder);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
        "--nats",
        "child",
    ]);
    // A text is of no use once it was confirmed.
    command.args(["--set", "CLEAN_TRANSACTION=1"]);
    let mut running = Running::start(&mut command);
    let address = running.said("serving on http://");
    let door = format!("http://{address}/pc-api");
    Program {
        running,
        bank: Bank::new(&door, SYSTEM_ID, Duration::from_secs(20)).unwrap(),
        door: format!("http://{address}"),
    }
}

impl Program {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let path = format!("/{SYSTEM_ID}{path}");
        let reply = self.bank.call(method, &path, None, body).await.unwrap();
        reply.success().unwrap()
    }
}

/// The sealed rows of the vault.
async fn sealed(folder: &Path) -> BTreeSet<Vec<u8>> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.join("data/log.sqlite"))
        .read_only(true);
    let mut log = options.connect().await.unwrap();
    let rows = sqlx::query("select sealed from vault");
    let rows = rows.fetch_all(&mut log).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// How many events there are.
async fn events(folder: &Path) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.join("data/log.sqlite"))
        .read_only(true);
    let mut log = options.connect().await.unwrap();
    let count = sqlx::query_scalar("select count(*) from events");
    count.fetch_one(&mut log).await.unwrap()
}

/// Every file below, with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn order(folder: &Path, arguments: &[&str]) -> String {
    let ended = Command::new(program())
        .env_clear()
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_on_no_disk_and_every_proof_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let program = start(folder.path());
    let nowhere = "http://127.0.0.1:9";
    let registered = program.bank.register_system(&program.door, nowhere).await;
    registered.unwrap().success().unwrap();
    let [name, text, device_info] = CANARIES;
    let wishes = json!({
        "return_key_method": "KEY_JSON", "user_name": name, "key_params": { "collect_events": true },
    });
    let created = program.ask(Method::POST, "/users", Some(wishes)).await;
    let user = format!("/users/{}", created["user_id"].as_str().unwrap());
    let key = DeviceKey::import(created["key_json"].as_str().unwrap()).unwrap();
    let transport = ReqwestTransport::with_client(reqwest::Client::new());
    let mut info: serde_json::Map<String, Value> =
        serde_json::from_str(include_str!("device_info/ios.json")).unwrap();
    for value in info.values_mut().filter(|value| value.is_string()) {
        *value = device_info.into();
    }
    let mut phone = Device::new(key, transport).unwrap().with_device_info(info);
    phone.register(None, now()).await.unwrap();
    let (mut ids, path) = (Vec::new(), format!("{user}/transactions"));
    for _ in 0..3 {
        let body = json!({ "transaction_data": { "text": text } });
        let asked = program.ask(Method::POST, &path, Some(body)).await;
        let id = asked["transaction_id"].as_str().unwrap();
        ids.push(id.parse().unwrap());
    }
    let shown = phone.show(&ids[0], now()).await.unwrap();
    phone.confirm(&shown, now()).await.unwrap();
    let why = device::Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    phone.decline(&ids[1], &why, now()).await.unwrap();
    let before = sealed(folder.path()).await;
    assert!(before.len() > 8, "{}", before.len());

    let cleaned = program
        .ask(Method::POST, "/events/clean", Some(json!({})))
        .await;
    assert_ne!(cleaned["cleaned"], 0);
    program.ask(Method::DELETE, &user, None).await;
    program.ask(Method::DELETE, "", None).await;
    crate::until(async || {
        let url = format!("{}/metrics", program.door);
        let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
        let signed = format!("notary_checkpoint_size {}", events(folder.path()).await);
        metrics.lines().any(|line| line == signed)
    })
    .await;
    // The write-ahead log is cut within seconds.
    let ahead = folder.path().join("data/log.sqlite-wal");
    crate::until(async || std::fs::metadata(&ahead).is_ok_and(|file| file.len() == 0)).await;
    let after = sealed(folder.path()).await;
    let erased: Vec<_> = before.difference(&after).collect();
    assert!(erased.len() > 8, "{} of {}", erased.len(), before.len());
    program.running.end();

    let files = files(&folder.path().join("data"));
    assert!(files.iter().any(|(path, _)| path.contains("streams/EVT")));
    for (path, bytes) in &files {
        for canary in CANARIES {
            assert!(!holds(bytes, canary.as_bytes()), "{path} tells {canary}");
        }
        for sealed in &erased {
            assert!(!holds(bytes, sealed), "{path} still has a sealed row");
        }
    }
    // What was signed is as it was: for the verifier, for the next start, and for stream and log among themselves.
    let verified = order(folder.path(), &["verify", "data/evidence"]);
    assert!(verified.starts_with("journal right: "), "{verified}");
    let compared = order(folder.path(), &["heal", "--data", "data", "--dry-run"]);
    assert!(!compared.contains("put back"), "{compared}");
    start(folder.path()).running.end();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program goes by the machine's clock"
)]
fn now() -> schemas::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    schemas::Timestamp(since.unwrap().as_millis() as i64)
}
