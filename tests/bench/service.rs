//! The service under measurement, and what its processes use.

use std::path::Path;
use std::time::Duration;

use countersign::process::Served;

use crate::AnyError;
use crate::callbacks::Callbacks;
use crate::processes::{self, Usage};

/// How often the service is looked at while it comes to rest, and how many times at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS_MAX: usize = 120;
/// The share of one core up to which it rests.
const RESTING: f64 = 0.1;

/// Which store the service writes.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file in the data folder.
    Sqlite,
    /// A server of the bench's own.
    Postgres {
        /// A fresh database.
        url: String,
        /// The server's first process.
        pid: u32,
    },
}

impl Store {
    /// What the report calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres { .. } => "postgresql",
        }
    }
}

/// The running service.
pub struct Service {
    served: Served,
    /// Where its callbacks go.
    pub callbacks: Callbacks,
    postgres: Option<u32>,
    _data: tempfile::TempDir,
}

/// What the processes have used, apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usages {
    /// Our program.
    pub ours: Usage,
    /// nats-server.
    pub nats: Usage,
    /// PostgreSQL with all its processes.
    pub postgres: Usage,
}

impl Usages {
    /// CPU since then; memory stays the peak.
    pub fn since(&self, before: &Self) -> Self {
        let since = |now: Usage, then: Usage| Usage {
            cpu_s: now.cpu_s - then.cpu_s,
            ..now
        };
        Self {
            ours: since(self.ours, before.ours),
            nats: since(self.nats, before.nats),
            postgres: since(self.postgres, before.postgres),
        }
    }

    /// CPU of all of them.
    pub fn cpu_s(&self) -> f64 {
        self.ours.cpu_s + self.nats.cpu_s + self.postgres.cpu_s
    }
}

impl Service {
    /// All roles, JetStream, durable, journal and callbacks on.
    pub async fn start(program: &Path, store: Store) -> Result<Self, AnyError> {
        Self::with(program, store, &[]).await
    }

    /// The same with other arguments besides.
    pub async fn with(program: &Path, store: Store, more: &[&str]) -> Result<Self, AnyError> {
        let data = tempfile::tempdir()?;
        let folder = data.path().to_string_lossy().into_owned();
        let mut arguments = vec![
            "--listen",
            "127.0.0.1:0",
            "--data",
            &folder,
            "--nats",
            "child",
            "--log-filter",
            "warn",
        ];
        let postgres = match &store {
            Store::Sqlite => None,
            Store::Postgres { url, pid } => {
                arguments.extend(["--database-url", url]);
                Some(*pid)
            }
        };
        arguments.extend(more);
        let served = Served::start(program, &arguments).await?;
        Ok(Self {
            served,
            callbacks: Callbacks::start().await?,
            postgres,
            _data: data,
        })
    }

    /// The running program.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// What its processes have used so far.
    pub fn usage(&self) -> Usages {
        let Some(pid) = self.served.pid() else {
            return Usages::default();
        };
        Usages {
            ours: processes::of_process(pid),
            nats: processes::child_named(pid, "nats-server")
                .map(processes::of_process)
                .unwrap_or_default(),
            postgres: self.postgres.map(processes::of_family).unwrap_or_default(),
        }
    }

    /// What its processes have used so far, once they have come to rest: what was asked of them has all its consequences
    /// behind it, windows, letters and the public stream.
    pub async fn usage_at_rest(&self) -> Usages {
        let mut before = self.usage();
        for _ in 0..LOOKS_MAX {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.usage();
            if now.since(&before).cpu_s() < LOOK_EVERY.as_secs_f64() * RESTING {
                return now;
            }
            before = now;
        }
        println!("  the service does not come to rest; what follows includes earlier work");
        before
    }

    /// Ends it.
    pub async fn end(&mut self) -> Result<(), AnyError> {
        if self.served.end().await {
            return Ok(());
        }
        Err("the service did not end by itself when asked".into())
    }
}
