//! Checking proofs. Nothing here needs a tree: an expert with a record, a proof and a signed root needs only this file
//! and `hash.rs`. The steps are those of RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use schemas::Digest;

use crate::hash::{empty_root, node_hash};

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The numbers contradict each other: an index that is not below the size, or an old size above the new one.
    #[error("the sizes of the proof contradict each other")]
    Sizes,
    /// The proof has fewer or more hashes than a tree of that size needs.
    #[error("the proof is too short or too long for a tree of that size")]
    Length,
    /// The hashes lead to another root: something was altered.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that the record with that [`leaf_hash`](crate::leaf_hash) is record `index` (0 is the first) of the `size`
/// records under `root`.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Sizes);
    }
    let mut node = index;
    let mut last = size - 1;
    let mut hash = *leaf;
    for neighbor in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(neighbor, &hash);
            skip_lonely_levels(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, neighbor);
        }
        node /= 2;
        last /= 2;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the `old_size` records under `old_root` are the first of the `new_size` records under `new_root`.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Sizes);
    }
    if old_size == 0 || old_size == new_size {
        return nothing_to_prove(old_size, old_root, new_size, new_root, proof);
    }
    // Where the old tree is one complete subtree, its root is the first node; else the proof brings that node.
    let (first, rest) = if old_size.is_power_of_two() {
        (*old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or(ProofError::Length)?;
        (*first, rest)
    };
    let mut node = old_size - 1;
    let mut last = new_size - 1;
    while node % 2 == 1 {
        node /= 2;
        last /= 2;
    }
    let (mut old, mut new) = (first, first);
    for neighbor in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node % 2 == 1 || node == last {
            old = node_hash(neighbor, &old);
            new = node_hash(neighbor, &new);
            skip_lonely_levels(&mut node, &mut last);
        } else {
            new = node_hash(&new, neighbor);
        }
        node /= 2;
        last /= 2;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old == *old_root && new == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

fn nothing_to_prove(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length);
    }
    let expected = if old_size == new_size {
        *new_root
    } else {
        empty_root()
    };
    let empty_agrees = new_size != 0 || *new_root == empty_root();
    if *old_root == expected && empty_agrees {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// The last node of a level that has no right neighbor rises unchanged to the next level where it is a right child.
fn skip_lonely_levels(node: &mut u64, last: &mut u64) {
    while node.is_multiple_of(2) && *node != 0 {
        *node /= 2;
        *last /= 2;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::leaf_hash;
    use crate::tree::Tree;

    /// The eight records of the Certificate Transparency reference tests, in hex.
    pub(crate) const RECORDS: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];

    /// Their roots, for one record up to eight.
    pub(crate) const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    pub(crate) fn digests(hex: &[&str]) -> Vec<Digest> {
        hex.iter().map(|digest| digest.parse().unwrap()).collect()
    }

    fn tree_of(size: u64) -> Tree {
        let mut tree = Tree::default();
        for number in 0..size {
            tree.push(&number.to_be_bytes());
        }
        tree
    }

    #[test]
    fn an_index_outside_the_tree_is_refused() {
        let root = tree_of(3).root();
        assert_eq!(
            verify_inclusion(&root, 3, 3, &[], &root),
            Err(ProofError::Sizes)
        );
        assert_eq!(
            verify_inclusion(&root, 0, 0, &[], &root),
            Err(ProofError::Sizes)
        );
    }

    #[test]
    fn a_shorter_tree_is_not_a_later_one() {
        let (old, new) = (tree_of(5).root(), tree_of(3).root());
        assert_eq!(
            verify_consistency(5, &old, 3, &new, &[]),
            Err(ProofError::Sizes)
        );
    }

    #[test]
    fn every_tree_continues_the_empty_one() {
        let new = tree_of(5).root();
        assert_eq!(verify_consistency(0, &empty_root(), 5, &new, &[]), Ok(()));
        assert_eq!(
            verify_consistency(0, &new, 5, &new, &[]),
            Err(ProofError::Root)
        );
        assert_eq!(
            verify_consistency(0, &empty_root(), 5, &new, &[new]),
            Err(ProofError::Length)
        );
    }

    #[test]
    fn two_trees_of_one_size_are_consistent_only_when_equal() {
        let (one, other) = (tree_of(5).root(), tree_of(4).root());
        assert_eq!(verify_consistency(5, &one, 5, &one, &[]), Ok(()));
        assert_eq!(
            verify_consistency(5, &one, 5, &other, &[]),
            Err(ProofError::Root)
        );
        assert_eq!(
            verify_consistency(0, &one, 0, &one, &[]),
            Err(ProofError::Root)
        );
    }

    #[test]
    fn a_record_cannot_pose_as_a_node() {
        let tree = tree_of(2);
        let [left, right] = [0_u64, 1].map(|number| leaf_hash(&number.to_be_bytes()));
        let forged = [left.0, right.0].concat();
        assert_ne!(leaf_hash(&forged), tree.root());
    }

    proptest! {
        #[test]
        fn every_record_of_every_size_is_provable(size in 1_u64..130, index in 0_u64..130) {
            prop_assume!(index < size);
            let tree = tree_of(140);
            let proof = tree.inclusion(index, size).unwrap();
            let root = tree.root_at(size).unwrap();
            let leaf = leaf_hash(&index.to_be_bytes());
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
            prop_assert!(proof.len() <= 8);
        }

        #[test]
        fn a_record_is_proven_only_at_its_own_place(size in 2_u64..130, index in 0_u64..130, other in 0_u64..130) {
            prop_assume!(index < size && other < size && other != index);
            let tree = tree_of(size);
            let proof = tree.inclusion(index, size).unwrap();
            let leaf = leaf_hash(&index.to_be_bytes());
            prop_assert!(verify_inclusion(&leaf, other, size, &proof, &tree.root()).is_err());
        }

        #[test]
        fn every_earlier_tree_is_provable(old in 0_u64..130, size in 0_u64..130) {
            prop_assume!(old <= size);
            let tree = tree_of(140);
            let proof = tree.consistency(old, size).unwrap();
            let (old_root, new_root) = (tree.root_at(old).unwrap(), tree.root_at(size).unwrap());
            prop_assert_eq!(verify_consistency(old, &old_root, size, &new_root, &proof), Ok(()));
        }

        #[test]
        fn an_altered_history_has_no_proof(old in 1_u64..60, more in 1_u64..60, altered in 0_u64..60) {
            prop_assume!(altered < old);
            let size = old + more;
            let old_root = tree_of(old).root();
            let mut tree = Tree::default();
            for number in 0..size {
                let record = if number == altered { u64::MAX } else { number };
                tree.push(&record.to_be_bytes());
            }
            let proof = tree.consistency(old, size).unwrap();
            prop_assert!(verify_consistency(old, &old_root, size, &tree.root(), &proof).is_err());
        }

        #[test]
        fn a_proof_with_one_bit_flipped_proves_nothing(size in 2_u64..60, index in 0_u64..60, place in any::<prop::sample::Index>(), bit in 0_usize..256) {
            prop_assume!(index < size);
            let tree = tree_of(size);
            let mut proof = tree.inclusion(index, size).unwrap();
            let place = place.index(proof.len());
            proof[place].0[bit / 8] ^= 1 << (bit % 8);
            let leaf = leaf_hash(&index.to_be_bytes());
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &tree.root()), Err(ProofError::Root));
        }

        #[test]
        fn a_proof_of_another_length_proves_nothing(size in 2_u64..60, index in 0_u64..60) {
            prop_assume!(index < size);
            let tree = tree_of(size);
            let leaf = leaf_hash(&index.to_be_bytes());
            let mut proof = tree.inclusion(index, size).unwrap();
            proof.push(leaf);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &tree.root()), Err(ProofError::Length));
            proof.truncate(proof.len() - 2);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &tree.root()), Err(ProofError::Length));
        }
    }
}
