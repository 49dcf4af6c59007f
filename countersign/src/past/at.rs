//! Places in the log as people give them on the command line, and what of every lane lies before them.

use std::path::Path;

use event_log::EventLog;
use notary::{Order, Place};
use projections::cut;
use schemas::{Position, Timestamp};

use crate::{AnyError, moment};

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// After everything that was recorded at this moment or before.
    Moment(Timestamp),
    /// After this event, in the order of the journal.
    Event(Position),
    /// After so many records of the journal.
    Records(u64),
}

/// What of every lane lies before a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Number of the last event of every lane, by lane number.
    pub counts: Vec<u64>,
    /// How many records of the journal that is; `None` when it is not a place of the journal.
    pub records: Option<u64>,
}

impl Cut {
    /// How many events lie before it.
    pub fn events(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// `record:4096`, `17-4211`, or a moment.
pub fn parse(text: &str) -> Result<At, String> {
    if let Some(records) = text.strip_prefix("record:") {
        let records = records.parse();
        return records
            .map(At::Records)
            .map_err(|_| format!("{text:?} is no number of records"));
    }
    if let Ok(position) = text.parse() {
        return Ok(At::Event(position));
    }
    moment::parse(text)
        .map(At::Moment)
        .map_err(|error| format!("{error}; or a place: 17-4211, record:4096"))
}

/// Finds the place; without one it is the end of the log. The journal's order lies in the folder of the data.
pub async fn find(at: Option<At>, log: &dyn EventLog, data: &Path) -> Result<Cut, AnyError> {
    let counts = match at {
        None => log.heads().await?,
        Some(At::Moment(moment)) => cut::at_time(log, moment).await?,
        Some(At::Records(records)) => return in_journal(data, records),
        Some(At::Event(position)) => {
            let record = order(data)?.record_of(position)?;
            let record = record.ok_or_else(|| {
                format!(
                    "{position} has no place in the journal of {}: it is not signed yet, or the journal is elsewhere",
                    data.display()
                )
            })?;
            return in_journal(data, record + 1);
        }
    };
    Ok(Cut {
        counts,
        records: None,
    })
}

fn in_journal(data: &Path, records: u64) -> Result<Cut, AnyError> {
    let order = order(data)?;
    let counts = order.counts_after(records)?.ok_or_else(|| {
        let known = order.length();
        format!(
            "the journal of {} has {known} records, not {records}",
            data.display()
        )
    })?;
    Ok(Cut {
        counts,
        records: Some(records),
    })
}

fn order(data: &Path) -> Result<Order, AnyError> {
    let mut order = Order::at(&Place::within(data).folder.join("order"));
    order.read_until(u64::MAX)?;
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_event_a_record_or_a_moment() {
        assert_eq!(parse("record:12"), Ok(At::Records(12)));
        assert_eq!(
            parse("17-4211").map(|at| matches!(at, At::Event(_))),
            Ok(true)
        );
        assert_eq!(parse("1970-01-02"), Ok(At::Moment(Timestamp(86_400_000))));
        assert_eq!(parse("86400000"), Ok(At::Moment(Timestamp(86_400_000))));
        for wrong in ["", "record:", "record:-1", "64-1", "17-", "then"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
