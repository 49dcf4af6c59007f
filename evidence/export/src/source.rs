//! Records of the journal with their events, a few thousand at a time.

use std::collections::HashMap;
use std::sync::Arc;

use event_log::{EventLog, LogEvent, Piece};
use notary::Archive;
use schemas::{Lane, Position};

use crate::ExportError;

/// Records that are read at once.
const AT_ONCE: u64 = 2048;

/// Where rows come from.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    log: &'a Arc<dyn EventLog>,
    archive: &'a Archive,
}

impl<'a> Source<'a> {
    pub(crate) fn new(log: &'a Arc<dyn EventLog>, archive: &'a Archive) -> Self {
        Self { log, archive }
    }

    /// The next records from `from` on, each with its event; never empty below `end`.
    pub(crate) async fn read(
        &self,
        from: u64,
        end: u64,
    ) -> Result<Vec<(u64, LogEvent)>, ExportError> {
        let to = end.min(from + AT_ONCE);
        let positions = self.archive.positions(from, to)?;
        let events = self.log.read_pieces(&pieces(&positions)).await?;
        let mut events: HashMap<Position, LogEvent> = events
            .into_iter()
            .map(|event| (event.position, event))
            .collect();
        let records = (from..to).zip(positions);
        let mut found = Vec::with_capacity((to - from) as usize);
        for (record, position) in records {
            let event = events.remove(&position);
            found.push((record, event.ok_or(ExportError::Missing(record))?));
        }
        if (found.len() as u64) < to - from {
            return Err(ExportError::Missing(from + found.len() as u64));
        }
        Ok(found)
    }
}

/// A lane's numbers come in their order and without a gap, so what is wanted of a lane is one piece.
fn pieces(positions: &[Position]) -> Vec<Piece> {
    let mut pieces: HashMap<Lane, Piece> = HashMap::new();
    for Position { lane, number } in positions {
        let piece = pieces.entry(*lane).or_insert(Piece {
            lane: *lane,
            first: *number,
            last: *number,
        });
        piece.last = *number;
    }
    pieces.into_values().collect()
}
