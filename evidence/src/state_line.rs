//! What a checkpoint says beyond the tree: the hash of the state that follows from the journal's first records.
//!
//! ```text
//! state-v1 4096 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```
//!
//! It is an extension line of C2SP `tlog-checkpoint`. Whoever has the log folds it up to that record and must find the same
//! hash; the number after `state-v` names the way of folding.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::Digest;

/// How far a journal goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many records it has.
    pub records: u64,
    /// Number of the last event of every lane among them, by lane number.
    pub counts: Vec<u64>,
}

/// The state after the first records of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateLine {
    /// Which way of folding and hashing.
    pub version: u32,
    /// After how many records.
    pub records: u64,
    /// The hash.
    pub hash: Digest,
}

/// The text is not such a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of a state: expected state-v1, a number of records and the hash in base64")]
pub struct InvalidStateLine;

impl fmt::Display for StateLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = STANDARD.encode(self.hash.as_bytes());
        write!(f, "state-v{} {} {hash}", self.version, self.records)
    }
}

impl FromStr for StateLine {
    type Err = InvalidStateLine;

    /// Reads the one spelling that [`Display`](fmt::Display) writes, and no other.
    fn from_str(text: &str) -> Result<Self, InvalidStateLine> {
        let wrong = |_| InvalidStateLine;
        let mut words = text
            .strip_prefix("state-v")
            .ok_or(InvalidStateLine)?
            .split(' ');
        let mut next = || words.next().ok_or(InvalidStateLine);
        let (version, records, hash) = (next()?, next()?, next()?);
        let hash = STANDARD.decode(hash).map_err(|_| InvalidStateLine)?;
        let line = Self {
            version: version.parse().map_err(wrong)?,
            records: records.parse().map_err(wrong)?,
            hash: Digest(hash.try_into().map_err(|_| InvalidStateLine)?),
        };
        if line.to_string() == text {
            Ok(line)
        } else {
            Err(InvalidStateLine)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_is_accepted() {
        let line = StateLine {
            version: 1,
            records: 4096,
            hash: Digest([7; 32]),
        };
        let text = line.to_string();
        assert_eq!(
            text,
            "state-v1 4096 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
        );
        assert_eq!(text.parse(), Ok(line));
        for twin in [
            text.replace("v1", "v01"),
            text.replace("4096", "+4096"),
            text.replace("state", "root"),
            text.replace('=', ""),
            format!("{text} more"),
            "state-v1 4096".to_owned(),
            String::new(),
        ] {
            assert_eq!(twin.parse::<StateLine>(), Err(InvalidStateLine), "{twin:?}");
        }
    }
}
