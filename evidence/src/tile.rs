//! The tree as files of 256 hashes (C2SP `tlog-tiles` v0.1): which hash lies in which file, and how the files grow.
//!
//! A tile of level `L` holds the roots of subtrees of `256^L` records; a full one is never written again. Clients fetch
//! the few tiles a proof needs and compute it themselves.

use std::fmt;

use schemas::Digest;

use crate::hash::{leaf_hash, node_hash};
use crate::nodes::{self, Nodes};

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// A tile spans so many levels of the tree.
const HEIGHT: u32 = 8;
/// Level that no tree of 2^64 records reaches.
const LEVELS: u32 = 64 / HEIGHT;

/// A tile, or a bundle of the entries under a tile of level 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Of hashes of this level, or of entries.
    pub kind: Kind,
    /// Which tile of its level, 0 for the first.
    pub index: u64,
    /// How many hashes or entries are in it, 1 to 256.
    pub width: u64,
}

/// What is in a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes of this level.
    Hashes(u32),
    /// Entries, each preceded by its length in two bytes.
    Entries,
}

impl Tile {
    /// The tile that holds hash number `index` of a level, as it is in a tree of `size` records.
    ///
    /// `None` when that tree has no such hash.
    pub fn holding(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let hashes = count_at(kind, size);
        let tile = index / TILE_WIDTH;
        (index < hashes).then(|| Self {
            kind,
            index: tile,
            width: (hashes - tile * TILE_WIDTH).min(TILE_WIDTH),
        })
    }

    /// The partial tiles, at most one for each level and one of entries, of a tree of `size` records.
    pub fn partial_of(size: u64) -> impl Iterator<Item = Self> {
        let kinds = (0..LEVELS).map(Kind::Hashes).chain([Kind::Entries]);
        kinds.filter_map(move |kind| {
            let hashes = count_at(kind, size);
            let width = hashes % TILE_WIDTH;
            let index = hashes / TILE_WIDTH;
            (width > 0).then_some(Self { kind, index, width })
        })
    }

    /// Every tile of a tree of `size` records, full ones first.
    pub fn all_of(size: u64) -> impl Iterator<Item = Self> {
        let kinds = (0..LEVELS).map(Kind::Hashes).chain([Kind::Entries]);
        let full = kinds.flat_map(move |kind| {
            (0..count_at(kind, size) / TILE_WIDTH).map(move |index| Self {
                kind,
                index,
                width: TILE_WIDTH,
            })
        });
        full.chain(Self::partial_of(size))
    }

    /// Is nothing ever added to it?
    pub fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile once it is full.
    #[must_use]
    pub fn full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// The tile that a path names, as [`Display`](fmt::Display) writes it.
    pub fn of_path(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let kind = match level {
            "entries" => Kind::Entries,
            level => Kind::Hashes(level.parse().ok().filter(|level| *level < LEVELS)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let digits: String = number
            .split('/')
            .map(|part| part.trim_start_matches('x'))
            .collect();
        let index = digits.parse().ok()?;
        let tile = Self { kind, index, width };
        ((1..=TILE_WIDTH).contains(&width) && tile.to_string() == path).then_some(tile)
    }
}

/// The path of its file: `tile/<level>/x001/x234/067`, with `.p/<width>` for a partial one.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            if groups.is_empty() {
                write!(f, "{group:03}")?;
            } else {
                write!(f, "x{group:03}/")?;
            }
        }
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

/// How many hashes a level has in a tree of `size` records.
fn count_at(kind: Kind, size: u64) -> u64 {
    match kind {
        Kind::Hashes(level) => size.checked_shr(HEIGHT * level).unwrap_or(0),
        Kind::Entries => size,
    }
}

/// The bytes of a bundle: every entry preceded by its length, two bytes, big endian.
pub fn bundle(entries: &[Digest]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * 34);
    for entry in entries {
        bytes.extend(32_u16.to_be_bytes());
        bytes.extend(entry.as_bytes());
    }
    bytes
}

/// The entries of a bundle of ours; `None` when the bytes are none.
pub fn unbundle(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (pairs, rest) = bytes.as_chunks::<34>();
    let entry = |pair: &[u8; 34]| {
        let entry = pair.strip_prefix(&32_u16.to_be_bytes())?;
        Some(Digest(entry.try_into().ok()?))
    };
    rest.is_empty().then(|| pairs.iter().map(entry).collect())?
}

/// The bytes of a tile of hashes.
pub fn tile_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile; `None` when the bytes are none.
pub fn hashes(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty()
        .then(|| hashes.iter().map(|hash| Digest(*hash)).collect())
}

/// Root over the hashes of a full tile, or of 2^k neighbors in one.
fn fold(hashes: &[Digest]) -> Digest {
    if let [one] = hashes {
        return *one;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    node_hash(&fold(left), &fold(right))
}

/// A tree of `size` records that lies in tiles; `load` reads the hashes of one.
pub struct TileNodes<F> {
    size: u64,
    load: F,
}

impl<F, E> TileNodes<F>
where
    F: Fn(Tile) -> Result<Vec<Digest>, E>,
{
    /// The tree of that size. What `load` gives must have the tile's width.
    pub fn new(size: u64, load: F) -> Self {
        Self { size, load }
    }
}

impl<F, E> Nodes for TileNodes<F>
where
    F: Fn(Tile) -> Result<Vec<Digest>, E>,
{
    type Error = E;

    fn node(&self, level: u32, index: u64) -> Result<Digest, E> {
        let kind = Kind::Hashes(level / HEIGHT);
        let span = 1 << (level % HEIGHT);
        let first = index * span;
        let tile = Tile::holding(kind, first, self.size).expect("the tree has that subtree");
        let hashes = (self.load)(tile)?;
        let offset = (first % TILE_WIDTH) as usize;
        Ok(fold(&hashes[offset..offset + span as usize]))
    }
}

/// The right edge of a growing tree: what is needed to go on, and no more. A few hundred hashes for any size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// The hashes of the partial tile of each level.
    rows: Vec<Vec<Digest>>,
    /// The entries of the partial bundle.
    entries: Vec<Digest>,
}

impl Edge {
    /// The edge of a tree of `size` records, from its partial tiles.
    pub fn restore<E>(
        size: u64,
        mut load: impl FnMut(Tile) -> Result<Vec<Digest>, E>,
    ) -> Result<Self, E> {
        let mut edge = Self {
            size,
            ..Self::default()
        };
        for tile in Tile::partial_of(size) {
            let hashes = load(tile)?;
            match tile.kind {
                Kind::Hashes(level) => *edge.row(level) = hashes,
                Kind::Entries => edge.entries = hashes,
            }
        }
        Ok(edge)
    }

    /// How many records there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a record by its entry; what became full by it is handed to `full`, with its bytes.
    pub fn push(&mut self, entry: Digest, mut full: impl FnMut(Tile, Vec<u8>)) {
        let index = self.size / TILE_WIDTH;
        self.size += 1;
        self.entries.push(entry);
        if self.entries.len() as u64 == TILE_WIDTH {
            let tile = Tile {
                kind: Kind::Entries,
                index,
                width: TILE_WIDTH,
            };
            full(tile, bundle(&self.entries));
            self.entries.clear();
        }
        let mut hash = leaf_hash(entry.as_bytes());
        for level in 0.. {
            let row = self.row(level);
            row.push(hash);
            if (row.len() as u64) < TILE_WIDTH {
                return;
            }
            hash = fold(row);
            let bytes = tile_bytes(row);
            row.clear();
            let tile = Tile {
                kind: Kind::Hashes(level),
                index: (self.size >> (HEIGHT * level)) / TILE_WIDTH - 1,
                width: TILE_WIDTH,
            };
            full(tile, bytes);
        }
    }

    /// The partial tiles, with their bytes.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let bytes = |tile: Tile| match tile.kind {
            Kind::Hashes(level) => tile_bytes(&self.rows[level as usize]),
            Kind::Entries => bundle(&self.entries),
        };
        Tile::partial_of(self.size)
            .map(|tile| (tile, bytes(tile)))
            .collect()
    }

    /// Root over all records.
    pub fn root(&self) -> Digest {
        let rows = |tile: Tile| match tile.kind {
            Kind::Hashes(level) => {
                Ok::<_, std::convert::Infallible>(self.rows[level as usize].clone())
            }
            Kind::Entries => Ok(self.entries.clone()),
        };
        // Only partial tiles are asked for: the complete subtrees of the right edge lie in them.
        match nodes::root(&TileNodes::new(self.size, rows), self.size) {
            Ok(root) => root,
            Err(never) => match never {},
        }
    }

    fn row(&mut self, level: u32) -> &mut Vec<Digest> {
        let level = level as usize;
        if level >= self.rows.len() {
            self.rows.resize(level + 1, Vec::new());
        }
        &mut self.rows[level]
    }
}

#[cfg(test)]
mod tests;
