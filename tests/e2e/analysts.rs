//! Analysts of a running service: granted at the command line, read with nothing but the file that the analyst gets.

mod examples;
mod own_server;
mod reading;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use bus::analysts::{CuratedStream, UserKey};
use bus::shell::{Clock as _, RootSecret, SystemClock};
use countersign::bank::Bank;
use countersign::process::Served;
use device::{Device, DeviceKey, ReqwestTransport};
use schemas::TransactionId;
use serde_json::{Value, json};

use crate::listening::program;
use reading::Analyst;

const BANK: &str = "11111111-2222-4333-8444-555555555555";
const OTHER: &str = "99999999-2222-4333-8444-555555555555";

/// Events of a bank that registers: `register_system` and `change_system`.
const REGISTERED: usize = 2;

const HOUR_MS: i64 = 3_600_000;

/// Nothing takes longer, except on a machine that is busy with something else.
const SOON: Duration = Duration::from_mins(1);

/// A service on a real NATS of its own, and two banks.
pub struct Stage {
    folder: tempfile::TempDir,
    served: Served,
    bank: Bank,
    other: Bank,
}

impl Stage {
    pub async fn open() -> Self {
        Self::open_on(&["--nats", "child"]).await
    }

    /// The same on another NATS.
    pub async fn open_on(nats: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let data = data.to_str().unwrap();
        let arguments = [&["--data", data, "--listen", "127.0.0.1:0"][..], nats].concat();
        let served = Served::start(&program(), &arguments).await.unwrap();
        let bank = |system_id| Bank::new(&served.system_door(), system_id, SOON).unwrap();
        let (bank, other) = (bank(BANK), bank(OTHER));
        for bank in [&bank, &other] {
            let registered = bank.register_system(&served.mobile_door(), "").await;
            registered.unwrap().success().unwrap();
        }
        Self {
            folder,
            served,
            bank,
            other,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// A new user of a bank.
    async fn user(bank: &Bank) -> String {
        let wishes = json!({ "return_key_method": "NONE" });
        let created = bank
            .create_user(wishes, None)
            .await
            .unwrap()
            .success()
            .unwrap();
        created["user_id"].as_str().unwrap().to_owned()
    }

    /// A new user confirms twice. The hours between which that was come back, counted since the Unix epoch.
    async fn confirm_two(&self) -> Vec<i64> {
        let wishes = json!({ "return_key_method": "KEY_JSON" });
        let created = self
            .bank
            .create_user(wishes, None)
            .await
            .unwrap()
            .success()
            .unwrap();
        let key = DeviceKey::import(created["key_json"].as_str().unwrap()).unwrap();
        let transport = ReqwestTransport::new().unwrap();
        let mut phone = Device::at(&self.served.mobile_door(), key, transport).unwrap();
        phone.register(None, SystemClock.now()).await.unwrap();
        let user_id = created["user_id"].as_str().unwrap();
        let hour = SystemClock.now().0 / HOUR_MS;
        for _ in 0..2 {
            let asked = json!({ "transaction_data": { "text": "a coffee" } });
            let asked = self.bank.create_transaction(user_id, asked, None).await;
            let asked = asked.unwrap().success().unwrap();
            let id: TransactionId = asked["transaction_id"].as_str().unwrap().parse().unwrap();
            let shown = phone.show(&id, SystemClock.now()).await.unwrap();
            phone.confirm(&shown, SystemClock.now()).await.unwrap();
        }
        vec![hour, SystemClock.now().0 / HOUR_MS]
    }

    /// Runs `countersign analytics`.
    pub fn analytics(&self, order: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.env_clear().arg("analytics").args(order);
        command.arg("--data").arg(self.data()).output().unwrap()
    }

    /// The same, and what it printed, where it has to succeed.
    pub fn says(&self, order: &[&str]) -> String {
        let ended = self.analytics(order);
        assert!(ended.status.success(), "{order:?}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    /// Grants, and gives the analyst's file.
    pub fn grant(&self, name: &str, more: &[&str]) -> PathBuf {
        let file = self.folder().join(format!("{name}.json"));
        let mut order = vec!["grant", name, "--out", file.to_str().unwrap()];
        order.extend(more);
        let said = self.says(&order);
        assert!(said.contains("it can be used"), "{said}");
        file
    }

    fn root(&self) -> RootSecret {
        RootSecret::open_or_create(&self.data().join("secret")).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_reads_the_past_and_the_present_of_one_bank_under_pseudonyms() {
    let stage = Stage::open().await;
    let (user, stranger) = (
        Stage::user(&stage.bank).await,
        Stage::user(&stage.other).await,
    );
    let file = stage.grant("risk", &["--system", BANK, "--by", "ivanova"]);
    let mut analyst = Analyst::of(&file).await.unwrap();
    let past = analyst.read(REGISTERED + 1).await;
    let words: Vec<&str> = past
        .iter()
        .map(|event| event["word"].as_str().unwrap())
        .collect();
    assert!(words.contains(&"register_system") && words.contains(&"create_user"));
    Stage::user(&stage.other).await;
    Stage::user(&stage.bank).await;
    let present = analyst.read(1).await;
    for event in past.iter().chain(&present) {
        assert_eq!(event["system_id"], BANK);
        let text = event.to_string();
        for hidden in [&user, &stranger, "request_url", "digest"] {
            assert!(!text.contains(hidden), "{text}");
        }
        if event["word"] == "create_user" {
            assert!(event["user"].as_str().unwrap().starts_with("u_"), "{text}");
            assert_eq!(event["fields"]["key_index"], 1);
        }
    }
    assert!(past.iter().all(|event| event["user"] != present[0]["user"]));
    assert!(analyst.is_complete());
    let metrics = format!("http://{}/metrics", stage.served.address());
    tokio::time::timeout(SOON, async {
        loop {
            let page = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
            let has = |metric: &str| page.contains(metric);
            if has("analytics_consumer_lag{grant=\"risk\",consumer=\"main\"} 0")
                && has("bus_consumer_lag{stream=\"CMD\"}")
            {
                return;
            }
        }
    })
    .await
    .unwrap();

    let listed = stage.says(&["list"]);
    assert!(listed.contains("risk\tin force\t"), "{listed}");
    assert!(
        listed.contains("\tCURATED_risk\tmain\t0 pending\t0 unacknowledged\t"),
        "{listed}"
    );
    assert!(listed.contains("\tCMD\t"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_may_begin_today_and_show_identifiers_as_they_are() {
    let stage = Stage::open().await;
    let before = Stage::user(&stage.bank).await;
    let since = a_moment_between().await;
    let after = Stage::user(&stage.bank).await;
    let plain = [
        "--system",
        BANK,
        "--system",
        OTHER,
        "--identifiers",
        "plain",
        "--since",
        &since,
    ];
    let file = stage.grant("fraud", &plain);
    let mut analyst = Analyst::of(&file).await.unwrap();
    let first = analyst.read(1).await;
    assert_eq!(first[0]["user"], after.as_str());
    assert_ne!(first[0]["user"], before.as_str());
    let elsewhere = Stage::user(&stage.other).await;
    assert_eq!(analyst.read(1).await[0]["user"], elsewhere.as_str());
}

/// A moment between what is recorded by now and what will be.
async fn a_moment_between() -> String {
    let moment = SystemClock.now().0 + 1;
    while SystemClock.now().0 <= moment {
        tokio::task::yield_now().await;
    }
    moment.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_service_is_killed() {
    let mut stage = Stage::open().await;
    let file = stage.grant("risk", &["--system", BANK]);
    let mut users = 0;
    for _ in 0..3 {
        Stage::user(&stage.bank).await;
        users += 1;
        stage.served.kill().await.unwrap();
        stage.served.start_again().await.unwrap();
        stage.bank = Bank::new(&stage.served.system_door(), BANK, SOON).unwrap();
    }
    Stage::user(&stage.bank).await;
    let mut analyst = Analyst::of(&file).await.unwrap();
    let events = analyst.read(REGISTERED + users + 1).await;
    let created = events.iter().filter(|event| event["word"] == "create_user");
    assert_eq!(created.count(), users + 1);
    assert!(analyst.is_complete());
    assert_eq!(analyst.repeated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_is_filled_again_from_the_log() {
    let stage = Stage::open().await;
    let file = stage.grant("risk", &["--system", BANK]);
    Stage::user(&stage.bank).await;
    let mut analyst = Analyst::of(&file).await.unwrap();
    let before = analyst.read(REGISTERED + 1).await;
    let name = "risk".parse().unwrap();
    let key = UserKey::of_the_house(&stage.root(), &name);
    let server = bus::child::running_in(&stage.data().join("nats")).unwrap();
    let stream = CuratedStream::connect(&server, &key, &name).await.unwrap();
    stream.remove().await.unwrap();
    Stage::user(&stage.bank).await;
    let mut again = Analyst::of_soon(&file).await;
    let after = again.read(REGISTERED + 2).await;
    assert!(before.iter().all(|event| after.contains(event)));
    assert!(again.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_analyst_is_out_at_once_and_the_journal_knows_who_did_it() {
    let stage = Stage::open().await;
    let file = stage.grant("risk", &["--system", BANK, "--by", "ivanova"]);
    let kept = stage.grant("fraud", &["--system", BANK]);
    let analyst = Analyst::of(&file).await.unwrap();
    let mut other = Analyst::of(&kept).await.unwrap();
    assert_eq!(
        stage.says(&["revoke", "risk", "--by", "petrov"]),
        "revoked\n"
    );
    analyst.is_disconnected(SOON).await;
    assert!(Analyst::of(&file).await.is_err());
    other.read(1).await;
    let stored = stage.data().join("nats/data/jetstream/ANALYST_risk");
    tokio::time::timeout(SOON, async {
        while stored.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let again = stage.analytics(&["revoke", "risk"]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && said.contains("no grant risk is in force"),
        "{said}"
    );
    let taken = ["grant", "risk", "--system", BANK, "--out", "unused.json"];
    let taken = stage.analytics(&taken);
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(
        !taken.status.success() && said.contains("was used before"),
        "{said}"
    );

    let url = format!("{}/server_events", stage.served.system_door());
    let journal: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let text = journal.to_string();
    for known in ["grant_analytics", "revoke_analytics", "ivanova", "petrov"] {
        assert!(text.contains(known), "{known}: {text}");
    }
    assert!(stage.says(&["list"]).contains("risk\trevoked "));
    let accounts = stage.says(&["accounts"]);
    assert!(
        accounts.contains("ANALYST_fraud") && !accounts.contains("ANALYST_risk"),
        "{accounts}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_granted_is_said_before_anything_happens() {
    let stage = Stage::open().await;
    let file = stage.folder().join("none.json");
    let file = file.to_str().unwrap();
    let unknown = "00000000-2222-4333-8444-555555555555";
    for (order, reason) in [
        (
            ["grant", "risk", "--system", unknown, "--out", file],
            "was ever registered",
        ),
        (
            ["grant", "Risk", "--system", BANK, "--out", file],
            "not a valid name",
        ),
        (
            [
                "grant",
                "risk",
                "--system",
                BANK,
                "--out",
                "/nowhere/none.json",
            ],
            "cannot make",
        ),
    ] {
        let ended = stage.analytics(&order);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(reason), "{said}");
    }
    assert!(!Path::new(file).exists());
    let twice = ["--consumer", "a", "--consumer", "b"];
    stage.grant("risk", &[&["--system", BANK][..], &twice].concat());
    assert!(stage.says(&["list"]).contains("\tb\t"));
}
