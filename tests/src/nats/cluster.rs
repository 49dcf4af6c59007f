//! Three nats-servers in one cluster, as production runs them: an account for the bus and a system account.

use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::JetStreamOptions;
use bus::jetstream::{Access, SyncProof};
use schemas::Secret;

const PASSWORD: &str = "only-for-tests";
/// How often and at what distance a server is asked whether it has formed its cluster.
const POLLS_MAX: u32 = 1500;
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// None of those that a connection is given: one that looks for a dead server would sit on its port.
const PORTS: Range<u16> = 20_000..32_000;

/// Three servers that belong to one test.
#[derive(Debug)]
pub struct TestCluster {
    members: Vec<Member>,
    folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Member {
    ports: Ports,
    process: Option<Child>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    clients: u16,
    routes: u16,
    monitor: u16,
}

impl TestCluster {
    /// Starts three servers that flush as told (`always`, or a duration) and waits until they are one cluster.
    pub async fn start(sync_interval: &str) -> Self {
        let ports: Vec<Ports> = (0..3).map(|_| Ports::free()).collect();
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for (number, own) in ports.iter().enumerate() {
            let text = configuration(folder.path(), number, *own, &ports, sync_interval);
            std::fs::write(file(folder.path(), number), text).expect("the folder is ours");
        }
        let members = ports.iter().map(|ports| Member {
            ports: *ports,
            process: None,
        });
        let mut cluster = Self {
            members: members.collect(),
            folder,
        };
        for number in 0..3 {
            cluster.launch(number);
        }
        cluster.is_formed().await;
        cluster
    }

    /// How to connect to it.
    pub fn options(&self) -> JetStreamOptions {
        let urls: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("nats://127.0.0.1:{}", member.ports.clients))
            .collect();
        let access = |user: &str| Access::Password {
            user: user.to_owned(),
            password: Secret::new(PASSWORD),
        };
        JetStreamOptions {
            access: access("bus"),
            replicas: 3,
            sync_proof: SyncProof::SystemAccount(access("system")),
            ..JetStreamOptions::new(urls.join(","))
        }
    }

    /// Kills one server, as a crash would.
    pub fn kill9(&mut self, number: usize) {
        if let Some(mut process) = self.members[number].process.take() {
            process.kill().expect("the server is our child");
            process.wait().expect("the server is our child");
        }
    }

    /// Starts a killed server again on its old data and ports.
    pub fn launch(&mut self, number: usize) {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(super::program())
            .arg("--config")
            .arg(file(self.folder.path(), number))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().expect("setpriv is part of util-linux");
        self.members[number].process = Some(process);
    }

    /// Waits until every server is healthy: JetStream has a leader, and all are up to date.
    pub async fn is_formed(&self) {
        for member in &self.members {
            let url = format!("http://127.0.0.1:{}/healthz", member.ports.monitor);
            let mut polls = 0;
            while !is_healthy(&url).await {
                polls += 1;
                assert!(polls < POLLS_MAX, "the cluster does not form");
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        for number in 0..self.members.len() {
            self.kill9(number);
        }
    }
}

impl Ports {
    fn free() -> Self {
        let [clients, routes, monitor] = [(); 3].map(|()| free_port());
        Self {
            clients,
            routes,
            monitor,
        }
    }
}

/// A port that nobody has, and that this process has not named before.
fn free_port() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let mut ports = PORTS.map(|_| {
        let next = process::id().wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        PORTS.start + (next % count) as u16
    });
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("the loopback interface has free ports")
}

fn file(folder: &Path, number: usize) -> std::path::PathBuf {
    folder.join(format!("{number}.conf"))
}

fn configuration(
    folder: &Path,
    number: usize,
    own: Ports,
    all: &[Ports],
    sync_interval: &str,
) -> String {
    let routes: Vec<String> = all
        .iter()
        .map(|ports| format!("\"nats://127.0.0.1:{}\"", ports.routes))
        .collect();
    let (routes, folder) = (routes.join(", "), folder.display());
    let Ports {
        clients,
        routes: listen,
        monitor,
    } = own;
    format!(
        "server_name: \"member-{number}\"\n\
         listen: \"127.0.0.1:{clients}\"\n\
         http: \"127.0.0.1:{monitor}\"\n\
         max_payload: 8388608\n\
         cluster {{ name: \"tests\", listen: \"127.0.0.1:{listen}\", routes: [{routes}] }}\n\
         jetstream {{\n\
           store_dir: \"{folder}/{number}\"\n\
           sync_interval: {sync_interval}\n\
           max_memory_store: 512MB\n\
           max_file_store: 2GB\n\
           limits {{ default_max_consumers: 4096 }}\n\
         }}\n\
         accounts {{\n\
           SYS {{ users: [{{ user: system, password: \"{PASSWORD}\" }}] }}\n\
           BUS {{ jetstream: enabled, users: [{{ user: bus, password: \"{PASSWORD}\" }}] }}\n\
         }}\n\
         system_account: SYS\n"
    )
}

async fn is_healthy(url: &str) -> bool {
    let answer = reqwest::get(url).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
