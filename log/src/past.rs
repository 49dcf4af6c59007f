//! A moment of the past, found in the log: what of a history had happened by then.

use schemas::{AsOf, Position, Timestamp};

use crate::port::{EventLog, Failure, LogEvent};

/// A moment that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Then {
    /// The clock at that moment.
    pub at: Timestamp,
    /// The event it was given by.
    position: Option<Position>,
}

/// Finds the moment; `None` when no event lies at the position it is given by.
pub async fn find(log: &dyn EventLog, as_of: AsOf) -> Result<Option<Then>, Failure> {
    let position = match as_of {
        AsOf::Moment(at) => return Ok(Some(Then { at, position: None })),
        AsOf::Event(Position { number: 0, .. }) => return Ok(None),
        AsOf::Event(position) => position,
    };
    let found = log.read(position.lane, position.number, 1).await?;
    Ok(found.first().map(|event| Then {
        at: event.at,
        position: Some(position),
    }))
}

impl Then {
    /// The part of an owner's history that had happened by then.
    pub fn happened<'a>(&self, history: &'a [LogEvent]) -> &'a [LogEvent] {
        let is_past = |event: &LogEvent| match self.position {
            Some(position) if position.lane == event.position.lane => {
                event.position.number <= position.number
            }
            Some(_) | None => event.at <= self.at,
        };
        let count = history.iter().take_while(|event| is_past(event)).count();
        &history[..count]
    }
}

#[cfg(test)]
mod tests {
    use schemas::{Lane, Owner};

    use super::*;
    use crate::{Commit, MemoryLog, NewEvent};

    #[tokio::test]
    async fn a_moment_or_an_event_cuts_a_history() -> Result<(), Box<dyn std::error::Error>> {
        let log = MemoryLog::new();
        let owner: Owner = "11111111-2222-4333-8444-555555555555/client-7".parse()?;
        let lane = Lane::of(&owner);
        let event = |at| NewEvent {
            word: "change_user".into(),
            aggregate: "users".into(),
            at: Timestamp(at),
            payload: Vec::new().into(),
        };
        let commit = Commit::of(
            owner.clone(),
            0,
            vec![event(10), event(20), event(20), event(30)],
        );
        let epoch = log.open_lane(lane).await?.epoch;
        log.append(lane, epoch, &[commit]).await?;
        let history = log.load(&owner, 0).await?;
        for (text, expected) in [("9", 0), ("10", 1), ("20", 3), ("29", 3), ("31", 4)] {
            let then = find(&log, text.parse()?).await?.ok_or("a moment")?;
            assert_eq!(then.happened(&history).len(), expected, "{text}");
        }
        let then = find(&log, AsOf::Event(Position { lane, number: 2 })).await?;
        let then = then.ok_or("an event")?;
        assert_eq!((then.at, then.happened(&history).len()), (Timestamp(20), 2));
        for number in [0, 5] {
            assert_eq!(
                find(&log, AsOf::Event(Position { lane, number })).await?,
                None
            );
        }
        Ok(())
    }
}
