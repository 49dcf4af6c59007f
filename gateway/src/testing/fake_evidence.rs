//! Evidence of a journal of nine records, each of which is the same.

use std::sync::atomic::{AtomicBool, Ordering};

use evidence::{EventProof, Leaf, Tile};
use futures::future::BoxFuture;
use schemas::{Digest, Owner, Position, Timestamp, TransactionId};

use super::SYSTEM;
use crate::evidence::{Continuation, EvidenceFailure, EvidenceQuery};

/// How many records there are.
const SIZE: u64 = 9;

/// Evidence of one record, of position 0-1 or any other.
#[derive(Debug, Default)]
pub(crate) struct FakeEvidence {
    is_empty: AtomicBool,
}

impl FakeEvidence {
    /// From now on nothing was signed yet.
    pub(crate) fn forget(&self) {
        self.is_empty.store(true, Ordering::Relaxed);
    }

    pub(crate) fn checkpoint_text() -> String {
        format!("audit.test/v1\n{SIZE}\nroot\n\n\u{2014} audit.test/v1 signature\n")
    }

    fn unless_empty<T>(&self, value: T) -> Option<T> {
        (!self.is_empty.load(Ordering::Relaxed)).then_some(value)
    }
}

impl EvidenceQuery for FakeEvidence {
    fn checkpoint(&self) -> BoxFuture<'_, Result<Option<String>, EvidenceFailure>> {
        let found = self.unless_empty(Self::checkpoint_text());
        Box::pin(async { Ok(found) })
    }

    fn tile(&self, tile: Tile) -> BoxFuture<'_, Result<Option<Vec<u8>>, EvidenceFailure>> {
        let found = self.unless_empty(tile.to_string().into_bytes());
        Box::pin(async { Ok(found) })
    }

    fn continuation(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> BoxFuture<'_, Result<Option<Continuation>, EvidenceFailure>> {
        let to = to.unwrap_or(SIZE);
        let found = (from <= to && to <= SIZE).then(|| Continuation {
            to,
            proof: vec![Digest([1; 32])],
            checkpoint: Self::checkpoint_text(),
        });
        Box::pin(async { Ok(found) })
    }

    fn proof(
        &self,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<EventProof>, EvidenceFailure>> {
        let leaf = Leaf {
            position,
            owner: SYSTEM.parse().unwrap(),
            version: 1,
            word: "create_system".into(),
            schema: Some(1),
            at: Timestamp(1),
            actor: "system".into(),
            stored: Digest([2; 32]),
            prev: None,
        };
        let found = self.unless_empty(EventProof {
            leaf,
            index: 4,
            inclusion: vec![Digest([3; 32])],
            checkpoint: Self::checkpoint_text(),
        });
        Box::pin(async { Ok(found) })
    }

    fn dossier<'a>(
        &'a self,
        _: &'a Owner,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, EvidenceFailure>> {
        let found = self.unless_empty(format!("zip of {transaction_id}").into_bytes());
        Box::pin(async { Ok(found) })
    }
}
