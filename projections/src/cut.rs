//! A moment of the past as the log knows it: how many events of every lane had happened.

use event_log::{EventLog, Failure};
use schemas::{Lane, Timestamp};

/// The number of the last event of every lane that was recorded at this moment or before, by lane number.
///
/// Time grows within a lane, so the place is found by halving: a few reads, and the same place on every copy of a log. Where
/// a clock was set back it is one of the places at which the moment passed.
pub async fn at_time(log: &dyn EventLog, moment: Timestamp) -> Result<Vec<u64>, Failure> {
    let mut cut = Vec::new();
    for (lane, head) in Lane::all().zip(log.heads().await?) {
        cut.push(before(log, lane, head, moment).await?);
    }
    Ok(cut)
}

async fn before(
    log: &dyn EventLog,
    lane: Lane,
    head: u64,
    moment: Timestamp,
) -> Result<u64, Failure> {
    // Everything up to `past` is in the past, everything from `future` on is not.
    let (mut past, mut future) = (0, head + 1);
    while past + 1 < future {
        let middle = past.midpoint(future);
        let found = log.read(lane, middle, 1).await?;
        if found.first().is_some_and(|event| event.at <= moment) {
            past = middle;
        } else {
            future = middle;
        }
    }
    Ok(past)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{History, created_transaction};

    #[tokio::test]
    async fn a_moment_takes_in_what_was_recorded_at_it() -> Result<(), Failure> {
        let mut history = History::new();
        let owner = History::user("sample-1");
        for number in 0..9 {
            let event = created_transaction(&number.to_string());
            history.happen(&owner, vec![event]).await;
        }
        let lane = Lane::of(&owner);
        let index = usize::from(lane.number());
        for event in history.log.load(&owner, 0).await? {
            for (shift, expected) in [
                (-1, event.version - 1),
                (0, event.version),
                (999, event.version),
            ] {
                let cut = at_time(&*history.log, Timestamp(event.at.0 + shift)).await?;
                assert_eq!((cut.len(), cut[index]), (64, expected));
            }
        }
        assert_eq!(at_time(&*history.log, Timestamp(0)).await?, vec![0; 64]);
        assert_eq!(
            at_time(&*history.log, Timestamp(i64::MAX)).await?,
            history.log.heads().await?
        );
        Ok(())
    }
}
