//! A real nats-server for the tests: a private folder, a free port of the loopback interface, everything flushed.
//!
//! One server per test. It ends with the process that started it, however that process ends.

mod cluster;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bus::child::{AccountsOfChild, ChildOptions, ChildState, NatsServer, fetch};
use bus::{Bus, JetStreamBus, JetStreamOptions, Limits};
use tokio::net::TcpStream;

pub use cluster::TestCluster;

/// A nats-server that belongs to one test.
#[derive(Debug)]
pub struct TestNats {
    // Ended before its folder goes.
    server: NatsServer,
    folder: tempfile::TempDir,
}

impl TestNats {
    /// Starts one. Without a program it fetches the pinned one into `tools/`.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let options = ChildOptions::new(program(), folder.path());
        let server = NatsServer::start(options).await;
        Self {
            server: server.unwrap_or_else(|error| panic!("nats-server does not start: {error:?}")),
            folder,
        }
    }

    /// How to connect to it.
    pub fn options(&self) -> JetStreamOptions {
        self.server.options()
    }

    /// A bus on it, with a connection of its own.
    pub async fn bus(&self, limits: Limits) -> Arc<dyn Bus> {
        let options = JetStreamOptions {
            limits,
            ..self.options()
        };
        JetStreamBus::connect(options)
            .await
            .unwrap_or_else(|error| panic!("no bus: {error:?}"))
    }

    /// The accounts of analysts in it.
    pub fn accounts(&self) -> AccountsOfChild {
        self.server.accounts()
    }

    /// Address of its monitor.
    pub fn monitor(&self) -> String {
        self.server.monitor()
    }

    /// Its process id; `None` while it is down.
    pub fn pid(&self) -> Option<u32> {
        match *self.server.state().borrow() {
            ChildState::Running(pid) => Some(pid),
            ChildState::Down => None,
        }
    }

    /// Waits until it runs under another process id: its supervisor has started it again.
    pub async fn started_again(&self, before: u32) {
        let mut state = self.server.state();
        state
            .wait_for(|state| matches!(state, ChildState::Running(pid) if *pid != before))
            .await
            .expect("the supervisor lives as long as the server");
    }

    /// Kills it, as a crash would; it stays down.
    pub async fn kill9(&self) {
        self.server.hold_down().await;
    }

    /// Where it stores everything.
    pub fn stored(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Takes from the killed server everything it has stored, as a dying disk would.
    pub fn lose_everything(&self) {
        std::fs::remove_dir_all(self.stored()).expect("the server has stored something");
    }

    /// Lets the killed server end once more, as told: then it leaves an index of what it has, and believes it at its next start.
    pub async fn end_as_told(&self) {
        let url = self.options().url;
        let address = url
            .strip_prefix("nats://")
            .expect("it is an address of NATS");
        let port = address.rsplit(':').next().unwrap_or_default();
        let mut again = Command::new(program())
            .arg("--config")
            .arg(self.folder.path().join("nats-server.conf"))
            .args(["--port", port])
            .stderr(Stdio::null())
            .spawn()
            .expect("it was started before");
        let mut left = 2000;
        while TcpStream::connect(address).await.is_err() {
            left -= 1;
            assert!(left > 0, "nats-server does not listen at {address}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let pid = again.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.is_ok_and(|told| told.success()));
        let ended = tokio::task::spawn_blocking(move || again.wait()).await;
        assert!(ended.is_ok_and(|ended| ended.is_ok()));
    }

    /// Starts the killed server again on its old data and port.
    pub async fn restart(&self) {
        self.server.let_up().await;
    }
}

/// The program, fetched once when there is none.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
        fetch::fetch(&tools, &mut |step| eprintln!("{step}"))
            .unwrap_or_else(|error| panic!("there is no nats-server for the tests: {error:?}"))
    })
}
