//! The tree as it grows: one record after the other, never changed, with the root and the proofs of every size it ever
//! had.

use std::convert::Infallible;

use schemas::Digest;

use crate::hash::{leaf_hash, node_hash};
use crate::nodes::{self, Nodes};

/// A Merkle tree that remembers the root of every complete subtree: 32 bytes for each record, and as much again for all
/// levels above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// `levels[k][i]` is the root over the records `i * 2^k` up to, without it, `(i + 1) * 2^k`.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// Adds a record by its bytes.
    pub fn push(&mut self, record: &[u8]) {
        self.push_hash(leaf_hash(record));
    }

    /// Adds a record by its [`leaf_hash`].
    pub fn push_hash(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            if nodes.len() % 2 == 1 {
                return;
            }
            hash = node_hash(&nodes[nodes.len() - 2], &nodes[nodes.len() - 1]);
        }
    }

    /// How many records there are.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Root over all records.
    pub fn root(&self) -> Digest {
        certain(nodes::root(self, self.size()))
    }

    /// Root as it was when there were `size` records; `None` when there never were so many.
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        (size <= self.size()).then(|| certain(nodes::root(self, size)))
    }

    /// Proof that record `index` (0 is the first) is under the root of `size` records: the neighbors on the way up, the
    /// nearest first. `None` when the index is not below the size, or there never were so many records.
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        (index < size && size <= self.size()).then(|| certain(nodes::inclusion(self, index, size)))
    }

    /// Proof that the first `old` of `size` records are those of the tree when it had `old`. `None` when `old` is above
    /// `size`, or there never were so many records. Empty for `old` 0 and for equal sizes, where there is nothing to
    /// prove.
    pub fn consistency(&self, old: u64, size: u64) -> Option<Vec<Digest>> {
        (old <= size && size <= self.size()).then(|| certain(nodes::consistency(self, old, size)))
    }
}

impl Nodes for Tree {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Digest, Infallible> {
        Ok(self.levels[level as usize][index as usize])
    }
}

fn certain<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::tests::{RECORDS, ROOTS, digests};

    fn grown() -> Tree {
        let mut tree = Tree::default();
        for record in RECORDS {
            tree.push(&hex::decode(record).unwrap());
        }
        tree
    }

    #[test]
    fn the_tree_without_records_has_the_hash_of_nothing() {
        assert_eq!(
            Tree::default().root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn the_published_roots_hold_at_every_size() {
        let tree = grown();
        for (size, root) in (1..).zip(ROOTS) {
            assert_eq!(
                tree.root_at(size).map(|root| root.to_string()),
                Some(root.to_owned())
            );
        }
        assert_eq!(tree.root_at(9), None);
    }

    #[test]
    fn the_published_inclusion_proofs_hold() {
        let tree = grown();
        let proof = digests(&[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]);
        assert_eq!(tree.inclusion(0, 8), Some(proof));
        let proof = digests(&[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]);
        assert_eq!(tree.inclusion(5, 8), Some(proof));
        assert_eq!(tree.inclusion(0, 1), Some(Vec::new()));
        assert_eq!(tree.inclusion(8, 8), None);
        assert_eq!(tree.inclusion(0, 9), None);
    }

    #[test]
    fn the_published_consistency_proofs_hold() {
        let tree = grown();
        let proof = digests(&[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]);
        assert_eq!(tree.consistency(6, 8), Some(proof));
        assert_eq!(tree.consistency(0, 8), Some(Vec::new()));
        assert_eq!(tree.consistency(8, 8), Some(Vec::new()));
        assert_eq!(tree.consistency(8, 6), None);
        assert_eq!(tree.consistency(6, 9), None);
    }
}
