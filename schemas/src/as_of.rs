//! A moment of the past that a question is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lanes::Position;
use crate::time::Timestamp;

/// As of when a question is answered. On the wire a text: RFC 3339, ms since the Unix epoch, or the position of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AsOf {
    /// After everything that was recorded at this moment or before.
    Moment(Timestamp),
    /// After this event. For the owners of other lanes it stands for the moment at which it was recorded.
    Event(Position),
}

/// The text is no such moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a moment: expected 2026-11-26T09:30:00Z, ms since 1970, or a log position such as 17-4211"
)]
pub struct InvalidAsOf;

impl FromStr for AsOf {
    type Err = InvalidAsOf;

    fn from_str(text: &str) -> Result<Self, InvalidAsOf> {
        if let Some(moment) = Timestamp::parse(text) {
            return Ok(Self::Moment(moment));
        }
        text.parse().map(Self::Event).map_err(|_| InvalidAsOf)
    }
}

/// Ms, or the position: the same whatever way it was asked.
impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moment(moment) => write!(f, "{}", moment.0),
            Self::Event(position) => write!(f, "{position}"),
        }
    }
}

impl TryFrom<String> for AsOf {
    type Error = InvalidAsOf;

    fn try_from(text: String) -> Result<Self, InvalidAsOf> {
        text.parse()
    }
}

impl From<AsOf> for String {
    fn from(as_of: AsOf) -> Self {
        as_of.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_three_spellings_and_a_position_one() {
        let moment = AsOf::Moment(Timestamp(1_703_499_267_298));
        for text in [
            "1703499267298",
            "2023-12-25T10:14:27.298Z",
            "2023-12-25T13:14:27.298+03:00",
            "2023-12-25T05:44:27.298-04:30",
            "2023-12-25t10:14:27.2983z",
        ] {
            assert_eq!(text.parse(), Ok(moment), "{text}");
        }
        assert_eq!(moment.to_string().parse(), Ok(moment));
        let event: AsOf = "17-4211".parse().unwrap();
        assert_eq!(
            (event.to_string().as_str(), matches!(event, AsOf::Event(_))),
            ("17-4211", true)
        );
        for wrong in [
            "",
            "yesterday",
            "-1",
            "64-1",
            "2023-12-25T10:14:27",
            "2023-12-25T10:14:27+3",
            "2023-12-25T10:14:27.Z",
            "2023-12-25T24:00:00Z",
            "2023-12-25T10:14:27+24:00",
        ] {
            assert_eq!(wrong.parse::<AsOf>(), Err(InvalidAsOf), "{wrong}");
        }
    }
}
