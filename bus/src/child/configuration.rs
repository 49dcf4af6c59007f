//! What our own server is told, and where its files lie.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use schemas::Secret;
use serde::Deserialize;

use super::{ChildError, ChildOptions};

/// The only user of our own server.
pub(super) const USER: &str = "countersign";

/// How many consumers a stream may have: one for each lane and reader, with room to spare. The server's own default
/// refuses the 1001st.
const CONSUMERS_MAX: u32 = 4096;

/// The largest message, bytes.
const MESSAGE_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// Everything the server is told.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) folder: PathBuf,
    pub(super) password: Secret,
    /// Where it listens; `None` until it has chosen.
    pub(super) ports: Option<Ports>,
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
        let beside = self.folder.join("nats-server.conf.tmp");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(beside, self.file())
    }

    /// The configuration. A port of -1 lets the server choose; after that it keeps its choice.
    fn text(&self) -> String {
        let (clients, monitor) = self.ports.map_or((-1, -1), |ports| {
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
             authorization {{ user: \"{USER}\", password: \"{password}\" }}\n\
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

    /// Removes what earlier servers said, so that a reused process id does not mislead.
    pub(super) fn forget_ports(&self) {
        let entries = std::fs::read_dir(self.ports_folder());
        for entry in entries.into_iter().flatten().filter_map(Result::ok) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
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
}
