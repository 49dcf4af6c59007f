//! Finds a `nats-server` that we trust.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::version::ServerVersion;

/// Names the program; then no other place is looked at.
pub const VARIABLE: &str = "NATS_SERVER";

/// What the program is called.
pub(super) const NAME: &str = "nats-server";

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// None anywhere.
    #[error(
        "no nats-server found: set NATS_SERVER, run fetch-nats-server, or install nats-server {} or newer",
        ServerVersion::REQUIRED
    )]
    NotFound,
    /// It is not good enough.
    #[error(
        "{path} is nats-server {found}, and at least {} is required",
        ServerVersion::REQUIRED
    )]
    TooOld {
        /// Which program.
        path: String,
        /// What it is.
        found: ServerVersion,
    },
    /// It does not say what it is.
    #[error("{path} --version does not answer like a nats-server: {said:?}")]
    Strange {
        /// Which program.
        path: String,
        /// What it said instead.
        said: String,
    },
    /// It cannot be run.
    #[error("cannot run {path}")]
    NotRunnable {
        /// Which program.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The program named by `NATS_SERVER`, else the one in the folder `tools`, else the first on `PATH`. A program that was
/// named and is not good enough is an error; others are passed over, and the first reason is reported when none is left.
pub fn find(tools: &Path) -> Result<PathBuf, BinaryError> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let named = PathBuf::from(named);
        return check(&named).map(|()| named);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let mut first_reason = None;
    for folder in std::iter::once(tools.to_owned()).chain(folders) {
        let candidate = folder.join(NAME);
        if !candidate.is_file() {
            continue;
        }
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(reason) => first_reason = first_reason.or(Some(reason)),
        }
    }
    Err(first_reason.unwrap_or(BinaryError::NotFound))
}

/// Refuses a program that is not a `nats-server` we trust.
pub fn check(path: &Path) -> Result<(), BinaryError> {
    let shown = || path.display().to_string();
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| BinaryError::NotRunnable {
            path: shown(),
            source,
        })?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let found: ServerVersion = said.parse().map_err(|_| BinaryError::Strange {
        path: shown(),
        said: said.chars().take(100).collect(),
    })?;
    if found < ServerVersion::REQUIRED {
        return Err(BinaryError::TooOld {
            path: shown(),
            found,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, says: &str) -> PathBuf {
        let path = folder.join(NAME);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_version_decides() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&program(folder.path(), "nats-server: v2.15.1")).is_ok());
        assert!(matches!(
            check(&program(folder.path(), "nats-server: v2.9.10")),
            Err(BinaryError::TooOld { .. })
        ));
        assert!(matches!(
            check(&program(folder.path(), "hello")),
            Err(BinaryError::Strange { .. })
        ));
        assert!(matches!(
            check(&folder.path().join("none")),
            Err(BinaryError::NotRunnable { .. })
        ));
    }
}
