//! A real nats-server for the tests: a private folder, a free port of the loopback interface, everything flushed.
//!
//! One server per test. It ends with the process that started it, however that process ends.

mod cluster;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bus::child::{AccountsOfChild, ChildOptions, ChildState, NatsServer, fetch};
use bus::{Bus, JetStreamBus, JetStreamOptions, Limits};

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

    /// Takes from the killed server everything it has stored, as a dying disk would.
    pub fn lose_everything(&self) {
        let stored = self.folder.path().join("data");
        std::fs::remove_dir_all(stored).expect("the server has stored something");
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
