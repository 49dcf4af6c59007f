//! A NATS server of the operator's own: the accounts go into its configuration by hand.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bus::analysts::{CuratedStream, UserKey};
use bus::jetstream::JetStreamOptions;
use serde_json::Value;
use tests::nats;

use super::reading::Analyst;
use super::{BANK, SOON, Stage};

/// The server, ended with its test.
struct OwnServer {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl OwnServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let configuration = format!(
            "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"{place}\"\n\
             log_file: \"{place}/log\"\n\
             accounts {{\n  BANK: {{ jetstream: enabled, users: [ {{ user: house, password: hush }} ] }}\n  \
             include \"analysts.conf\"\n}}\n\
             jetstream {{ store_dir: \"{place}/data\", sync_interval: always }}\n"
        );
        std::fs::write(folder.path().join("server.conf"), configuration).unwrap();
        std::fs::write(folder.path().join("analysts.conf"), "").unwrap();
        let process = Command::new(nats::program())
            .arg("--config")
            .arg(folder.path().join("server.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    /// Where it listens: for clients, and its monitor.
    async fn ports(&self) -> (String, String) {
        let path = self.ports_file();
        let said = tokio::time::timeout(SOON, async {
            loop {
                let text = std::fs::read(&path).unwrap_or_default();
                if let Ok(said) = serde_json::from_slice::<Value>(&text) {
                    return said;
                }
                tokio::task::yield_now().await;
            }
        });
        let said = said.await.unwrap();
        let port = |name: &str| {
            let url = said[name][0].as_str().unwrap();
            url.rsplit(':').next().unwrap().to_owned()
        };
        (port("nats"), port("monitoring"))
    }

    fn ports_file(&self) -> PathBuf {
        let name = nats::program()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let id = self.process.id();
        self.folder.path().join(format!("{name}_{id}.ports"))
    }

    /// What an operator does after each grant and each revocation.
    fn include(&self, accounts: &str) {
        std::fs::write(self.folder.path().join("analysts.conf"), accounts).unwrap();
        let told = Command::new(nats::program())
            .arg("--signal")
            .arg(format!("reload={}", self.process.id()))
            .status();
        assert!(told.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_own_server_is_told_the_accounts_by_the_operator() {
    let server = OwnServer::start();
    let (port, monitor) = server.ports().await;
    let (url, monitor) = (
        format!("nats://house:hush@127.0.0.1:{port}"),
        format!("127.0.0.1:{monitor}"),
    );
    let stage = Stage::open_on(&["--nats-url", &url, "--nats-monitor", &monitor]).await;
    let file = stage.folder().join("risk.json");
    let out = file.to_str().unwrap();
    let order = [
        "grant",
        "risk",
        "--system",
        BANK,
        "--out",
        out,
        "--nats-url",
        &url,
    ];
    let said = stage.says(&order);
    assert!(said.contains("countersign analytics accounts"), "{said}");
    let given = std::fs::read_to_string(&file).unwrap();
    assert!(!given.contains("hush") && given.contains(&port), "{given}");
    assert!(Analyst::of(Path::new(out)).await.is_err());

    server.include(&stage.says(&["accounts"]));
    let mut analyst = Analyst::of_soon(&file).await;
    analyst.read(2).await;
    assert!(analyst.is_complete());
    let listed = stage.says(&["list", "--nats-url", &url]);
    assert!(
        listed.contains("\tCURATED_risk\tmain\t0 pending"),
        "{listed}"
    );

    // The stream is gone at once, the key when the server has read its configuration again.
    stage.says(&["revoke", "risk", "--nats-url", &url]);
    let (name, options) = ("risk".parse().unwrap(), JetStreamOptions::new(&url));
    let key = UserKey::of_the_house(&stage.root(), &name);
    let house = CuratedStream::connect(&options, &key, &name).await.unwrap();
    tokio::time::timeout(SOON, async { while house.heads().await.is_ok() {} })
        .await
        .unwrap();
    server.include(&stage.says(&["accounts"]));
    analyst.is_disconnected(SOON).await;
    assert!(Analyst::of(&file).await.is_err());
}
