//! Making proofs: which complete subtrees a root or a proof is put together from (RFC 6962, section 2.1). Where their
//! hashes lie, in memory or in files, does not matter here.

use schemas::Digest;

use crate::hash::{empty_root, node_hash};

/// Knows the roots of complete subtrees.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error;

    /// The root over the records `index * 2^level` up to, without it, `(index + 1) * 2^level`.
    fn node(&self, level: u32, index: u64) -> Result<Digest, Self::Error>;
}

/// Root over the first `size` records.
pub fn root<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Digest, N::Error> {
    subtree(nodes, 0, size)
}

/// Proof that record `index` (0 is the first) is under the root of `size` records: the neighbors on the way up, the nearest
/// first. `index` is below `size`.
pub fn inclusion<N: Nodes + ?Sized>(
    nodes: &N,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, N::Error> {
    assert!(index < size, "record {index} is not one of {size}");
    path(nodes, index, 0, size)
}

/// Proof that the first `old` of `size` records are those of the tree when it had `old`. Empty for `old` 0 and for equal
/// sizes, where there is nothing to prove. `old` is not above `size`.
pub fn consistency<N: Nodes + ?Sized>(
    nodes: &N,
    old: u64,
    size: u64,
) -> Result<Vec<Digest>, N::Error> {
    assert!(old <= size, "{old} records are not the first of {size}");
    if old == 0 || old == size {
        return Ok(Vec::new());
    }
    subproof(nodes, old, 0, size, Known::Yes)
}

/// RFC 6962, `MTH(D[from:to])`.
fn subtree<N: Nodes + ?Sized>(nodes: &N, from: u64, to: u64) -> Result<Digest, N::Error> {
    let size = to - from;
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() && from.is_multiple_of(size) {
        return nodes.node(size.trailing_zeros(), from / size);
    }
    let middle = from + largest_power_below(size);
    Ok(node_hash(
        &subtree(nodes, from, middle)?,
        &subtree(nodes, middle, to)?,
    ))
}

/// RFC 6962, `PATH(m, D[from:to])`, with `index` counted from the start of the tree.
fn path<N: Nodes + ?Sized>(
    nodes: &N,
    index: u64,
    from: u64,
    to: u64,
) -> Result<Vec<Digest>, N::Error> {
    if to - from == 1 {
        return Ok(Vec::new());
    }
    let middle = from + largest_power_below(to - from);
    if index < middle {
        let mut path = path(nodes, index, from, middle)?;
        path.push(subtree(nodes, middle, to)?);
        Ok(path)
    } else {
        let mut path = path(nodes, index, middle, to)?;
        path.push(subtree(nodes, from, middle)?);
        Ok(path)
    }
}

/// RFC 6962, `SUBPROOF(m, D[from:to], b)`, with `old` counted from the start of the tree.
fn subproof<N: Nodes + ?Sized>(
    nodes: &N,
    old: u64,
    from: u64,
    to: u64,
    known: Known,
) -> Result<Vec<Digest>, N::Error> {
    if old == to {
        return match known {
            Known::Yes => Ok(Vec::new()),
            Known::No => Ok(vec![subtree(nodes, from, to)?]),
        };
    }
    let middle = from + largest_power_below(to - from);
    if old <= middle {
        let mut proof = subproof(nodes, old, from, middle, known)?;
        proof.push(subtree(nodes, middle, to)?);
        Ok(proof)
    } else {
        let mut proof = subproof(nodes, old, middle, to, Known::No)?;
        proof.push(subtree(nodes, from, middle)?);
        Ok(proof)
    }
}

/// Whether the verifier already has the root of the subtree in hand, because it is the old root.
#[derive(Clone, Copy)]
enum Known {
    Yes,
    No,
}

/// The largest power of two smaller than `size`, which is at least 2.
fn largest_power_below(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
