//! The gate before the start, and the notary.

use std::sync::Arc;

use notary::{Notary, Place};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Ground, ended};
use crate::AnyError;
use crate::serve::ServeArguments;

/// Before anything is written, read into the read models or told to anybody: the log is what was signed.
pub(super) async fn check_log_against_evidence(
    ground: &Ground,
    arguments: &ServeArguments,
) -> Result<(), AnyError> {
    let folder = Place::within(&arguments.data).folder;
    let checked = notary::gate(Arc::clone(&ground.log), &folder).await?;
    if let Some(checkpoint) = checked {
        let size = checkpoint.size();
        tracing::info!(records = size, "the log is what was signed");
    }
    Ok(())
}

/// The journal's folder lies among the data, whatever database has the log.
pub(super) fn start_notary(
    ground: &Ground,
    arguments: &ServeArguments,
    parts: &mut JoinSet<Result<(), AnyError>>,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let notary = Notary::open(
        Arc::clone(&ground.log),
        Place::within(&arguments.data),
        arguments.evidence_name.as_deref(),
        bus::shell::random_bytes::<32>,
    )?;
    let (said, state) = watch::channel(None);
    let notary = notary.with_state(state);
    println!("checkpoints are signed by {}", notary.verifier_key());
    let (log, folder) = (
        Arc::clone(&ground.log),
        Place::within(&arguments.data).folder,
    );
    let its_end = ended(told.clone());
    parts.spawn(async move {
        notary::scrub(log, &folder, its_end).await;
        Ok(())
    });
    let (log, extent) = (Arc::clone(&ground.log), notary.extent());
    let file = Place::within(&arguments.data).folder.join("state");
    let its_end = ended(told.clone());
    parts.spawn(async move {
        projections::state::follow(log, &file, extent, said, its_end).await;
        Ok(())
    });
    parts.spawn(async move { Ok(notary.run(ended(told)).await?) });
    Ok(())
}
