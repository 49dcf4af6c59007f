//! Proof that a journal was neither altered nor shortened: a Merkle tree over its records (RFC 6962), and the text of a
//! checkpoint that commits to it.
//!
//! This package computes and checks. It never reads a clock, opens a file or touches the network, and it is meant to be
//! read whole by somebody who has to testify about it: start with [`hash`], then [`proof`].

pub mod checkpoint;
pub mod event_proof;
pub mod hash;
pub mod leaf;
pub mod nodes;
pub mod note;
pub mod policy;
pub mod proof;
pub mod state_line;
pub mod tile;
pub mod tree;

pub use checkpoint::{Checkpoint, InvalidCheckpoint};
pub use event_proof::{EventProof, EventProofError};
pub use hash::{empty_root, leaf_hash, node_hash};
pub use leaf::{InvalidLeaf, Leaf};
pub use nodes::Nodes;
pub use note::{KeyKind, Note, NoteError, VerifierKey};
pub use policy::{Policy, PolicyError};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use state_line::{Extent, InvalidStateLine, StateLine};
pub use tile::{Edge, Tile, TileNodes};
pub use tree::Tree;
