//! The evidence's port of the doors, served from the notary's folder.

use std::path::Path;
use std::sync::Arc;

use bus::shell::RootSecret;
use dossier::DossierError;
use event_log::EventLog;
use evidence::Checkpoint;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway::{Continuation, EvidenceFailure, EvidenceQuery};
use notary::{Archive, ArchiveError};
use schemas::{Owner, Position, TransactionId};

/// The evidence, read beside the threads of the doors.
#[derive(Debug)]
pub struct EvidenceBehindTheDoors {
    archive: Arc<Archive>,
    log: Arc<dyn EventLog>,
    root: RootSecret,
}

impl EvidenceBehindTheDoors {
    /// The evidence in this folder, about this log, whose vault opens with this secret.
    pub fn new(log: Arc<dyn EventLog>, folder: &Path, root: RootSecret) -> Self {
        Self {
            archive: Arc::new(Archive::at(Arc::clone(&log), folder)),
            log,
            root,
        }
    }

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

/// The checkpoint for others: with witnesses, the newest one that they have signed.
fn published(archive: &Archive) -> Result<Option<(String, Checkpoint)>, ArchiveError> {
    match archive.cosigned()? {
        Some(cosigned) => Ok(Some(cosigned)),
        None => archive.checkpoint(),
    }
}

impl EvidenceQuery for EvidenceBehindTheDoors {
    fn checkpoint(&self) -> BoxFuture<'_, Result<Option<String>, EvidenceFailure>> {
        self.read(|archive| Ok(published(archive)?.map(|(signed, _)| signed)))
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
            let Some((signed, checkpoint)) = published(archive)? else {
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

    fn dossier<'a>(
        &'a self,
        owner: &'a Owner,
        transaction_id: &'a TransactionId,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, EvidenceFailure>> {
        async move {
            let (log, archive) = (&*self.log, &*self.archive);
            let found = dossier::gather(log, archive, &self.root, owner, transaction_id).await;
            let found = match found {
                Ok(found) => found,
                Err(DossierError::NotSigned(_)) => return Ok(None),
                Err(error) => return Err(EvidenceFailure(error.into())),
            };
            let packed = tokio::task::spawn_blocking(move || dossier::pack(&found)).await;
            let packed = packed.map_err(|error| EvidenceFailure(error.into()))?;
            packed
                .map(Some)
                .map_err(|error| EvidenceFailure(error.into()))
        }
        .boxed()
    }
}
