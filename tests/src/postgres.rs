//! A real PostgreSQL for the tests: a private folder, a free port of the loopback interface, checksums on.
//!
//! One server per test process, one database per test. It runs as an unprivileged user and ends with the process that
//! started it, however that process ends.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

/// The superuser of the server, and its password.
const USER: &str = "postgres";
const PASSWORD: &str = "only-for-tests";
/// Prefix of the folder's name; the rest is the id of the process it belongs to, and a number.
const FOLDER_PREFIX: &str = "countersign-postgres-";
/// How often and at what distance the server is asked whether it is ready or gone.
const POLLS_MAX: u32 = 3000;
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Somebody else may take the port between our finding it and the server's binding it.
const PORT_ATTEMPTS_MAX: u32 = 5;

/// A PostgreSQL server that belongs to this test process.
#[derive(Debug)]
pub struct TestPostgres {
    binaries: PathBuf,
    account: Option<Account>,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    server: Mutex<Option<Server>>,
}

/// Who the server runs as when we are root: it refuses to be root itself.
#[derive(Clone, Debug)]
struct Account {
    user_id: u32,
    group_id: u32,
}

#[derive(Debug)]
struct Server {
    child: Child,
    /// The kernel ends the server when the thread that started it ends. This keeps that thread.
    _keeper: mpsc::Sender<()>,
}

impl TestPostgres {
    /// The server that all tests of this process share; `None`, with a printed notice, where PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    /// When PostgreSQL is not installed and `CI=true`: there nothing may be skipped.
    pub fn start() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<TestPostgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start_own).as_ref()
    }

    /// A server of the caller's own, to be killed and restarted; it goes when it is dropped.
    pub fn start_own() -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let Some(binaries) = find_binaries() else {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(
                !ci,
                "PostgreSQL is not installed, and in CI nothing is skipped"
            );
            eprintln!(
                "skipped: PostgreSQL is not installed (no initdb in PATH or /usr/lib/postgresql)"
            );
            return None;
        };
        sweep_folders();
        let number = STARTED.fetch_add(1, Ordering::SeqCst);
        let name = format!("{FOLDER_PREFIX}{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("the temporary folder is writable");
        let account = Account::needed();
        if let Some(Account { user_id, group_id }) = account {
            std::os::unix::fs::chown(&folder, Some(user_id), Some(group_id))
                .expect("root may give a folder away");
        }
        let mut postgres = Self {
            binaries,
            account,
            folder,
            port: 0,
            databases: AtomicU32::new(0),
            server: Mutex::new(None),
        };
        postgres.initialize();
        for _ in 0..PORT_ATTEMPTS_MAX {
            postgres.port = free_port();
            if postgres.launch() {
                return Some(postgres);
            }
        }
        panic!("PostgreSQL does not start: {}", postgres.log_text());
    }

    /// The address of a fresh, empty database.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::SeqCst);
        let name = format!("test_{number}");
        let created = self
            .tool("createdb")
            .args(["--host", "127.0.0.1", "--username", USER, &name])
            .arg("--port")
            .arg(self.port.to_string())
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("createdb lies beside initdb");
        assert!(
            created.status.success(),
            "{}",
            String::from_utf8_lossy(&created.stderr)
        );
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{name}",
            self.port
        )
    }

    /// The server's first process, for whoever measures it; `None` while it is killed.
    pub fn pid(&self) -> Option<u32> {
        self.server().as_ref().map(|server| server.child.id())
    }

    /// Where all its files are, its log included.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills the server and every process of it, as a crash would.
    pub fn kill9(&self) {
        let mut server = self.server();
        let mut server = server.take().expect("the server is running");
        let pid = server.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children: Vec<_> = children.split_whitespace().collect();
        server.child.kill().expect("the server is our child");
        server.child.wait().expect("the server is our child");
        // Some may have noticed and gone already.
        Command::new("kill")
            .arg("-KILL")
            .args(&children)
            .stderr(Stdio::null())
            .status()
            .expect("kill is part of every system");
        let gone = || {
            children
                .iter()
                .all(|child| !Path::new("/proc").join(child).exists())
        };
        assert!(poll(gone), "processes of the server survived");
    }

    /// Starts the killed server again on its old data and port.
    pub fn restart(&self) {
        assert!(
            self.launch(),
            "PostgreSQL does not start again: {}",
            self.log_text()
        );
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Server>> {
        self.server
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn initialize(&self) {
        let password_file = self.folder.join("password");
        std::fs::write(&password_file, PASSWORD).expect("the folder is ours");
        let made = self
            .tool("initdb")
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(password_file)
            .args(["--username", USER, "--auth", "scram-sha-256"])
            .args([
                "--data-checksums",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
            ])
            .output()
            .expect("initdb was found");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    /// False when the server ended before it was ready, for example because the port is taken.
    fn launch(&self) -> bool {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("the folder is ours");
        let mut command = self.tool("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.folder)
            .arg("-p")
            .arg(self.port.to_string())
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "max_connections=300",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let (keeper, kept) = mpsc::channel::<()>();
        let (started, starting) = mpsc::channel();
        thread::spawn(move || {
            // Whoever waits for the child has gone only when the whole test has gone.
            started.send(command.spawn()).ok();
            // Ends when the sender is dropped.
            kept.recv().ok();
        });
        let child = starting.recv().expect("the keeper sends before it ends");
        let mut server = Server {
            child: child.expect("postgres lies beside initdb"),
            _keeper: keeper,
        };
        let mut ended = false;
        let answered = poll(|| {
            ended = server.child.try_wait().expect("it is our child").is_some();
            ended || self.is_ready()
        });
        assert!(answered, "PostgreSQL does not answer: {}", self.log_text());
        if !ended {
            *self.server() = Some(server);
        }
        !ended
    }

    fn is_ready(&self) -> bool {
        let answer = self
            .tool("pg_isready")
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string()])
            .stdout(Stdio::null())
            .status();
        answer.expect("pg_isready lies beside initdb").success()
    }

    fn log_text(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A program of PostgreSQL, run as the unprivileged user, and ended when we end.
    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        // QUIT is the server's immediate stop: it takes its own processes with it.
        command.arg("--pdeathsig=QUIT");
        if let Some(Account { user_id, group_id }) = self.account {
            command
                .arg(format!("--reuid={user_id}"))
                .arg(format!("--regid={group_id}"))
                .arg("--clear-groups");
        }
        command.arg("--").arg(self.binaries.join(name));
        command.env("LC_ALL", "C").current_dir(&self.folder);
        command
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server().take() {
            self.tool("pg_ctl")
                .arg("-D")
                .arg(self.data())
                .args(["-m", "immediate", "stop"])
                .stdout(Stdio::null())
                .status()
                .ok();
            server.child.kill().ok();
            server.child.wait().ok();
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Account {
    /// `None` when we are not root and need nobody else.
    fn needed() -> Option<Self> {
        let own_user_id = std::fs::metadata("/proc/self").ok()?.uid();
        if own_user_id != 0 {
            return None;
        }
        let accounts = std::fs::read_to_string("/etc/passwd").expect("every system has accounts");
        let account = |name: &str| {
            let mut fields = accounts
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>())
                .find(|fields| fields[0] == name)?
                .into_iter()
                .skip(2);
            Some(Self {
                user_id: fields.next()?.parse().ok()?,
                group_id: fields.next()?.parse().ok()?,
            })
        };
        let found = account("postgres").or_else(|| account("nobody"));
        Some(found.expect("every system has an account nobody"))
    }
}

/// The folder of `initdb` and its siblings: the newest packaged version, else where PATH leads.
fn find_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let packaged = versions
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
            Some((version, folder.join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").exists())
        .max()
        .map(|(_, folder)| folder);
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        let mut initdb = std::env::split_paths(&path).map(|folder| folder.join("initdb"));
        let initdb = initdb.find_map(|file| file.canonicalize().ok())?;
        initdb.parent().map(Path::to_owned)
    };
    packaged.or_else(in_path)
}

/// Removes the folders of processes that are no longer there: a process cannot tidy up after its own end.
fn sweep_folders() {
    let entries = std::fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(FOLDER_PREFIX))
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// Asks until the answer is yes; false when it never was.
fn poll(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..POLLS_MAX {
        if is_so() {
            return true;
        }
        thread::sleep(POLL_INTERVAL);
    }
    false
}
