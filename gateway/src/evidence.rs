//! The port to the evidence: checkpoints, tiles, proofs. Who serves it is none of the doors' business.

use evidence::{EventProof, Tile};
use futures::future::BoxFuture;
use schemas::{Digest, Owner, Position, TransactionId};

/// Reads the evidence.
pub trait EvidenceQuery: Send + Sync + std::fmt::Debug {
    /// The newest signed checkpoint; `None` before the first.
    fn checkpoint(&self) -> BoxFuture<'_, Result<Option<String>, EvidenceFailure>>;

    /// The bytes of a tile; `None` when there is none of that width.
    fn tile(&self, tile: Tile) -> BoxFuture<'_, Result<Option<Vec<u8>>, EvidenceFailure>>;

    /// Proof that the first `from` records are those of the journal when it had so many; `to` is a later size, by default
    /// that of the newest checkpoint. `None` when these are not two sizes it had.
    fn continuation(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> BoxFuture<'_, Result<Option<Continuation>, EvidenceFailure>>;

    /// Proof of an event; `None` while no checkpoint covers it.
    fn proof(
        &self,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<EventProof>, EvidenceFailure>>;

    /// Everything about a transaction of that person, as a zip; `None` while not all of it is signed.
    fn dossier<'a>(
        &'a self,
        owner: &'a Owner,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, EvidenceFailure>>;
}

/// That one journal is the beginning of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Size of the later one.
    pub to: u64,
    /// The hashes of the proof, as RFC 6962 orders them.
    pub proof: Vec<Digest>,
    /// The newest signed checkpoint; it is about the later one unless another size was asked for.
    pub checkpoint: String,
}

/// The evidence cannot be read now, or contradicts the log.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the evidence")]
pub struct EvidenceFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);
