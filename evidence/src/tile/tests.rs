use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::tree::Tree;

fn entry(number: u64) -> Digest {
    Digest::sha256(&number.to_be_bytes())
}

/// A tree grown in steps, with every file it ever wrote.
fn grown(sizes: &[u64]) -> (Edge, BTreeMap<String, Vec<u8>>, Tree) {
    let (mut edge, mut files, mut tree) = (Edge::default(), BTreeMap::new(), Tree::default());
    for size in sizes {
        while edge.size() < *size {
            let entry = entry(edge.size());
            tree.push(entry.as_bytes());
            edge.push(entry, |tile, bytes| {
                files.insert(tile.to_string(), bytes);
            });
        }
        for (tile, bytes) in edge.partial() {
            files.insert(tile.to_string(), bytes);
        }
    }
    (edge, files, tree)
}

/// The layout that the specification gives for a tree of 70,000 records.
#[test]
fn the_published_layout_holds() {
    let paths: Vec<String> = Tile::partial_of(70_000)
        .map(|tile| tile.to_string())
        .collect();
    assert_eq!(
        paths,
        [
            "tile/0/273.p/112",
            "tile/1/001.p/17",
            "tile/2/000.p/1",
            "tile/entries/273.p/112"
        ]
    );
    let full = |level| {
        Tile::all_of(70_000)
            .filter(|tile| tile.is_full() && tile.kind == Kind::Hashes(level))
            .count()
    };
    assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
    let deep = Tile {
        kind: Kind::Hashes(0),
        index: 1_234_067,
        width: 256,
    };
    assert_eq!(deep.to_string(), "tile/0/x001/x234/067");
    assert_eq!(Tile::partial_of(0).count(), 0);
}

#[test]
fn a_path_reads_back_and_has_no_twin() {
    for path in [
        "tile/0/000",
        "tile/1/x001/x234/067.p/3",
        "tile/entries/273.p/112",
    ] {
        assert_eq!(Tile::of_path(path).unwrap().to_string(), path);
    }
    for path in [
        "tile/0/0",
        "tile/0/x000/001",
        "tile/8/000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/../secret",
        "tile/0/000/",
        "checkpoint",
        "tile/0/xx01/002",
        "tile/0/000.p/+1",
    ] {
        assert_eq!(Tile::of_path(path), None, "{path}");
    }
}

#[test]
fn a_bundle_reads_back() {
    let entries = [entry(1), entry(2)];
    assert_eq!(unbundle(&bundle(&entries)), Some(entries.to_vec()));
    assert_eq!(unbundle(&bundle(&entries)[1..]), None);
    let mut wrong = bundle(&entries);
    wrong[1] = 33;
    assert_eq!(unbundle(&wrong), None);
    assert_eq!(hashes(&[0; 33]), None);
}

#[test]
fn the_edge_is_restored_from_the_partial_tiles_alone() {
    for size in [0, 1, 255, 256, 257, 600, 65_536, 65_793] {
        let (edge, files, tree) = grown(&[size]);
        let restored = Edge::restore(size, |tile| {
            let bytes = files.get(&tile.to_string()).ok_or("no such file")?;
            match tile.kind {
                Kind::Entries => unbundle(bytes).ok_or("no bundle"),
                Kind::Hashes(_) => hashes(bytes).ok_or("no hashes"),
            }
        });
        let restored = restored.unwrap();
        assert_eq!(restored.root(), tree.root(), "{size}");
        assert_eq!(restored.partial(), edge.partial(), "{size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn proofs_from_tiles_are_those_of_the_tree(step in 1_u64..900, more in 0_u64..900, index in 0_u64..1800) {
        let size = step + more;
        let index = index % size;
        let (edge, files, tree) = grown(&[step, size]);
        let nodes = TileNodes::new(size, |tile: Tile| {
            let full = files.get(&tile.full().to_string());
            let found = files.get(&tile.to_string()).or(full).ok_or("no such file")?;
            let mut found = hashes(found).ok_or("no hashes")?;
            found.truncate(tile.width as usize);
            Ok::<_, &str>(found)
        });
        prop_assert_eq!(edge.root(), tree.root());
        prop_assert_eq!(nodes::root(&nodes, size), Ok(tree.root()));
        prop_assert_eq!(nodes::inclusion(&nodes, index, size).ok(), tree.inclusion(index, size));
        prop_assert_eq!(nodes::consistency(&nodes, step, size).ok(), tree.consistency(step, size));
    }
}
