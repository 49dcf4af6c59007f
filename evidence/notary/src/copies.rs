//! Copies of a journal: one as it was signed last, and the first record in which two differ.

use std::path::Path;

use evidence::tile::{self, Kind, TILE_WIDTH};
use evidence::{Checkpoint, Note, Tile};
use schemas::Position;

use crate::archive::ArchiveError;
use crate::files::Files;
use crate::ledger::{CHECKPOINT, ORDER, VERIFIER_KEY, read_tile};
use crate::order::{Order, RECORD};

/// How two copies compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// How many records each has signed.
    pub sizes: [u64; 2],
    /// The first record in which they differ, among those that both have.
    pub first: Option<Differing>,
    /// How many tiles were read of each: it grows with the logarithm of the records.
    pub tiles: u64,
}

/// A record that is not the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differing {
    /// Its number.
    pub record: u64,
    /// Which event it is, in each of them.
    pub positions: [Position; 2],
}

/// Copies the journal as its newest checkpoint has it, while the notary goes on; `None` when nothing was signed yet.
pub fn copy(from: &Path, to: &Path) -> Result<Option<Checkpoint>, ArchiveError> {
    let (from, to) = (Files::new(from), Files::new(to));
    let Some(signed) = from.text(CHECKPOINT)? else {
        return Ok(None);
    };
    let note: Note = signed.parse()?;
    let checkpoint: Checkpoint = note.text.parse()?;
    let size = checkpoint.size();
    let mut files = Vec::new();
    if size > 0 {
        let mut order = from.read(ORDER)?;
        order.truncate((size * RECORD) as usize);
        files.push((ORDER.to_owned(), order));
    }
    for tile in Tile::all_of(size) {
        let hashes = read_tile(&from, tile)?;
        let bytes = match tile.kind {
            Kind::Entries => tile::bundle(&hashes),
            Kind::Hashes(_) => tile::tile_bytes(&hashes),
        };
        files.push((tile.to_string(), bytes));
    }
    if let Some(key) = from.text(VERIFIER_KEY)? {
        files.push((VERIFIER_KEY.to_owned(), key.into_bytes()));
    }
    // Whoever finds the checkpoint finds all that it is about.
    files.push((CHECKPOINT.to_owned(), signed.into_bytes()));
    to.write(&files)?;
    Ok(Some(checkpoint))
}

/// Finds the first record in which two journals differ. It goes down the tree from the root, one tile of each at every
/// level: three for a million records, where the tiles say what was signed.
pub fn compare(left: &Path, right: &Path) -> Result<Compared, ArchiveError> {
    let sides = [Files::new(left), Files::new(right)];
    let mut sizes = [0; 2];
    for (size, files) in sizes.iter_mut().zip(&sides) {
        if let Some(signed) = files.text(CHECKPOINT)? {
            let note: Note = signed.parse()?;
            *size = note.text.parse::<Checkpoint>()?.size();
        }
    }
    let both = sizes[0].min(sizes[1]);
    let mut tiles = 0;
    // The first hash of the level that may differ; `found` is whether it is known to.
    let (mut from, mut found) = (0, false);
    for level in (0..=both.checked_ilog(TILE_WIDTH).unwrap_or(0)).rev() {
        from *= TILE_WIDTH;
        found = false;
        let Some(tile) = Tile::holding(Kind::Hashes(level), from, both) else {
            continue;
        };
        tiles += 1;
        let mut hashes = Vec::new();
        for (files, size) in sides.iter().zip(sizes) {
            // In the longer journal the same tile may be fuller.
            let own = Tile::holding(tile.kind, from, size).unwrap_or(tile);
            let mut own = read_tile(files, own)?;
            own.truncate(tile.width as usize);
            hashes.push(own);
        }
        let start = tile.index * TILE_WIDTH;
        let differs = (start..)
            .zip(hashes[0].iter().zip(&hashes[1]))
            .find(|(index, (one, other))| *index >= from && one != other);
        found = differs.is_some();
        // Without a difference all that this tile covers is equal.
        from = differs.map_or(start + tile.width, |(index, _)| index);
    }
    let first = found.then_some(from);
    let first = match first {
        Some(record) => {
            let mut positions = Vec::new();
            for files in &sides {
                let order = Order::at(&files.path(ORDER));
                positions.extend(order.positions(record, record + 1)?);
            }
            let positions = [positions[0], positions[1]];
            Some(Differing { record, positions })
        }
        None => None,
    };
    Ok(Compared {
        sizes,
        first,
        tiles,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event_log::{Commit, EventLog as _, MemoryLog, NewEvent};
    use schemas::context::RequestContext;
    use schemas::{Lane, Timestamp};

    use super::*;
    use crate::leaves::tests::payload;
    use crate::notary::tests::{open, owner};
    use crate::{Place, gate};

    /// A journal of so many events of one history, one of which came through another instance.
    async fn journal(events: u64, other: Option<u64>) -> (tempfile::TempDir, Arc<MemoryLog>) {
        let (folder, log) = (tempfile::tempdir().unwrap(), Arc::new(MemoryLog::new()));
        let owner = owner(1);
        let event = |record| NewEvent {
            word: "change_user".into(),
            aggregate: "users".into(),
            at: Timestamp(5),
            payload: payload(
                &owner,
                record + 1,
                RequestContext {
                    instance: (other == Some(record)).then(|| "another".to_owned()),
                    ..RequestContext::default()
                },
            )
            .into(),
        };
        let commit = Commit::of(owner.clone(), 0, (0..events).map(event).collect());
        let lane = Lane::of(&owner);
        let epoch = log.open_lane(lane).await.unwrap().epoch;
        log.append(lane, epoch, &[commit]).await.unwrap();
        let mut notary = open(&log, &folder).unwrap();
        notary.catch_up().await.unwrap();
        (folder, log)
    }

    fn evidence(folder: &tempfile::TempDir) -> std::path::PathBuf {
        Place::within(folder.path()).folder
    }

    #[tokio::test]
    async fn the_first_difference_is_found_in_a_few_tiles() {
        let (whole, _) = journal(600, None).await;
        for record in [0, 1, 255, 256, 511, 512, 599] {
            let (other, _) = journal(600, Some(record)).await;
            let compared = compare(&evidence(&whole), &evidence(&other)).unwrap();
            let first = compared.first.unwrap();
            assert_eq!(first.record, record);
            assert_eq!(first.positions[0], first.positions[1]);
            assert!(compared.tiles <= 2, "{compared:?}");
        }
        let (shorter, _) = journal(300, None).await;
        let compared = compare(&evidence(&shorter), &evidence(&whole)).unwrap();
        assert_eq!((compared.sizes, compared.first), ([300, 600], None));
        let nothing = tempfile::tempdir().unwrap();
        let compared = compare(&evidence(&nothing), &evidence(&whole)).unwrap();
        assert_eq!((compared.sizes, compared.first), ([0, 600], None));
    }

    #[tokio::test]
    async fn a_copy_is_the_journal_as_it_was_signed() {
        let (folder, log) = journal(300, None).await;
        let copied = tempfile::tempdir().unwrap();
        let signed = copy(&evidence(&folder), copied.path()).unwrap();
        assert_eq!(signed.map(|signed| signed.size()), Some(300));
        let compared = compare(&evidence(&folder), copied.path()).unwrap();
        assert_eq!((compared.sizes, compared.first), ([300, 300], None));
        let checked = gate(log, copied.path()).await.unwrap();
        assert_eq!(checked.map(|checkpoint| checkpoint.size()), Some(300));
        let empty = tempfile::tempdir().unwrap();
        assert!(copy(&evidence(&empty), copied.path()).unwrap().is_none());
    }
}
