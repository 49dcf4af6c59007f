//! Versions of nats-server: which one speaks, and which one we insist on.

use std::fmt;
use std::str::FromStr;

/// A version of nats-server. A pre-release comes before its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    major: u64,
    minor: u64,
    patch: u64,
    is_release: bool,
}

impl ServerVersion {
    /// The oldest server we trust: 2.15 made `sync_interval: always` affordable on replicated streams, and 2.15.1 is the
    /// one whose power cuts we rehearsed.
    pub const REQUIRED: Self = Self {
        major: 2,
        minor: 15,
        patch: 1,
        is_release: true,
    };
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.is_release {
            Ok(())
        } else {
            f.write_str(" (a pre-release)")
        }
    }
}

/// The text names no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version of nats-server")]
pub struct InvalidVersion(String);

/// Reads `2.15.1`, `v2.15.1`, `2.16.0-RC.1`, and what `nats-server --version` prints.
impl FromStr for ServerVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = || InvalidVersion(text.trim().to_owned());
        let version = text.trim();
        let version = version.strip_prefix("nats-server:").unwrap_or(version);
        let version = version.trim().trim_start_matches('v');
        let (numbers, suffix) = match version.split_once('-') {
            Some((numbers, suffix)) => (numbers, Some(suffix)),
            None => (version, None),
        };
        let mut numbers = numbers.split('.').map(str::parse::<u64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(invalid);
        let (major, minor, patch) = (next()?, next()?, next()?);
        if numbers.next().is_some() {
            return Err(invalid());
        }
        Ok(Self {
            major,
            minor,
            patch,
            is_release: suffix.is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ServerVersion {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_server_prints_is_read() {
        assert_eq!(version("nats-server: v2.15.1\n"), ServerVersion::REQUIRED);
        assert_eq!(version("2.15.1").to_string(), "2.15.1");
    }

    #[test]
    fn older_servers_and_pre_releases_are_too_old() {
        for old in ["2.9.10", "2.14.6", "2.15.0", "2.15.1-RC.2", "v1.99.99"] {
            assert!(version(old) < ServerVersion::REQUIRED, "{old}");
        }
        for new in ["2.15.1", "2.15.2-dev", "2.16.0", "3.0.0"] {
            assert!(version(new) >= ServerVersion::REQUIRED, "{new}");
        }
    }

    #[test]
    fn a_text_without_three_numbers_is_no_version() {
        for text in ["", "2.15", "2.15.1.4", "2.15.x", "nats-server: "] {
            assert!(text.parse::<ServerVersion>().is_err(), "{text:?}");
        }
    }
}
