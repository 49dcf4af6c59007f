//! The evidence's port of the doors, served from the notary's folder.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{Continuation, EvidenceFailure, EvidenceQuery};
use notary::{Archive, ArchiveError};
use schemas::Position;

/// The evidence, read beside the threads of the doors.
#[derive(Debug)]
pub struct EvidenceBehindTheDoors {
    /// Reads it.
    pub archive: Arc<Archive>,
}

impl EvidenceBehindTheDoors {
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Archive) -> Result<T, ArchiveError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, EvidenceFailure>> {
        let archive = Arc::clone(&self.archive);
        async move {
            let reading = tokio::task::spawn_blocking(move || work(&archive)).await;
            let read = reading.map_err(|error| EvidenceFailure(error.into()))?;
            read.map_err(|error| EvidenceFailure(error.into()))
        }
        .boxed()
    }
}

impl EvidenceQuery for EvidenceBehindTheDoors {
    fn checkpoint(&self) -> BoxFuture<'_, Result<Option<String>, EvidenceFailure>> {
        self.read(|archive| Ok(archive.checkpoint()?.map(|(signed, _)| signed)))
    }

    fn tile(
        &self,
        tile: evidence::Tile,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, EvidenceFailure>> {
        self.read(move |archive| archive.tile(tile))
    }

    fn continuation(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> BoxFuture<'_, Result<Option<Continuation>, EvidenceFailure>> {
        self.read(move |archive| {
            let Some((signed, checkpoint)) = archive.checkpoint()? else {
                return Ok(None);
            };
            let to = to.unwrap_or(checkpoint.size());
            if from > to || to > checkpoint.size() {
                return Ok(None);
            }
            Ok(Some(Continuation {
                to,
                proof: archive.consistency(from, to)?,
                checkpoint: signed,
            }))
        })
    }

    fn proof(
        &self,
        position: Position,
    ) -> BoxFuture<'_, Result<Option<evidence::EventProof>, EvidenceFailure>> {
        async move {
            let proof = self.archive.proof(position).await;
            proof.map_err(|error| EvidenceFailure(error.into()))
        }
        .boxed()
    }
}
