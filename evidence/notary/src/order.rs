//! Which event is record n of the journal: eight bytes for each, the event's number in the journal, big endian.
//!
//! In memory is only a mark for every few thousand records. A lane's numbers are dense, so the marks say in which stretch
//! of the file an event is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use schemas::{Lane, Position};

use crate::files::FileError;

/// Bytes of a record.
pub(crate) const RECORD: u64 = 8;
/// Records between two marks.
const STRETCH: u64 = 4096;

/// Last number of every lane.
pub(crate) type Counts = [u64; Lane::COUNT as usize];

/// The order of the journal, as far as it was read.
#[derive(Debug)]
pub struct Order {
    path: PathBuf,
    length: u64,
    counts: Counts,
    /// The counts before record 0, 4096, 8192 …
    marks: Vec<Counts>,
}

impl Order {
    /// The order in that file, from which nothing was read yet.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            length: 0,
            counts: [0; Lane::COUNT as usize],
            marks: Vec::new(),
        }
    }

    /// How many records there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Number of the last event of every lane, by lane number.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Reads on, to record `until` at most, and stops at the first that cannot come next: a file that was cut, or one
    /// with bytes that nobody wrote.
    pub fn read_until(&mut self, until: u64) -> Result<(), FileError> {
        self.read_on(until)
            .map_err(|error| FileError::new("read", &self.path.clone(), error))
    }

    fn read_on(&mut self, until: u64) -> io::Result<()> {
        if until <= self.length {
            return Ok(());
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; (STRETCH * RECORD) as usize];
        while self.length < until {
            let wanted = STRETCH.min(until - self.length) * RECORD;
            let read = read_up_to(&file, &mut bytes[..wanted as usize], self.length * RECORD)?;
            let (records, _) = bytes[..read].as_chunks::<8>();
            for record in records {
                match position(*record) {
                    Some(position) if self.follows(position) => self.push(position),
                    _ => return Ok(()),
                }
            }
            if (read as u64) < wanted {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Can this event come next? A lane's events come in order and without a gap.
    pub fn follows(&self, position: Position) -> bool {
        self.counts[index(position.lane)] + 1 == position.number
    }

    /// Takes up the next record, which somebody else writes.
    pub(crate) fn push(&mut self, position: Position) {
        if self.length.is_multiple_of(STRETCH) {
            self.marks.push(self.counts);
        }
        self.length += 1;
        self.counts[index(position.lane)] = position.number;
    }

    /// Number of the last event of every lane among the first records; `None` when there are fewer.
    pub fn counts_after(&self, records: u64) -> Result<Option<Vec<u64>>, FileError> {
        if records > self.length {
            return Ok(None);
        }
        if records == self.length {
            return Ok(Some(self.counts.to_vec()));
        }
        let mark = records / STRETCH;
        let mut counts = self.marks[mark as usize];
        for position in self.positions(mark * STRETCH, records)? {
            counts[index(position.lane)] = position.number;
        }
        Ok(Some(counts.to_vec()))
    }

    /// The events of these records.
    pub fn positions(&self, from: u64, to: u64) -> Result<Vec<Position>, FileError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let read = || {
            let mut bytes = vec![0; ((to - from) * RECORD) as usize];
            File::open(&self.path)?.read_exact_at(&mut bytes, from * RECORD)?;
            let (records, _) = bytes.as_chunks::<8>();
            let positions = records
                .iter()
                .copied()
                .map(position)
                .collect::<Option<Vec<_>>>();
            positions.ok_or_else(|| io::Error::other("a record is not the number of an event"))
        };
        read().map_err(|error| FileError::new("read", &self.path, error))
    }

    /// Which record an event is; `None` when it is not in the journal yet.
    pub fn record_of(&self, wanted: Position) -> Result<Option<u64>, FileError> {
        let lane = index(wanted.lane);
        if wanted.number == 0 || wanted.number > self.counts[lane] {
            return Ok(None);
        }
        let after = self
            .marks
            .partition_point(|mark| mark[lane] < wanted.number);
        let from = (after as u64 - 1) * STRETCH;
        let to = (from + STRETCH).min(self.length);
        let stretch = self.positions(from, to)?;
        let offset = stretch.iter().position(|position| *position == wanted);
        Ok(offset.map(|offset| from + offset as u64))
    }
}

/// The bytes of a record.
pub(crate) fn record(position: Position) -> [u8; RECORD as usize] {
    position.event_id().to_be_bytes()
}

fn position(record: [u8; RECORD as usize]) -> Option<Position> {
    Position::from_event_id(i64::from_be_bytes(record))
}

fn index(lane: Lane) -> usize {
    usize::from(lane.number())
}

fn read_up_to(file: &File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], from + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// How many bytes the file has; 0 without one.
pub(crate) fn bytes_in(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An order in which the lanes take turns of different lengths.
    fn written(path: &Path, length: u64) -> Vec<Position> {
        let mut counts = [0_u64; 64];
        let positions: Vec<Position> = (0..length)
            .map(|leaf| {
                let lane = (leaf * leaf / 7 % 5) as u8;
                counts[usize::from(lane)] += 1;
                Position {
                    lane: Lane::new(lane).unwrap(),
                    number: counts[usize::from(lane)],
                }
            })
            .collect();
        let bytes: Vec<u8> = positions.iter().copied().flat_map(record).collect();
        std::fs::write(path, bytes).unwrap();
        positions
    }

    #[test]
    fn every_event_is_found_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order");
        let positions = written(&path, 2 * STRETCH + 17);
        let mut order = Order::at(&path);
        order.read_until(100).unwrap();
        assert_eq!(order.length(), 100);
        assert_eq!(order.record_of(positions[100]).unwrap(), None);
        order.read_until(u64::MAX).unwrap();
        assert_eq!(order.length(), positions.len() as u64);
        for leaf in [
            0,
            1,
            99,
            STRETCH - 1,
            STRETCH,
            2 * STRETCH,
            2 * STRETCH + 16,
        ] {
            let position = positions[leaf as usize];
            assert_eq!(order.record_of(position).unwrap(), Some(leaf));
            assert_eq!(order.positions(leaf, leaf + 1).unwrap(), [position]);
        }
        let nowhere = Position {
            number: 0,
            ..positions[0]
        };
        assert_eq!(order.record_of(nowhere).unwrap(), None);
    }

    #[test]
    fn the_first_records_count_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order");
        let positions = written(&path, 2 * STRETCH);
        let mut order = Order::at(&path);
        order.read_until(u64::MAX).unwrap();
        let mut counts = vec![0; 64];
        for records in 0..=2 * STRETCH {
            if records > 0 {
                let Position { lane, number } = positions[records as usize - 1];
                counts[index(lane)] = number;
            }
            if records % 1000 == 0 || records % STRETCH < 2 {
                let found = order.counts_after(records).unwrap();
                assert_eq!(found.as_ref(), Some(&counts), "{records}");
            }
        }
        assert_eq!(order.counts_after(2 * STRETCH + 1).unwrap(), None);
    }

    #[test]
    fn reading_stops_before_what_cannot_come_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order");
        written(&path, 50);
        let whole = std::fs::read(&path).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut order = Order::at(&path);
            order.read_until(u64::MAX).unwrap();
            order.length()
        };
        assert_eq!(read(&whole[..83]), 10);
        let mut zeros = whole[..80].to_vec();
        zeros.extend([0; 16]);
        assert_eq!(read(&zeros), 10);
        let mut twice = whole[..80].to_vec();
        twice.extend(&whole[72..80]);
        assert_eq!(read(&twice), 10);
        std::fs::remove_file(&path).unwrap();
        let mut none = Order::at(&path);
        none.read_until(u64::MAX).unwrap();
        assert_eq!(none.length(), 0);
    }
}
