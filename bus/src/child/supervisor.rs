//! Watches our own server from a thread of its own.
//!
//! The thread matters: the kernel kills the server when the *thread* that started it ends (`PR_SET_PDEATHSIG`), so it has
//! to be one that lives exactly as long as the supervision.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::configuration::{Configuration, Ports};
use super::{ChildError, ChildState, START_MAX};

/// Pause before a dead server is started again; doubled with every death in a row.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A server that ran so long has recovered: its next death counts as the first.
const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// How long an orderly end may take.
const STOP_MAX: Duration = Duration::from_secs(10);

/// How often a starting server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much of the server's log goes into an error.
const SAID_MAX: usize = 600;

/// What the supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    HoldDown,
    LetUp,
    /// Read the configuration again, without an interruption.
    Reload,
    Stop,
}

/// What a successful start gives.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) ports: Ports,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) state: watch::Receiver<ChildState>,
}

pub(super) struct Supervisor {
    binary: PathBuf,
    configuration: Configuration,
}

/// How a supervised run of the server ended.
enum Ended {
    Died,
    Ordered(Order),
}

type Outcome = oneshot::Receiver<Result<Started, ChildError>>;

impl Supervisor {
    pub(super) fn new(binary: PathBuf, configuration: Configuration) -> Self {
        Self {
            binary,
            configuration,
        }
    }

    /// Starts the thread. The receiver hears how the first start went.
    pub(super) fn run(self) -> Result<(std::thread::JoinHandle<()>, Outcome), ChildError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ChildError::Start)?;
        let (report, outcome) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("nats-supervisor".to_owned())
            .spawn(move || runtime.block_on(self.supervise(report)))
            .map_err(ChildError::Start)?;
        Ok((thread, outcome))
    }

    async fn supervise(mut self, report: oneshot::Sender<Result<Started, ChildError>>) {
        let (server, ports) = match self.start().await {
            Ok(started) => started,
            Err(error) => {
                // Nobody may be listening any more; then nobody needs to know.
                drop(report.send(Err(error)));
                return;
            }
        };
        let (sender, orders) = mpsc::unbounded_channel();
        let (state, seen) = watch::channel(ChildState::Running(pid(&server)));
        let started = Started {
            ports,
            orders: sender,
            state: seen,
        };
        // Whoever asked for the server may be gone: then so is the sender of orders, and the watch ends at once.
        drop(report.send(Ok(started)));
        self.watch(server, orders, &state).await;
        state.send_replace(ChildState::Down);
    }

    /// Keeps the server running until told to stop.
    async fn watch(
        &mut self,
        mut server: Child,
        mut orders: mpsc::UnboundedReceiver<Order>,
        state: &watch::Sender<ChildState>,
    ) {
        let mut pause = RESTART_PAUSE;
        loop {
            let started_at = Instant::now();
            let ended = tokio::select! {
                order = orders.recv() => Ended::Ordered(order.unwrap_or(Order::Stop)),
                _ = server.wait() => Ended::Died,
            };
            match ended {
                Ended::Ordered(Order::LetUp) => continue,
                Ended::Ordered(Order::Reload) => {
                    self.signal("reload", &server).await;
                    continue;
                }
                Ended::Ordered(Order::Stop) => return self.stop(server, orders.is_closed()).await,
                Ended::Ordered(Order::HoldDown) => {
                    drop(server.kill().await);
                    state.send_replace(ChildState::Down);
                    if wait_for_let_up(&mut orders).await == Order::Stop {
                        return;
                    }
                    pause = Duration::ZERO;
                }
                Ended::Died => {
                    state.send_replace(ChildState::Down);
                    if started_at.elapsed() > RECOVERED_AFTER {
                        pause = RESTART_PAUSE;
                    }
                    let pause_ms = pause.as_millis() as u64;
                    tracing::error!(pause_ms, "nats-server died; starting it again");
                }
            }
            match self.start_again(&mut orders, &mut pause).await {
                Some(again) => server = again,
                None => return,
            }
            state.send_replace(ChildState::Running(pid(&server)));
        }
    }

    /// Starts the server until it runs; `None` when told to stop meanwhile.
    async fn start_again(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        pause: &mut Duration,
    ) -> Option<Child> {
        loop {
            let before = *pause;
            *pause = (before * 2).clamp(RESTART_PAUSE, RESTART_PAUSE_MAX);
            // Dropping a start kills what it has started.
            let start = async {
                sleep(before).await;
                self.start().await
            };
            tokio::select! {
                order = orders.recv() => match order {
                    // A server that starts reads its configuration anyway.
                    Some(Order::LetUp | Order::Reload) => {}
                    Some(Order::HoldDown) => {
                        if wait_for_let_up(orders).await == Order::Stop {
                            return None;
                        }
                    }
                    Some(Order::Stop) | None => return None,
                },
                started = start => match started {
                    Ok((server, _)) => return Some(server),
                    Err(error) => tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "nats-server does not start; trying again"
                    ),
                },
            }
        }
    }

    /// Starts the server and waits until it listens. The first start fixes its ports.
    async fn start(&mut self) -> Result<(Child, Ports), ChildError> {
        // The file stays what the running server was started with: it refuses to read one with another monitor's port.
        self.configuration.prepare()?;
        self.configuration.forget_ports();
        let mut server = self.command().spawn().map_err(ChildError::Start)?;
        let listening = timeout(START_MAX, self.wait_until_it_listens(pid(&server)));
        let ports = tokio::select! {
            ports = listening => ports.map_err(|_| ChildError::NotListening)?,
            status = server.wait() => return Err(ChildError::EndedAtOnce {
                status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
                said: end_of(&self.configuration.log_file()),
            }),
        };
        self.configuration.ports = Some(ports);
        Ok((server, ports))
    }

    fn command(&self) -> Command {
        // `setpriv` (util-linux) asks the kernel to kill the server when we are killed ourselves. Without it a server can
        // outlive a killed parent; the next start notices and refuses.
        let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"]
            .map(Path::new)
            .into_iter()
            .find(|path| path.is_file());
        let mut command = if let Some(setpriv) = setpriv {
            let mut command = Command::new(setpriv);
            command
                .args(["--pdeathsig", "KILL", "--"])
                .arg(&self.binary);
            command
        } else {
            Command::new(&self.binary)
        };
        command
            .arg("--config")
            .arg(self.configuration.file())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn wait_until_it_listens(&self, pid: u32) -> Ports {
        loop {
            if let Some(ports) = self.configuration.chosen_ports(pid) {
                let mut configuration = self.configuration.clone();
                configuration.ports = Some(ports);
                if let Some(address) = configuration.address()
                    && greets(address).await
                {
                    return ports;
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends the server: in an orderly way when there is time, at once when its owner is gone.
    async fn stop(&self, mut server: Child, at_once: bool) {
        let ends = !at_once && self.signal("quit", &server).await;
        if ends && timeout(STOP_MAX, server.wait()).await.is_ok() {
            return;
        }
        drop(server.kill().await);
    }

    /// Whether the server could be told.
    async fn signal(&self, what: &str, server: &Child) -> bool {
        let told = Command::new(&self.binary)
            .arg("--signal")
            .arg(format!("{what}={}", pid(server)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        told.is_ok_and(|status| status.success())
    }
}

/// Ignores everything but the permission to go on and the order to stop; says which came.
async fn wait_for_let_up(orders: &mut mpsc::UnboundedReceiver<Order>) -> Order {
    loop {
        match orders.recv().await {
            Some(Order::HoldDown | Order::Reload) => {}
            Some(Order::LetUp) => return Order::LetUp,
            Some(Order::Stop) | None => return Order::Stop,
        }
    }
}

/// Whether the server there introduces itself, as it does once it serves clients.
async fn greets(address: (&str, u16)) -> bool {
    let greeting = async {
        let mut socket = TcpStream::connect(address).await?;
        let mut greeting = [0; 4];
        socket.read_exact(&mut greeting).await?;
        Ok::<_, std::io::Error>(greeting)
    };
    matches!(timeout(Duration::from_secs(1), greeting).await, Ok(Ok(greeting)) if &greeting == b"INFO")
}

fn pid(child: &Child) -> u32 {
    child.id().unwrap_or(0)
}

fn end_of(log_file: &Path) -> String {
    let log = std::fs::read_to_string(log_file).unwrap_or_default();
    let said: Vec<char> = log.trim().chars().rev().take(SAID_MAX).collect();
    said.into_iter().rev().collect()
}
