//! Names of the analysts' part: of a grant, and of the consumers in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a grant or of a consumer: 1 to 32 characters of `a-z 0-9 -`, so that it can stand in the name of an account,
/// in a subject and in the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnalyticsName(String);

/// Why a text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid name: 1 to 32 characters of a-z 0-9 - are allowed")]
pub struct InvalidName;

impl AnalyticsName {
    /// The longest name, in bytes.
    pub const LENGTH_MAX: usize = 32;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account of a grant.
    pub fn account(&self) -> String {
        format!("ANALYST_{self}")
    }

    /// The stream of a grant.
    pub fn stream(&self) -> String {
        format!("CURATED_{self}")
    }

    /// What the inboxes of a grant begin with.
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX_{self}")
    }
}

impl TryFrom<String> for AnalyticsName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let permitted = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let fits = !text.is_empty() && text.len() <= Self::LENGTH_MAX;
        if fits && text.bytes().all(permitted) {
            Ok(Self(text))
        } else {
            Err(InvalidName)
        }
    }
}

impl FromStr for AnalyticsName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::try_from(text.to_owned())
    }
}

impl From<AnalyticsName> for String {
    fn from(name: AnalyticsName) -> Self {
        name.0
    }
}

impl fmt::Display for AnalyticsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_an_account_a_subject_and_a_file() {
        let longest = "a".repeat(32);
        for right in ["risk", "risk-2", "7", &longest] {
            assert!(right.parse::<AnalyticsName>().is_ok(), "{right}");
        }
        let longer = "a".repeat(33);
        for wrong in ["", "Risk", "a.b", "a b", "a_b", "*", ">", "ä", &longer] {
            assert_eq!(wrong.parse::<AnalyticsName>(), Err(InvalidName), "{wrong}");
        }
    }
}
