//! What our own server is told, and where its files lie.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemas::Secret;
use serde::{Deserialize, Serialize};

use super::{ChildError, ChildOptions};

/// The only user of our own server.
pub(super) const USER: &str = "countersign";

/// The house's own account. The server's default one lets accounts of others not lie beside it.
const ACCOUNT: &str = "COUNTERSIGN";

/// Where the house's streams lay before it had an account, below the server's data.
const DEFAULT_ACCOUNT: &str = "$G";

/// How many consumers a stream may have: one for each lane and reader, with room to spare. The server's own default
/// refuses the 1001st.
const CONSUMERS_MAX: u32 = 4096;

/// The largest message, bytes.
const MESSAGE_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// Names of files in the folder.
const ACCOUNTS: &str = "analysts.conf";
pub(super) const ACCESS: &str = "access.json";

/// How often, and at what distance, the folder is claimed.
const CLAIM_ATTEMPTS_MAX: u32 = 20;
const CLAIM_PAUSE: Duration = Duration::from_millis(50);

/// Everything the server is told.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) folder: PathBuf,
    pub(super) password: Secret,
    /// Where it listens; `None` until it has chosen.
    pub(super) ports: Option<Ports>,
    /// Where clients connect; 0 lets the server choose.
    port: u16,
    memory_bytes_max: u64,
    disk_bytes_max: u64,
}

/// Where the server listens, on the loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    clients: u16,
    monitor: u16,
}

impl Configuration {
    pub(super) fn new(options: &ChildOptions, password: Secret) -> Self {
        Self {
            folder: options.folder.clone(),
            password,
            ports: None,
            port: options.port.unwrap_or(0),
            memory_bytes_max: options.memory_bytes_max,
            disk_bytes_max: options.disk_bytes_max,
        }
    }

    pub(super) fn url(&self) -> String {
        let port = self.ports.map_or(0, |ports| ports.clients);
        format!("nats://127.0.0.1:{port}")
    }

    pub(super) fn monitor(&self) -> String {
        let port = self.ports.map_or(0, |ports| ports.monitor);
        format!("127.0.0.1:{port}")
    }

    /// Where clients connect; `None` until the server has chosen.
    pub(super) fn address(&self) -> Option<(&'static str, u16)> {
        self.ports.map(|ports| ("127.0.0.1", ports.clients))
    }

    /// Where the configuration lies.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("nats-server.conf")
    }

    /// Where the server writes its log.
    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join("nats-server.log")
    }

    /// Where the accounts of analysts are listed, by [`crate::analysts::configuration`].
    pub(super) fn accounts_file(&self) -> PathBuf {
        self.folder.join(ACCOUNTS)
    }

    /// Takes the port of the last time, unless it is somebody else's now or another one was asked for.
    pub(super) fn keep_the_port(&mut self) {
        let Ok(text) = std::fs::read(self.access_file()) else {
            return;
        };
        let before = serde_json::from_slice(&text).ok();
        let before = before.and_then(|access: RunningAccess| port_of(&access.url));
        if let Some(port) = before.filter(|_| self.port == 0)
            && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
        {
            self.port = port;
        }
    }

    /// Where orders beside the running service find out how to connect.
    pub(super) fn access_file(&self) -> PathBuf {
        self.folder.join(ACCESS)
    }

    fn ports_folder(&self) -> PathBuf {
        self.folder.join("ports")
    }

    /// Makes the folders and writes the configuration, readable by us alone.
    pub(super) fn prepare(&self) -> Result<(), ChildError> {
        self.write().map_err(|source| ChildError::Folder {
            folder: self.folder.display().to_string(),
            source,
        })
    }

    fn write(&self) -> Result<(), std::io::Error> {
        let ports_folder = self.ports_folder();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&ports_folder)?;
        self.move_into_the_account()?;
        if !self.accounts_file().exists() {
            write_for_us_alone(&self.accounts_file(), "")?;
        }
        write_for_us_alone(&self.file(), &self.text())
    }

    /// Where the streams of an account lie.
    pub(super) fn stored_of(&self, account: &str) -> PathBuf {
        self.folder.join("data/jetstream").join(account)
    }

    /// Streams of the time before the house had an account are moved into it.
    fn move_into_the_account(&self) -> Result<(), std::io::Error> {
        let (before, now) = (self.stored_of(DEFAULT_ACCOUNT), self.stored_of(ACCOUNT));
        if before.exists() && !now.exists() {
            std::fs::rename(before, now)?;
        }
        Ok(())
    }

    /// Writes down how to connect, for those who may read our folder.
    pub(super) fn tell_access(&self) -> Result<(), ChildError> {
        let access = RunningAccess {
            url: self.url(),
            monitor: self.monitor(),
            user: USER.to_owned(),
            password: self.password.expose_text().unwrap_or_default().to_owned(),
        };
        let text = serde_json::to_string(&access).expect("texts are always JSON");
        write_for_us_alone(&self.access_file(), &text).map_err(|source| ChildError::Folder {
            folder: self.folder.display().to_string(),
            source,
        })
    }

    /// The configuration. A port of -1 lets the server choose; after that it keeps its choice.
    fn text(&self) -> String {
        let asked_for = if self.port == 0 {
            -1
        } else {
            i32::from(self.port)
        };
        let (clients, monitor) = self.ports.map_or((asked_for, -1), |ports| {
            (i32::from(ports.clients), i32::from(ports.monitor))
        });
        let password = self.password.expose_text().unwrap_or_default();
        let folder = quoted(&self.folder.join("data"));
        let ports_folder = quoted(&self.ports_folder());
        let log_file = quoted(&self.log_file());
        let (memory, disk) = (self.memory_bytes_max, self.disk_bytes_max);
        format!(
            "# Written at every start. What is changed here is lost.\n\
             server_name: \"countersign\"\n\
             listen: \"127.0.0.1:{clients}\"\n\
             http: \"127.0.0.1:{monitor}\"\n\
             ports_file_dir: {ports_folder}\n\
             log_file: {log_file}\n\
             logfile_size_limit: 10485760\n\
             logfile_max_num: 3\n\
             max_payload: {MESSAGE_BYTES_MAX}\n\
             accounts {{\n  \
               {ACCOUNT}: {{ jetstream: enabled, users: [ {{ user: \"{USER}\", password: \"{password}\" }} ] }}\n  \
               include \"{ACCOUNTS}\"\n\
             }}\n\
             jetstream {{\n  \
               store_dir: {folder}\n  \
               sync_interval: always\n  \
               max_memory_store: {memory}\n  \
               max_file_store: {disk}\n  \
               limits {{ default_max_consumers: {CONSUMERS_MAX} }}\n\
             }}\n"
        )
    }

    /// Where the server with that process id says it listens; `None` as long as it does not.
    pub(super) fn chosen_ports(&self, pid: u32) -> Option<Ports> {
        // The file is named after the program, whatever that is called, and the process id.
        let suffix = format!("_{pid}.ports");
        let entry = std::fs::read_dir(self.ports_folder())
            .ok()?
            .filter_map(Result::ok)
            .find(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))?;
        let said: SaidPorts = serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()?;
        Some(Ports {
            clients: port_of(said.nats.first()?)?,
            monitor: port_of(said.monitoring.first()?)?,
        })
    }

    /// Takes the folder for ourselves, as long as the file is held. The server itself would share it with anybody.
    pub(super) async fn claim(&self) -> Result<File, ChildError> {
        let folder = || self.folder.display().to_string();
        let unusable = |source| ChildError::Folder {
            folder: folder(),
            source,
        };
        let lock = File::create(self.folder.join("nats-server.lock")).map_err(unusable)?;
        let mut attempts = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
                // A process that is just being made holds for a moment whatever its parent has open.
                Err(TryLockError::WouldBlock) if attempts < CLAIM_ATTEMPTS_MAX => {
                    attempts += 1;
                    tokio::time::sleep(CLAIM_PAUSE).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(ChildError::InUse {
                        folder: folder(),
                        by: String::new(),
                    });
                }
            }
        }
        match self.left_behind() {
            Some(pid) => Err(ChildError::InUse {
                folder: folder(),
                by: format!(" by nats-server {pid}, left behind by a killed parent"),
            }),
            None => Ok(lock),
        }
    }

    /// A server of this folder that outlived its parent.
    fn left_behind(&self) -> Option<u32> {
        let entries = std::fs::read_dir(self.ports_folder()).ok()?;
        let file = self.file().display().to_string();
        entries
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                name.strip_suffix(".ports")?
                    .rsplit('_')
                    .next()?
                    .parse()
                    .ok()
            })
            .find(|pid: &u32| {
                // A process id may have gone to somebody else: the command line tells.
                let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&command)
                    .split('\0')
                    .any(|argument| argument == file)
            })
    }

    /// Removes what earlier servers said, so that a reused process id does not mislead.
    pub(super) fn forget_ports(&self) {
        let entries = std::fs::read_dir(self.ports_folder());
        for entry in entries.into_iter().flatten().filter_map(Result::ok) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// How to connect to the running server.
#[derive(Serialize, Deserialize)]
pub(super) struct RunningAccess {
    pub(super) url: String,
    pub(super) monitor: String,
    pub(super) user: String,
    pub(super) password: String,
}

/// Writes a file that only we read, wholly or not at all.
pub(super) fn write_for_us_alone(path: &Path, text: &str) -> Result<(), std::io::Error> {
    let beside = path.with_extension("tmp");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

/// The server's ports file.
#[derive(Deserialize)]
struct SaidPorts {
    nats: Vec<String>,
    monitoring: Vec<String>,
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit(':').next()?.parse().ok()
}

fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_password_is_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let options = ChildOptions::new("nats-server", folder.path().join("nats"));
        let configuration = Configuration::new(&options, Secret::new("hush"));
        configuration.prepare().unwrap();
        let metadata = std::fs::metadata(configuration.file()).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(!format!("{configuration:?}").contains("hush"));
    }

    #[test]
    fn what_was_stored_before_there_was_an_account_is_moved_into_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let options = ChildOptions::new("nats-server", folder.path());
        let stored = folder.path().join("data/jetstream");
        std::fs::create_dir_all(stored.join("$G/streams/PARKED")).unwrap();
        let configuration = Configuration::new(&options, Secret::new("hush"));
        configuration.prepare().unwrap();
        assert!(stored.join("COUNTERSIGN/streams/PARKED").exists());
        std::fs::create_dir_all(stored.join("$G/streams/LATER")).unwrap();
        configuration.prepare().unwrap();
        assert!(!stored.join("COUNTERSIGN/streams/LATER").exists());
    }

    #[test]
    fn the_port_of_the_last_time_is_taken_while_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut before = Configuration::new(
            &ChildOptions::new("nats-server", folder.path()),
            Secret::new("hush"),
        );
        before.ports = Some(Ports {
            clients: port,
            monitor: 1,
        });
        before.tell_access().unwrap();
        let mut options = ChildOptions::new("nats-server", folder.path());
        let kept = |options: &ChildOptions| {
            let mut configuration = Configuration::new(options, Secret::new("hush"));
            configuration.keep_the_port();
            configuration.port
        };
        assert_eq!(kept(&options), 0);
        drop(taken);
        assert_eq!(kept(&options), port);
        options.port = Some(4222);
        assert_eq!(kept(&options), 4222);
    }

    #[test]
    fn the_accounts_of_analysts_outlive_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let options = ChildOptions::new("nats-server", folder.path());
        let configuration = Configuration::new(&options, Secret::new("hush"));
        configuration.prepare().unwrap();
        write_for_us_alone(&configuration.accounts_file(), "ANALYST_x: {}").unwrap();
        configuration.prepare().unwrap();
        let text = std::fs::read_to_string(configuration.accounts_file()).unwrap();
        assert_eq!(text, "ANALYST_x: {}");
    }

    #[test]
    fn chosen_ports_are_read_whatever_the_program_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let options = ChildOptions::new("nats-server", folder.path());
        let configuration = Configuration::new(&options, Secret::new("hush"));
        configuration.prepare().unwrap();
        assert_eq!(configuration.chosen_ports(7), None);
        std::fs::write(
            folder.path().join("ports/renamed_7.ports"),
            r#"{"nats":["nats://127.0.0.1:4001"],"monitoring":["http://127.0.0.1:4002"]}"#,
        )
        .unwrap();
        let expected = Ports {
            clients: 4001,
            monitor: 4002,
        };
        assert_eq!(configuration.chosen_ports(7), Some(expected));
        assert_eq!(configuration.chosen_ports(17), None);
        configuration.forget_ports();
        assert_eq!(configuration.chosen_ports(7), None);
    }

    #[tokio::test]
    async fn a_folder_is_claimed_once() {
        let folder = tempfile::tempdir().unwrap();
        let options = ChildOptions::new("nats-server", folder.path());
        let configuration = Configuration::new(&options, Secret::new("hush"));
        configuration.prepare().unwrap();
        let claim = configuration.claim().await.unwrap();
        let refused = configuration.claim().await;
        assert!(matches!(refused, Err(ChildError::InUse { .. })));
        drop(claim);
        assert!(configuration.claim().await.is_ok());
    }

    #[tokio::test]
    async fn a_server_that_was_left_behind_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let options = ChildOptions::new("nats-server", folder.path());
        let configuration = Configuration::new(&options, Secret::new("hush"));
        configuration.prepare().unwrap();
        // Any process whose command line names the configuration will do.
        let mut left_behind = std::process::Command::new("tail")
            .args(["-f", "--retry"])
            .arg(configuration.file())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Its first word says that it is the program we asked for: until then its command line may still be ours.
        let mut words = left_behind.stdout.take().unwrap();
        words.read_exact(&mut [0]).unwrap();
        let name = format!("ports/nats-server_{}.ports", left_behind.id());
        std::fs::write(folder.path().join(name), "{}").unwrap();
        let refused = configuration.claim().await;
        left_behind.kill().unwrap();
        left_behind.wait().unwrap();
        assert!(
            matches!(refused, Err(ChildError::InUse { .. })),
            "{refused:?}"
        );
        assert!(configuration.claim().await.is_ok());
    }
}
