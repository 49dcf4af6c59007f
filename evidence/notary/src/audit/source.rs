//! What is compared: the records as the journal has them, and their events as the log has them.

use std::collections::HashMap;
use std::sync::Arc;

use event_log::{EventLog, LogEvent, Piece};
use evidence::tile::{self, Kind};
use evidence::{Checkpoint, Note, Tile, TileNodes, leaf_hash, nodes, verify_inclusion};
use schemas::{Digest, Lane, Position};

use super::{Difference, Last, Stop};
use crate::archive::ArchiveError;
use crate::files::Files;
use crate::leaves::leaf_and_filing;
use crate::ledger::{CHECKPOINT, ORDER, VERIFIER_KEY, read_tile};
use crate::order::Order;

/// What is compared.
#[derive(Debug)]
pub(super) struct Source {
    pub log: Arc<dyn EventLog>,
    pub files: Files,
    pub order: Order,
}

/// Records as the journal has them, and their events as the log has them.
pub(super) struct Fetched {
    from: u64,
    positions: Vec<Position>,
    entries: Vec<Digest>,
    events: HashMap<Position, LogEvent>,
}

/// A record with everything that it is made anew from.
pub(super) struct Pair {
    record: u64,
    event: LogEvent,
    prev: Option<Digest>,
    expected: Digest,
}

/// Makes the records anew.
pub(super) fn check(pairs: &[Pair]) -> Result<(), Difference> {
    for Pair {
        record,
        event,
        prev,
        expected,
    } in pairs
    {
        let position = event.position;
        let (leaf, is_filed_rightly) = leaf_and_filing(event, *prev);
        let found = leaf.entry();
        if found != *expected {
            return Err(Difference::Altered {
                record: *record,
                position,
                expected: *expected,
                found,
            });
        }
        if !is_filed_rightly {
            return Err(Difference::Misfiled {
                record: *record,
                position,
            });
        }
    }
    Ok(())
}

impl Source {
    /// The signed checkpoint, when its signature is right.
    pub(super) fn signed(&self) -> Result<Option<Checkpoint>, ArchiveError> {
        let Some(signed) = self.files.text(CHECKPOINT)? else {
            return Ok(None);
        };
        let note: Note = signed.parse()?;
        let key = self.files.text(VERIFIER_KEY)?.unwrap_or_default();
        note.verify(&key.trim_end().parse()?)?;
        Ok(Some(note.text.parse()?))
    }

    pub(super) async fn lengths(&mut self, size: u64) -> Result<(), Stop> {
        self.order.read_until(size)?;
        if self.order.length() < size {
            return Err(Stop::Differs(Difference::Journal {
                file: ORDER,
                record: self.order.length(),
            }));
        }
        let heads = self.log.heads().await?;
        for (lane, (log, recorded)) in Lane::all().zip(heads.iter().zip(self.order.counts())) {
            let (log, recorded) = (*log, *recorded);
            if log < recorded {
                return Err(Stop::Differs(Difference::Shorter {
                    lane,
                    log,
                    recorded,
                }));
            }
        }
        Ok(())
    }

    /// Records from a stretch's first on, and their events.
    pub(super) async fn fetch(
        &self,
        checkpoint: &Checkpoint,
        from: u64,
        to: u64,
    ) -> Result<Fetched, Stop> {
        let to = to.min(checkpoint.size());
        let mut entries = Vec::with_capacity((to - from) as usize);
        while from + (entries.len() as u64) < to {
            entries.extend(self.entries(checkpoint, from + entries.len() as u64)?);
        }
        let positions = self.order.positions(from, to)?;
        let events = self.events(&positions).await?;
        Ok(Fetched {
            from,
            positions,
            entries,
            events,
        })
    }

    /// Each record with its event and the entry before it in the same history; and why they end early.
    pub(super) async fn pairs(
        &self,
        fetched: Fetched,
        last: &mut Last,
        size: u64,
    ) -> (Vec<Pair>, Option<Stop>) {
        let Fetched {
            from,
            positions,
            entries,
            mut events,
        } = fetched;
        let mut pairs = Vec::with_capacity(positions.len());
        for ((record, position), expected) in (from..).zip(positions).zip(entries) {
            let Some(event) = events.remove(&position) else {
                let missing = Difference::Missing { record, position };
                return (pairs, Some(Stop::Differs(missing)));
            };
            let prev = match self.prev(&event, last, size).await {
                Ok(prev) => prev,
                Err(error) => return (pairs, Some(Stop::Failed(error))),
            };
            // What is expected is what is found, or the comparison ends here.
            last.put(event.owner.clone(), (event.version, expected));
            pairs.push(Pair {
                record,
                event,
                prev,
                expected,
            });
        }
        (pairs, None)
    }

    /// The entries from record `from` to the end of their bundle, once they are known to be under the signed root.
    pub(super) fn entries(&self, checkpoint: &Checkpoint, from: u64) -> Result<Vec<Digest>, Stop> {
        let size = checkpoint.size();
        let unlike = |file| Stop::Differs(Difference::Journal { file, record: from });
        let bundle = Tile::holding(Kind::Entries, from, size).expect("the record is one of them");
        let entries = read_tile(&self.files, bundle).map_err(|_| unlike("bundle of entries"))?;
        let leaves: Vec<Digest> = entries
            .iter()
            .map(|entry| leaf_hash(entry.as_bytes()))
            .collect();
        let kind = Kind::Hashes(0);
        let hashes = read_tile(&self.files, Tile { kind, ..bundle });
        if hashes.map_err(|_| unlike("tile"))? != leaves {
            return Err(unlike("bundle of entries"));
        }
        // The path of one record leads over all its neighbors in the tile.
        let tiles = TileNodes::new(size, |tile| read_tile(&self.files, tile));
        let path = nodes::inclusion(&tiles, from, size).map_err(|_| unlike("tile"))?;
        let root = checkpoint.root();
        verify_inclusion(&leaves[0], from, size, &path, root).map_err(|_| unlike("tile"))?;
        Ok(entries)
    }

    async fn events(
        &self,
        positions: &[Position],
    ) -> Result<HashMap<Position, LogEvent>, ArchiveError> {
        let mut pieces: HashMap<Lane, Piece> = HashMap::new();
        for Position { lane, number } in positions {
            let piece = Piece {
                lane: *lane,
                first: *number,
                last: *number,
            };
            pieces.entry(*lane).or_insert(piece).last = *number;
        }
        let pieces: Vec<Piece> = pieces.into_values().collect();
        let found = self.log.read_pieces(&pieces).await?;
        let found = found.into_iter().map(|event| (event.position, event));
        Ok(found.collect())
    }

    /// The entry that the journal has of the event before this one in the same history.
    pub(super) async fn prev(
        &self,
        event: &LogEvent,
        last: &mut Last,
        size: u64,
    ) -> Result<Option<Digest>, ArchiveError> {
        if event.version <= 1 {
            return Ok(None);
        }
        if let Some((version, entry)) = last.get(&event.owner)
            && *version + 1 == event.version
        {
            return Ok(Some(*entry));
        }
        let history = self.log.load(&event.owner, event.version - 2).await?;
        let before = history
            .first()
            .filter(|before| before.version + 1 == event.version);
        let record = match before {
            Some(before) => self.order.record_of(before.position)?,
            None => None,
        };
        // Without the event before it this record cannot be the one that was signed.
        match record.filter(|record| *record < size) {
            Some(record) => Ok(Some(self.entry(record, size)?)),
            None => Ok(None),
        }
    }

    fn entry(&self, record: u64, size: u64) -> Result<Digest, ArchiveError> {
        let bundle = Tile::holding(Kind::Entries, record, size).expect("the record is one of them");
        let entries = read_tile(&self.files, bundle)?;
        Ok(entries[(record % tile::TILE_WIDTH) as usize])
    }
}
