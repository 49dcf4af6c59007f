//! The three hashes everything rests on (RFC 6962, section 2.1). The first byte keeps leaves and nodes apart: without it,
//! an inner node could be passed off as a record.

use schemas::Digest;
use sha2::{Digest as _, Sha256};

const LEAF: [u8; 1] = [0x00];
const NODE: [u8; 1] = [0x01];

/// Hash of a record: SHA-256 over `0x00` and the record's bytes.
pub fn leaf_hash(record: &[u8]) -> Digest {
    digest(&[&LEAF, record])
}

/// Hash of an inner node: SHA-256 over `0x01`, the left child and the right child.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    digest(&[&NODE, left.as_bytes(), right.as_bytes()])
}

/// Root of the tree without records: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    digest(&[])
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}
