//! What is erased is nowhere on disk any more, not even sealed, and what was signed stays proven: the real program, its files
//! read byte by byte.

mod killed;
mod letters;
mod postgres;
mod search;
mod typing;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bus::shell::RootSecret;
use countersign::bank::Bank;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};
use crate::listening::program;
use search::{Search, files};
use typing::{CANARIES, CONTROL};

struct Program {
    running: Running,
    bank: Bank,
    door: String,
}

fn start(folder: &Path, database_url: Option<&str>) -> Program {
    let mut command = serve(folder);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--data",
        "data",
        "--nats",
        "child",
    ]);
    command.args(database_url.map(|url| format!("--database-url={url}")));
    // A text is of no use once it was confirmed; what a request brought is kept.
    for setting in [
        "CLEAN_TRANSACTION=1",
        "COLLECT_DEVICE_INFORMATION=1",
        "HTTP_HEADERS_PASSTHROUGH=1",
    ] {
        command.args(["--set", setting]);
    }
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

    async fn register(&self, callback_url: &str) {
        let registered = self.bank.register_system(&self.door, callback_url).await;
        registered.unwrap().success().unwrap();
    }

    /// Has somebody's data erased, and nothing of others.
    async fn erase(&self, way: Way, user: &str) {
        if way == Way::OneByOne {
            let everything = Some(json!({}));
            let cleaned = self.ask(Method::POST, "/events/clean", everything).await;
            assert_ne!(cleaned["cleaned"], 0);
            self.ask(Method::DELETE, user, None).await;
        }
        self.ask(Method::DELETE, "", None).await;
    }

    /// The bank asks for something that it is refused; what it hears.
    async fn is_refused(&self, path: &str) -> u64 {
        self.bank.get(path).await.unwrap().error_code
    }

    /// More users of the system, one of them deleted, of whom something was kept since.
    async fn has_more_users(&self) {
        for _ in 0..3 {
            let wishes = Some(json!({ "user_name": typing::NAME }));
            self.ask(Method::POST, "/users", wishes).await;
        }
        let created = self.ask(Method::POST, "/users", Some(json!({}))).await;
        let gone = format!("/users/{}", created["user_id"].as_str().unwrap());
        self.ask(Method::DELETE, &gone, None).await;
        assert_eq!(self.is_refused(&gone).await, 209);
    }

    /// Another bank, with a user whose name is a mark.
    async fn has_another_bank(&self) {
        let door = format!("{}/pc-api", self.door);
        let bank = Bank::new(&door, OTHER_BANK, Duration::from_secs(20)).unwrap();
        let registered = bank.register_system(&self.door, "").await;
        registered.unwrap().success().unwrap();
        let wishes = json!({ "user_name": STAYS });
        let created = bank.create_user(wishes, None).await;
        created.unwrap().success().unwrap();
    }

    /// Waits until so many events are signed.
    async fn signed(&self, events: impl AsyncFn() -> i64) {
        crate::until(async || {
            let url = format!("{}/metrics", self.door);
            let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
            let signed = format!("notary_checkpoint_size {}", events().await);
            metrics.lines().any(|line| line == signed)
        })
        .await;
    }
}

/// How the system's data is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// What records tell, then the user, then the system.
    OneByOne,
    /// The system is removed, and everything follows from that.
    Removal,
}

/// A bank that has nothing to do with it.
const OTHER_BANK: &str = "22222222-3333-4444-8555-666666666666";

/// What is kept of it: neighbor of everything that is erased.
const STAYS: &str = "canary-stays-6f02 Мария";

/// A row of the vault: whose, under which name, and the sealed bytes.
type Row = (String, String, Vec<u8>);

const ROWS: &str = "select owner, name, sealed from vault";

fn sealed_bytes(rows: &[Row]) -> BTreeSet<Vec<u8>> {
    rows.iter().map(|(.., sealed)| sealed.clone()).collect()
}

/// Is this of the system that is erased?
fn is_of_the_system((owner, ..): &Row) -> bool {
    owner.split('/').next() == Some(SYSTEM_ID)
}

/// With the secret every canary is there to be read: each was really typed, and really kept.
fn every_canary_is_sealed(folder: &Path, rows: &[Row]) {
    let mut search = Search::default();
    for canary in CANARIES {
        search.add_text(canary);
    }
    let open = opened(folder, rows);
    assert_eq!(search.found_in(&open), BTreeSet::from(CANARIES));
}

/// What another bank has given us is there as it was.
fn the_other_banks_is_kept(folder: &Path, rows: &[Row]) {
    let mut search = Search::default();
    search.add_text(STAYS);
    let open = opened(folder, rows);
    assert_eq!(search.found_in(&open), BTreeSet::from([STAYS]));
}

/// What the rows say.
fn opened(folder: &Path, rows: &[Row]) -> Vec<u8> {
    let root = RootSecret::open_or_create(&folder.join("data/secret")).unwrap();
    let mut open = Vec::new();
    for (owner, name, sealed) in rows {
        let tenant = owner.split('/').next().unwrap();
        let opened = root.open(tenant, &format!("{owner}/{name}"), sealed);
        open.extend_from_slice(opened.unwrap().expose());
    }
    open
}

/// The sealed rows of the vault.
async fn sealed(folder: &Path) -> Vec<Row> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.join("data/log.sqlite"))
        .read_only(true);
    let mut log = options.connect().await.unwrap();
    sqlx::query_as(ROWS).fetch_all(&mut log).await.unwrap()
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

/// What was signed is as it was: for the verifier, for the next start, and for stream and log among themselves.
fn every_proof_holds(folder: &Path, database_url: Option<&str>) {
    let verified = order(folder, &["verify", "data/evidence"]);
    assert!(verified.starts_with("journal right: "), "{verified}");
    let mut heal = vec!["heal", "--data", "data", "--dry-run"];
    heal.extend(database_url.iter().flat_map(|url| ["--database-url", *url]));
    let compared = order(folder, &heal);
    assert!(!compared.contains("put back"), "{compared}");
    start(folder, database_url).running.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_on_no_disk_and_every_proof_still_holds() {
    erased_on_sqlite(Way::OneByOne).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_removal_of_a_system_leaves_nothing_on_any_disk_and_every_proof_still_holds() {
    erased_on_sqlite(Way::Removal).await;
}

async fn erased_on_sqlite(way: Way) {
    let folder = tempfile::tempdir().unwrap();
    let program = start(folder.path(), None);
    program.register("").await;
    program.has_another_bank().await;
    let user = typing::everything(&program).await;
    program.has_more_users().await;
    let before = sealed(folder.path()).await;
    every_canary_is_sealed(folder.path(), &before);
    let before = sealed_bytes(&before);
    program.erase(way, &user).await;
    crate::until(async || !sealed(folder.path()).await.iter().any(is_of_the_system)).await;
    // What is refused from now on leaves nothing either, and the past is over.
    for path in [
        String::new(),
        user.clone(),
        format!("{user}?as_of=2026-01-01T00:00:00Z"),
    ] {
        assert_eq!(program.is_refused(&path).await, 204, "{path}");
    }
    let after = sealed(folder.path()).await;
    assert!(!after.iter().any(is_of_the_system));
    the_other_banks_is_kept(folder.path(), &after);
    program.signed(async || events(folder.path()).await).await;
    // The write-ahead log is cut within seconds.
    let ahead = folder.path().join("data/log.sqlite-wal");
    crate::until(async || std::fs::metadata(&ahead).is_ok_and(|file| file.len() == 0)).await;
    let after = sealed_bytes(&after);
    let erased: Vec<_> = before.difference(&after).collect();
    assert!(erased.len() > 20, "{} of {}", erased.len(), before.len());
    program.running.end();

    let data = folder.path().join("data");
    let mut search = Search::default();
    for canary in CANARIES {
        search.add_text(canary);
    }
    for sealed in erased {
        search.add("a sealed row", sealed);
    }
    let found = search.found_below(&data);
    assert!(found.is_empty(), "{found:?}");
    let files = files(&data);
    assert!(files.iter().any(|(path, _)| path.contains("streams/EVT")));
    let mut control = Search::default();
    control.add_text(CONTROL);
    let found = control.found_below(&data);
    for place in ["log.sqlite", "streams/EVT"] {
        let mut paths = found[CONTROL].iter();
        assert!(paths.any(|path| path.contains(place)), "{found:?}");
    }
    every_proof_holds(folder.path(), None);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program goes by the machine's clock"
)]
fn now() -> schemas::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    schemas::Timestamp(since.unwrap().as_millis() as i64)
}
