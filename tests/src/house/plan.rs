//! What a house is built from, and what outlives it: the folder, the log, the clock, the secret.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus::JetStreamOptions;
use bus::shell::{Clock, ManualClock, RootSecret, SystemClock};
use event_log::{EventLog, MemoryLog, SqliteLog};
use gateway::TokenFile;
use handlers::CodePolicy;
use reactors::{CodeWays, EgressOptions};
use schemas::Timestamp;
use schemas::settings::Settings;
use tokio::sync::Mutex;

use crate::coverage::{self, Kind};

/// Noon of 23.11.2026, UTC: when every story begins.
const BEGINNING: Timestamp = Timestamp(1_795_435_200_000);

/// Where the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogChoice {
    /// In memory; it survives a restart of the house, not the plan.
    Memory,
    /// In a SQLite file of the plan's folder.
    Sqlite,
}

/// The root secret of every plan.
const SECRET: [u8; 32] = [0x5e; 32];

/// A plan. It owns the folder: what is in it goes when the plan goes.
#[derive(Debug)]
pub struct Plan {
    pub(super) log: Mutex<Log>,
    pub(super) nats: Option<JetStreamOptions>,
    pub(super) settings: Settings,
    pub(super) root: RootSecret,
    pub(super) listen: SocketAddr,
    pub(super) tokens: Option<TokenFile>,
    pub(super) license_issuer: Option<Vec<u8>>,
    pub(super) issuer: Option<Vec<u8>>,
    pub(super) egress: EgressOptions,
    pub(super) code_policy: CodePolicy,
    pub(super) code_ways: Box<CodeWays>,
    outbox: Option<String>,
    pub(super) pushes: bool,
    pub(super) pusher: Option<(String, String)>,
    clock: TestClock,
    folder: tempfile::TempDir,
}

/// Who tells the time.
#[derive(Debug)]
enum TestClock {
    Manual(Arc<ManualClock>),
    Real(Arc<SystemClock>),
}

/// The log, once it is open.
#[derive(Debug)]
pub(super) enum Log {
    Memory(Option<Arc<MemoryLog>>),
    Sqlite(Option<Arc<SqliteLog>>),
}

impl Plan {
    /// In-process bus, default settings, no tokens, a free port of the loopback interface.
    pub fn new(log: LogChoice) -> Self {
        Self {
            log: Mutex::new(match log {
                LogChoice::Memory => Log::Memory(None),
                LogChoice::Sqlite => Log::Sqlite(None),
            }),
            nats: None,
            settings: Settings::default(),
            root: RootSecret::new(SECRET),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tokens: None,
            license_issuer: None,
            issuer: None,
            outbox: None,
            egress: EgressOptions {
                allows_loopback: true,
                ..EgressOptions::default()
            },
            pushes: false,
            pusher: None,
            code_policy: CodePolicy::default(),
            code_ways: Box::default(),
            clock: TestClock::Manual(Arc::new(ManualClock::new(BEGINNING))),
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
        }
    }

    /// On this bus instead.
    #[must_use]
    pub fn on_nats(mut self, options: JetStreamOptions) -> Self {
        self.nats = Some(options);
        self
    }

    /// By the machine's clock, which nobody can move.
    #[must_use]
    pub fn by_the_real_clock(mut self) -> Self {
        self.clock = TestClock::Real(Arc::new(SystemClock));
        self
    }

    /// With this value of a setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings
            .set(name, value)
            .unwrap_or_else(|error| panic!("{error}"));
        coverage::note(Kind::Setting, name);
        self
    }

    /// With bearer tokens, in the form of the token file.
    #[must_use]
    pub fn with_tokens(mut self, text: &str) -> Self {
        let tokens = TokenFile::parse(text).unwrap_or_else(|error| panic!("{error}"));
        self.tokens = Some(tokens);
        self
    }

    /// With licenses of this issuer, whose public key is SubjectPublicKeyInfo DER; they lie in [`Self::licenses`].
    #[must_use]
    pub fn licensed_by(mut self, issuer: &[u8]) -> Self {
        self.license_issuer = Some(issuer.to_vec());
        std::fs::create_dir_all(self.licenses()).expect("the temporary folder is writable");
        let place = self.licenses();
        let place = place
            .to_str()
            .expect("the temporary folder has a plain name");
        self.with("LICENSE_FILE_LOCATION", place)
    }

    /// With registration requests of this issuer only, whose public key is SubjectPublicKeyInfo DER.
    #[must_use]
    pub fn registered_by(mut self, issuer: &[u8]) -> Self {
        self.issuer = Some(issuer.to_vec());
        self
    }

    /// With pushes, as [`Self::pusher_folder`] says by the time the house starts.
    #[must_use]
    pub fn pushing(mut self) -> Self {
        std::fs::create_dir_all(self.pusher_folder()).expect("the temporary folder is writable");
        self.pushes = true;
        self
    }

    /// With pushes that another process sends: the address of its door, and the token it wants.
    #[must_use]
    pub fn pushing_by(mut self, url: &str, token: &str) -> Self {
        self.pushes = true;
        self.pusher = Some((url.to_owned(), token.to_owned()));
        self
    }

    /// The folder with the configuration of pushes.
    pub fn pusher_folder(&self) -> PathBuf {
        self.folder().join("pc_pusher")
    }

    /// With outgoing calls to where these options say.
    #[must_use]
    pub fn calling(mut self, egress: EgressOptions) -> Self {
        self.egress = egress;
        self
    }

    /// With activation codes sent by these ways.
    #[must_use]
    pub fn sending_codes_by(mut self, ways: CodeWays) -> Self {
        self.code_policy.channels = ways.channels();
        self.code_ways = Box::new(ways);
        self
    }

    /// With activation codes ordered as far as this permits, and nobody who sends them.
    #[must_use]
    pub fn sending_codes(mut self, policy: CodePolicy) -> Self {
        self.code_policy = policy;
        self
    }

    /// Where the licenses lie.
    pub fn licenses(&self) -> PathBuf {
        self.folder().join("licenses")
    }

    /// At this address.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Everything that lasts lies here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of a log on disk; beside it may lie its write-ahead log.
    pub fn log_file(&self) -> PathBuf {
        self.folder().join("log.sqlite")
    }

    /// Puts the root secret where orders that work beside the house look for it.
    pub fn keep_secret(&self) {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        let file = file.open(self.folder().join("secret"));
        let text = hex::encode(SECRET);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.expect("the plan's folder can be written");
    }

    /// The root secret.
    pub fn root(&self) -> &RootSecret {
        &self.root
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// The log in memory, to be written before a house starts on it.
    pub async fn memory_log(&self) -> Arc<dyn EventLog> {
        match &mut *self.log.lock().await {
            Log::Memory(log) => {
                Arc::clone(log.get_or_insert_with(|| Arc::new(MemoryLog::new()))) as _
            }
            Log::Sqlite(_) => panic!("this plan has its log on disk"),
        }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match &self.clock {
            TestClock::Manual(clock) => Arc::clone(clock) as _,
            TestClock::Real(clock) => Arc::clone(clock) as _,
        }
    }

    pub(super) fn advance_ms(&self, ms: i64) {
        match &self.clock {
            TestClock::Manual(clock) => clock.advance_ms(ms),
            TestClock::Real(_) => panic!("the machine's clock is not ours to move"),
        }
    }

    /// The letters are kept in this database instead of a file.
    #[must_use]
    pub fn with_outbox(mut self, address: String) -> Self {
        self.outbox = Some(address);
        self
    }

    /// Address of the letters' store.
    pub(super) fn outbox(&self) -> String {
        self.outbox.clone().unwrap_or_else(|| self.store("outbox"))
    }

    /// Address of a store besides the log.
    pub(super) fn store(&self, name: &str) -> String {
        format!("sqlite:{}", self.store_file(name).display())
    }

    /// The file of a store besides the log: `read` or `outbox`.
    pub fn store_file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.sqlite"))
    }

    /// Closes the log on disk, so that its file is whole; a log in memory stays.
    pub(super) async fn close_log(&self) {
        if let Log::Sqlite(log) = &mut *self.log.lock().await
            && let Some(log) = log.take()
        {
            log.close().await;
        }
    }
}
