//! The program as a child process: what the demo, the fault tests and the bench start, kill and start again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a server may take until it serves.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long a server may take to end when asked.
const END_PATIENCE: Duration = Duration::from_secs(20);
/// What the server prints before its address, once it serves.
pub const SERVING: &str = "serving on http://";

/// A running server.
#[derive(Debug)]
pub struct Served {
    program: PathBuf,
    arguments: Vec<String>,
    child: Child,
    address: String,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program could not be run.
    #[error("cannot run {0}")]
    Run(PathBuf, #[source] std::io::Error),
    /// It ended, or was silent for too long; what it printed to standard error says why.
    #[error("the server did not start serving; its own words are above")]
    NotServing,
}

impl Served {
    /// Starts `program serve` with these arguments and waits until it serves.
    ///
    /// Give it `--listen 127.0.0.1:0` for a free port; a restart then gets a new one.
    pub async fn start(program: &Path, arguments: &[&str]) -> Result<Self, StartError> {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        let (child, address) = spawn(program, &arguments).await?;
        Ok(Self {
            program: program.to_owned(),
            arguments,
            child,
            address,
        })
    }

    /// `host:port` it serves on.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The system door.
    pub fn system_door(&self) -> String {
        format!("http://{}/pc-api", self.address)
    }

    /// The mobile door.
    pub fn mobile_door(&self) -> String {
        format!("http://{}/pc-client-api", self.address)
    }

    /// The process, for whoever measures it.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it without a word, as a power cut would.
    pub async fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill().await
    }

    /// Starts it again with the same arguments.
    pub async fn start_again(&mut self) -> Result<(), StartError> {
        let (child, address) = spawn(&self.program, &self.arguments).await?;
        self.child = child;
        self.address = address;
        Ok(())
    }

    /// Asks it to end and waits; kills it when it does not. `true` when it ended by itself and successfully.
    pub async fn end(&mut self) -> bool {
        if let Some(pid) = self.child.id() {
            // The kill command is on every Unix; a signal call of our own would need unsafe code.
            Command::new("kill")
                .args(["-TERM", &pid.to_string()])
                .status()
                .await
                .ok();
        }
        if let Ok(status) = tokio::time::timeout(END_PATIENCE, self.child.wait()).await {
            return status.is_ok_and(|status| status.success());
        }
        self.child.kill().await.ok();
        false
    }
}

async fn spawn(program: &Path, arguments: &[String]) -> Result<(Child, String), StartError> {
    let mut child = Command::new(program)
        .arg("serve")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| StartError::Run(program.to_owned(), error))?;
    let stdout = child.stdout.take().ok_or(StartError::NotServing)?;
    let mut lines = BufReader::new(stdout).lines();
    let serving = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some((_, address)) = line.split_once(SERVING) {
                return Some(address.trim().to_owned());
            }
        }
        None
    };
    let address = tokio::time::timeout(START_PATIENCE, serving)
        .await
        .ok()
        .flatten()
        .ok_or(StartError::NotServing)?;
    // Keep reading, so that the server never waits for a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}
