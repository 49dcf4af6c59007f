//! Lanes: the log is 64 independent, densely numbered histories; an owner always lives in the same one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Owner;

/// One of the log's histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(u8);

impl Lane {
    /// How many lanes there are. Fixed for the life of a log.
    pub const COUNT: u8 = 64;

    /// The lane with that number; `None` from [`Self::COUNT`] on.
    pub fn new(number: u8) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// The lane of an owner: FNV-1a (32 bit) over the system and then the user, modulo 64. `partition()` of NATS gives
    /// the same for the same tokens.
    pub fn of(owner: &Owner) -> Self {
        let user = owner.user_id().map_or("", |user_id| user_id.as_str());
        let hash = owner
            .system_id()
            .as_str()
            .bytes()
            .chain(user.bytes())
            .fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
        Self((hash % u32::from(Self::COUNT)) as u8)
    }

    /// All lanes, in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        (0..Self::COUNT).map(Self)
    }

    /// The number, 0 to 63.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an event: its lane, and its dense number there (the first event of a lane is 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Which history.
    pub lane: Lane,
    /// 1, 2, 3 … without a gap.
    pub number: u64,
}

impl Position {
    /// The journal's number of this event: unique, the same after every rebuild, growing within a lane.
    pub fn event_id(self) -> i64 {
        (self.number * u64::from(Lane::COUNT) + u64::from(self.lane.number())) as i64
    }

    /// The position whose journal number this is.
    pub fn from_event_id(event_id: i64) -> Option<Self> {
        let event_id = u64::try_from(event_id).ok()?;
        let lane = Lane::new((event_id % u64::from(Lane::COUNT)) as u8)?;
        Some(Self {
            lane,
            number: event_id / u64::from(Lane::COUNT),
        })
    }

    /// A place as people hold it: what `X-Log-Position` said, or the `event_id` of a record of the journal or of a letter.
    /// There is no event 0.
    pub fn of_an_event(text: &str) -> Result<Self, InvalidPosition> {
        let position = match text.parse() {
            Ok(event_id) => Self::from_event_id(event_id).ok_or(InvalidPosition)?,
            Err(_) => text.parse::<Self>()?,
        };
        let numbers = 1..=(i64::MAX as u64 / u64::from(Lane::COUNT) - 1);
        let is_one = numbers.contains(&position.number);
        is_one.then_some(position).ok_or(InvalidPosition)
    }
}

/// `<lane>-<number>`: the value of the header `X-Log-Position` and of `Nats-Msg-Id`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.lane, self.number)
    }
}

/// The text is not `<lane>-<number>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a log position: expected <lane>-<number>, for example 17-4211")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (lane, number) = text.split_once('-').ok_or(InvalidPosition)?;
        let lane = lane
            .parse()
            .ok()
            .and_then(Lane::new)
            .ok_or(InvalidPosition)?;
        let number = number.parse().map_err(|_| InvalidPosition)?;
        Ok(Self { lane, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_follows_fnv1a() -> Result<(), crate::ids::InvalidId> {
        // FNV-1a 32 of "foobar" is 0xbf9cf968.
        let owner = Owner::User("foo".parse()?, "bar".parse()?);
        assert_eq!(Lane::of(&owner).number(), (0xbf9c_f968_u32 % 64) as u8);
        Ok(())
    }

    #[test]
    fn a_position_reads_back_from_its_text_and_its_event_id() {
        let position = Position {
            lane: Lane(63),
            number: 4211,
        };
        assert_eq!("63-4211".parse(), Ok(position));
        assert_eq!(Position::from_event_id(position.event_id()), Some(position));
        assert_eq!("64-1".parse::<Position>(), Err(InvalidPosition));
    }

    #[test]
    fn people_hold_a_position_or_an_event_id() {
        let position = "17-4211".parse::<Position>().unwrap();
        let event_id = position.event_id().to_string();
        for text in ["17-4211", &*event_id] {
            assert_eq!(Position::of_an_event(text), Ok(position), "{text}");
        }
        for wrong in [
            "",
            "17-0",
            "17",
            "0",
            "-81",
            "64-1",
            "1-1-1",
            "17-x",
            "0-18446744073709551615",
        ] {
            assert!(Position::of_an_event(wrong).is_err(), "{wrong}");
        }
    }
}
