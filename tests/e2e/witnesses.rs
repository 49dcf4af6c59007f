//! Witnesses of the journal: the program, two witnesses as processes of their own, and an older copy of everything.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign::bank::Bank;
use evidence::Policy;
use serde_json::json;
use tests::house::SYSTEM_ID;

use crate::configuration::{Running, serve};
use crate::listening::program;

/// The program on a folder of data, and where it serves.
struct Program {
    running: Running,
    address: String,
    verifier_key: String,
}

impl Program {
    fn start(folder: &Path, data: &str, more: &[&str]) -> Self {
        let mut command = serve(folder);
        command.args(["--listen", "127.0.0.1:0", "--data", data]);
        let mut running = Running::start(command.args(more));
        let verifier_key = running.said("checkpoints are signed by ");
        let address = running.said("serving on http://");
        Self {
            running,
            address,
            verifier_key,
        }
    }

    fn bank(&self) -> Bank {
        let door = format!("http://{}/pc-api", self.address);
        Bank::new(&door, SYSTEM_ID, Duration::from_secs(20)).unwrap()
    }

    async fn create_user(&self) {
        let created = self.bank().create_user(json!({}), None).await;
        created.unwrap().success().unwrap();
    }

    async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        let answer = reqwest::get(url).await.unwrap();
        answer.text().await.unwrap()
    }

    /// Size of the checkpoint that it serves, when that satisfies the policy.
    async fn cosigned(&self, policy: &Policy) -> Option<u64> {
        let path = format!("/pc-api/{SYSTEM_ID}/evidence/checkpoint");
        let note = self.get(&path).await;
        policy
            .accept(&note)
            .ok()
            .map(|checkpoint| checkpoint.size())
    }
}

/// A witness, its key, and where it is asked.
fn witness(folder: &Path, name: &str, journal: &str) -> (Running, String, String) {
    let mut command = Command::new(program());
    command
        .env_clear()
        .current_dir(folder)
        .args(["witness", "--listen", "127.0.0.1:0"])
        .args(["--name", name, "--data", name, "--journal", journal])
        .stdin(Stdio::null());
    let mut running = Running::start(&mut command);
    let key = running.said("checkpoints are witnessed by ");
    let url = running.said("witnessing at ");
    (running, key, url)
}

fn copied(folder: &Path, from: &str, to: &str) {
    let copied = Command::new("cp")
        .args(["-a", from, to])
        .current_dir(folder)
        .status();
    assert!(copied.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn witnesses_sign_what_goes_on_and_find_an_older_copy_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let first = Program::start(folder.path(), "data", &[]);
    let nowhere = "http://127.0.0.1:9";
    let registered = first.bank().register_system(nowhere, nowhere).await;
    registered.unwrap().success().unwrap();
    let key = first.verifier_key.clone();
    drop(first.running);
    let (one, one_key, one_url) = witness(folder.path(), "one.test", &key);
    let (_other, other_key, other_url) = witness(folder.path(), "other.test", &key);
    let text = format!(
        "log {key}\nwitness one {one_key} {one_url}\nwitness other {other_key} {other_url}\n\
         group either any one other\ngroup both all one other\n"
    );
    let quorum = |name: &str| format!("{text}quorum {name}\n").parse::<Policy>().unwrap();
    let (either, both) = (quorum("either"), quorum("both"));
    let policy = folder.path().join("policy");
    std::fs::write(&policy, format!("{text}quorum either\n")).unwrap();
    let more = ["--evidence-policy", policy.to_str().unwrap()];

    let program = Program::start(folder.path(), "data", &more);
    program.create_user().await;
    crate::until(async || program.cosigned(&both).await.is_some()).await;
    let listed = program.bank().events("limit=1", None).await.unwrap();
    let event_id = listed.substance["events"][0]["event_id"].clone();
    let path = format!("/events/{event_id}?proof=true");
    let event = program.bank().get(&path).await.unwrap().success().unwrap();
    let proof = event["proof"]["tlog_proof"].as_str().unwrap();
    let file = folder.path().join("event.tlog-proof");
    std::fs::write(&file, proof).unwrap();
    let verified = crate::evidence::verified(&policy, &file);
    assert_eq!(verified, "proofs right: 1\n");

    // One of them dies: the other one is enough for this policy, and nobody waits.
    drop(program.running);
    copied(folder.path(), "data", "older");
    let program = Program::start(folder.path(), "data", &more);
    drop(one);
    let before = program.cosigned(&either).await.unwrap();
    program.create_user().await;
    crate::until(async || program.cosigned(&either).await > Some(before)).await;
    assert_eq!(program.cosigned(&both).await, None);
    drop(program.running);

    // Log, evidence and all, restored from before: nothing in the folder contradicts anything else.
    let program = Program::start(folder.path(), "older", &more);
    crate::until(async || {
        let metrics = program.get("/metrics").await;
        metrics.contains("witness_disagreements_total 1")
    })
    .await;
    let journal = folder.path().join("older/evidence/checkpoint");
    let signed = std::fs::read_to_string(&journal).unwrap();
    // The service goes on, and nothing more is signed.
    for _ in 0..3 {
        program.create_user().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), signed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_another_journal_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let one = Program::start(folder.path(), "one", &[]);
    let (_witness, witness_key, url) = witness(folder.path(), "one.test", &one.verifier_key);
    let policy = format!(
        "log {}\nwitness w {witness_key} {url}\nquorum w\n",
        one.verifier_key
    );
    std::fs::write(folder.path().join("policy"), policy).unwrap();
    let mut command = serve(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--data", "other"]);
    let ended = command.args(["--evidence-policy", "policy"]).output();
    let ended = ended.unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("is the policy of"), "{said}");
}
