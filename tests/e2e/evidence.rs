//! The journal that the real program keeps: whole, in step with the log, and right in the eyes of a verifier that shares
//! nothing with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::bank::Bank;
use event_log::{EventLog as _, SqliteLog};
use evidence::{Leaf, Tree, verify_consistency, verify_inclusion};
use reqwest::Method;
use schemas::{Digest, Owner, Position};
use serde_json::json;
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};
use crate::listening::program as program_file;

/// The program on a folder of data, and the key of its checkpoints.
struct Program {
    running: Running,
    address: String,
    verifier_key: String,
}

fn start(folder: &Path) -> Program {
    let mut command = serve(folder);
    command.args(["--listen", "127.0.0.1:0", "--data", "data"]);
    command.args(["--evidence-name", "test"]);
    let mut running = Running::start(&mut command);
    let verifier_key = running.said("checkpoints are signed by ");
    let address = running.said("serving on http://");
    Program {
        running,
        address,
        verifier_key,
    }
}

impl Program {
    fn bank(&self) -> Bank {
        let door = format!("http://{}/pc-api", self.address);
        Bank::new(&door, SYSTEM_ID, Duration::from_secs(20)).unwrap()
    }

    /// What the banks' door says to a question about the system.
    async fn ask(&self, path: &str) -> serde_json::Value {
        let path = format!("/{SYSTEM_ID}{path}");
        let answer = self.bank().call(Method::GET, &path, None, None).await;
        answer.unwrap().success().unwrap()
    }

    async fn register(&self) {
        let nowhere = "http://127.0.0.1:9";
        let bank = self.bank();
        let registered = bank.register_system(nowhere, nowhere).await;
        registered.unwrap().success().unwrap();
    }

    /// Lets so many users be created.
    async fn create_users(&self, count: usize) {
        for _ in 0..count {
            let created = self.bank().create_user(json!({}), None).await;
            created.unwrap().success().unwrap();
        }
    }
}

/// What the newest checkpoint says: size and root.
fn signed(journal: &Path) -> (u64, Digest) {
    let note = std::fs::read_to_string(journal.join("checkpoint")).unwrap();
    let note: evidence::Note = note.parse().unwrap();
    let checkpoint: evidence::Checkpoint = note.text.parse().unwrap();
    (checkpoint.size(), *checkpoint.root())
}

/// What the other verifier answers, line by line, in words.
fn second_opinion(place: &str, verifier_key: &str, questions: &str) -> Vec<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/evidence/verify.py");
    let asked = Command::new("python3")
        .arg(script)
        .args([place, verifier_key])
        .args(questions.split_whitespace())
        .output()
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    let text = String::from_utf8(asked.stdout).unwrap();
    let words = |line: &str| line.split(' ').map(ToOwned::to_owned).collect();
    text.lines().map(words).collect()
}

fn digests(words: &[String]) -> Vec<Digest> {
    words[1..]
        .iter()
        .map(|word| word.parse().unwrap())
        .collect()
}

/// The journal, computed from the log and the order alone.
async fn recomputed(log: &SqliteLog, journal: &Path, size: u64) -> (Tree, Vec<Leaf>) {
    let mut order = notary::Order::at(&journal.join("order"));
    order.read_until(size).unwrap();
    let (mut tree, mut leaves, mut last) =
        (Tree::default(), Vec::new(), HashMap::<Owner, Digest>::new());
    for Position { lane, number } in order.positions(0, size).unwrap() {
        let event = log.read(lane, number, 1).await.unwrap().remove(0);
        let leaf = notary::leaf_of(&event, last.get(&event.owner).copied());
        tree.push(leaf.entry().as_bytes());
        last.insert(leaf.owner.clone(), leaf.entry());
        leaves.push(leaf);
    }
    (tree, leaves)
}

/// Waits until everything in the log is signed; whatever process wrote it has ended, or stands still.
async fn all_signed(log: &SqliteLog, journal: &Path) -> (u64, Digest) {
    let events: u64 = log.heads().await.unwrap().iter().sum();
    crate::until(async || signed(journal).0 == events).await;
    signed(journal)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_verifiers_agree_about_the_journal_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let journal: PathBuf = folder.path().join("data/evidence");
    let program = start(folder.path());
    program.register().await;
    program.create_users(5).await;
    let log = SqliteLog::open(folder.path().join("data/log.sqlite"))
        .await
        .unwrap();
    let (old, old_root) = all_signed(&log, &journal).await;
    let key = program.verifier_key.clone();
    assert!(key.starts_with("audit.test/v1+"), "{key}");
    // It is killed in the middle of whatever it does, and goes on with the same journal.
    drop(program.running);
    let program = start(folder.path());
    assert_eq!(program.verifier_key, key);
    program.create_users(40).await;
    let (size, root) = all_signed(&log, &journal).await;
    assert!(size > old && old > 5, "{size} after {old}");

    let (tree, leaves) = recomputed(&log, &journal, size).await;
    assert_eq!((tree.size(), tree.root()), (size, root));
    let questions = format!("root {old} inclusion 3 {size} consistency {old} {size} entry 3");
    let said = second_opinion(journal.to_str().unwrap(), &key, &questions);
    assert_eq!(
        said[0],
        ["checkpoint", &size.to_string(), &root.to_string()]
    );
    assert_eq!(digests(&said[1]), [old_root]);
    let inclusion = digests(&said[2]);
    assert_eq!(Some(&inclusion), tree.inclusion(3, size).as_ref());
    let consistency = digests(&said[3]);
    assert_eq!(Some(&consistency), tree.consistency(old, size).as_ref());
    assert_eq!(digests(&said[4]), [leaves[3].entry()]);
    let leaf = evidence::leaf_hash(leaves[3].entry().as_bytes());
    assert_eq!(verify_inclusion(&leaf, 3, size, &inclusion, &root), Ok(()));
    let consistent = verify_consistency(old, &old_root, size, &root, &consistency);
    assert_eq!(consistent, Ok(()));
    log.close().await;

    // The same over HTTP, tile by tile, while nobody calls.
    let served = format!("http://{}/pc-api/{SYSTEM_ID}/evidence", program.address);
    let questions = format!("inclusion 3 {size} consistency {old} {size}");
    let said = second_opinion(&served, &key, &questions);
    assert_eq!(
        said[0],
        ["checkpoint", &size.to_string(), &root.to_string()]
    );
    assert_eq!(
        (digests(&said[1]), digests(&said[2])),
        (inclusion, consistency.clone())
    );
    let path = format!("/evidence/consistency?from={old}&to={size}");
    let asked = program.ask(&path).await;
    let proof: Vec<String> = serde_json::from_value(asked["proof"].clone()).unwrap();
    let encoded = |hash: &Digest| STANDARD.encode(hash.as_bytes());
    assert_eq!(proof, consistency.iter().map(encoded).collect::<Vec<_>>());

    // Every record of the bank's journal has a proof that the verifier believes.
    let listed = program.ask("/events?limit=20").await;
    let proofs = folder.path().join("proofs");
    std::fs::create_dir(&proofs).unwrap();
    for record in listed["events"].as_array().unwrap() {
        let path = format!("/events/{}?proof=true", record["event_id"]);
        let event = program.ask(&path).await;
        let file = event["proof"]["tlog_proof"].as_str().unwrap();
        std::fs::write(
            proofs.join(format!("{}.tlog-proof", record["event_id"])),
            file,
        )
        .unwrap();
    }
    let policy = folder.path().join("policy");
    std::fs::write(&policy, format!("log {key}\nquorum none\n")).unwrap();
    assert_eq!(verified(&policy, &proofs), "proofs right: 20\n");
    drop(program.running);
    let said = verified(&policy, &journal);
    assert!(said.starts_with("journal right: "), "{said}");
}

/// What the program's own verifier says to what is right.
pub(crate) fn verified(policy: &Path, what: &Path) -> String {
    let verified = Command::new(program_file())
        .args(["verify", "--policy"])
        .args([policy, what])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    String::from_utf8(verified.stdout).unwrap()
}

/// An event that no checkpoint covers has no proof yet, and an event of another system has none for this one.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_or_not_the_callers_has_no_proof() {
    let house = tests::house::TestHouse::open().await;
    let bank = house.bank().await;
    house.phone(&bank).await;
    house.projector().catch_up().await.unwrap();
    let listed = bank
        .call(Method::GET, &format!("/{SYSTEM_ID}/events"), None, None)
        .await;
    let listed = listed.unwrap().success().unwrap();
    let event_id = &listed["events"][0]["event_id"];
    let path = format!("/{SYSTEM_ID}/events/{event_id}?proof=true");
    let early = bank.call(Method::GET, &path, None, None).await.unwrap();
    assert!(early.success().unwrap()["proof"].is_null());
    let other = "99999999-2222-4333-8444-555555555555";
    let path = format!("/{other}/events/{event_id}?proof=true");
    let foreign = bank.call(Method::GET, &path, None, None).await.unwrap();
    assert_ne!(foreign.error_code, 0);
    for path in ["checkpoint", "tile/0/000", "tile/0/nonsense"] {
        let path = format!("/{SYSTEM_ID}/evidence/{path}");
        let none = bank.call(Method::GET, &path, None, None).await.unwrap();
        assert_eq!((none.status, none.error_code), (404, 236), "{path}");
    }
    let path = format!("/{SYSTEM_ID}/evidence/consistency?from=0");
    let none = bank.call(Method::GET, &path, None, None).await.unwrap();
    assert_eq!(none.error_code, 283);
    house.end().await;
}

/// What can be checked without the server is checked: the other verifier is not one that nods.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_verifier_finds_what_was_altered() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("data/evidence");
    let program = start(folder.path());
    program.register().await;
    let log = SqliteLog::open(folder.path().join("data/log.sqlite"))
        .await
        .unwrap();
    let (size, _) = all_signed(&log, &journal).await;
    log.close().await;
    drop(program.running);
    for (name, place) in [
        ("checkpoint".to_owned(), 20),
        (format!("tile/0/000.p/{size}"), 5),
        (format!("tile/entries/000.p/{size}"), 40),
    ] {
        let path = journal.join(&name);
        let whole = std::fs::read(&path).unwrap();
        let mut altered = whole.clone();
        altered[place] ^= 1;
        std::fs::write(&path, altered).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/evidence/verify.py");
        let asked = Command::new("python3")
            .arg(script)
            .arg(&journal)
            .arg(&program.verifier_key)
            .output();
        assert!(!asked.unwrap().status.success(), "{name}");
        std::fs::write(&path, whole).unwrap();
    }
}

/// What the program says when it does not start.
fn refused(folder: &Path) -> String {
    let mut command = serve(folder);
    command.args(["--listen", "127.0.0.1:0", "--data", "data"]);
    let ended = command.output().unwrap();
    assert!(!ended.status.success());
    String::from_utf8(ended.stderr).unwrap()
}

/// Every file of a folder of data, to be put back.
fn files_of_the_log(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let names = ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"];
    let paths = names.map(|name| data.join(name)).into_iter();
    let present = paths.filter(|path| path.exists());
    present
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

fn put_back(data: &Path, files: &[(PathBuf, Vec<u8>)]) {
    for (path, _) in files_of_the_log(data) {
        std::fs::remove_file(path).unwrap();
    }
    for (path, bytes) in files {
        std::fs::write(path, bytes).unwrap();
    }
}

/// Nothing is written to a log that is not what was signed: a flipped bit, a removed end, an older copy.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_does_not_start_on_a_log_that_is_not_what_was_signed() {
    use sqlx::{ConnectOptions as _, Connection as _};
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let journal = data.join("evidence");
    let open = || SqliteLog::open(data.join("log.sqlite"));
    let program = start(folder.path());
    program.register().await;
    program.create_users(3).await;
    drop(program.running);
    let older = files_of_the_log(&data);
    let program = start(folder.path());
    program.create_users(3).await;
    let log = open().await.unwrap();
    let (size, _) = all_signed(&log, &journal).await;
    let event = log
        .load(&Owner::System(SYSTEM_ID.parse().unwrap()), 0)
        .await
        .unwrap()
        .remove(0);
    log.close().await;
    drop(program.running);
    let newest = files_of_the_log(&data);

    put_back(&data, &older);
    let said = refused(folder.path());
    assert!(
        said.contains(&format!("the last signed checkpoint, of {size} records")),
        "{said}"
    );
    assert!(said.contains("an older copy was restored"), "{said}");

    let (lane, number) = (event.position.lane.number(), event.position.number);
    for (statement, reason) in [
        (
            format!(
                "update events set payload = cast(payload || x'00' as blob) where lane = {lane} and pos = {number}"
            ),
            format!("lane {lane} number {number} of the log is not what was recorded"),
        ),
        (
            format!("delete from events where lane = {lane} and pos = {number}"),
            format!("lane {lane} of the log lacks number {number}"),
        ),
    ] {
        put_back(&data, &newest);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("log.sqlite"));
        let mut intruder = options.connect().await.unwrap();
        let unguarded =
            "drop trigger events_are_never_changed; drop trigger events_are_never_removed;";
        let script = sqlx::AssertSqlSafe(format!("{unguarded} {statement};"));
        sqlx::raw_sql(script).execute(&mut intruder).await.unwrap();
        intruder.close().await.unwrap();
        let said = refused(folder.path());
        assert!(said.contains(&reason), "{said}");
    }

    put_back(&data, &newest);
    let program = start(folder.path());
    program.create_users(1).await;
}
