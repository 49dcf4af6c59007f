//! The gate before the start, and the notary.

use std::sync::Arc;

use notary::{Archive, Notary, Place};
use tokio::sync::watch;
use tokio::task::JoinSet;
use witness::Cosigning;

use super::{Ground, ended};
use crate::AnyError;
use crate::serve::ServeArguments;

/// Before anything is written, read into the read models or told to anybody: the log is what was signed.
pub(super) async fn check_log_against_evidence(
    ground: &Ground,
    arguments: &ServeArguments,
) -> Result<(), AnyError> {
    let folder = Place::within(&arguments.data).folder;
    let checked = notary::gate(Arc::clone(&ground.stored), &folder).await?;
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
        Arc::clone(&ground.stored),
        Place::within(&arguments.data).folder,
    );
    let its_end = ended(told.clone());
    parts.spawn(async move {
        notary::scrub(log, &folder, its_end).await;
        Ok(())
    });
    let (log, bus) = (Arc::clone(&ground.stored), Arc::clone(&ground.bus));
    let its_end = ended(told.clone());
    parts.spawn(async move {
        healing::watch(log, bus, its_end).await;
        Ok(())
    });
    let (log, extent) = (Arc::clone(&ground.log), notary.extent());
    let file = Place::within(&arguments.data).folder.join("state");
    let its_end = ended(told.clone());
    parts.spawn(async move {
        projections::state::follow(log, &file, extent, said, its_end).await;
        Ok(())
    });
    match cosigning(ground, arguments, &notary)? {
        None => parts.spawn(async move { Ok(notary.run(ended(told)).await?) }),
        Some(cosigning) => parts.spawn(sign_while_witnesses_agree(notary, cosigning, told)),
    };
    Ok(())
}

fn cosigning(
    ground: &Ground,
    arguments: &ServeArguments,
    notary: &Notary,
) -> Result<Option<Cosigning>, AnyError> {
    let Some(path) = &arguments.evidence_policy else {
        return Ok(None);
    };
    let policy = verifier::policy(path)?;
    if policy.log() != notary.verifier_key() {
        let (named, ours) = (policy.log(), notary.verifier_key());
        let path = path.display();
        return Err(format!("{path} is the policy of {named}, and this journal is {ours}").into());
    }
    let folder = Place::within(&arguments.data).folder;
    let archive = Arc::new(Archive::at(Arc::clone(&ground.log), &folder));
    Ok(Some(Cosigning::new(archive, &folder, policy)?))
}

/// The witnesses are asked before anything new is signed. When one of them has signed another journal, nothing is signed any
/// more; the service goes on.
async fn sign_while_witnesses_agree(
    notary: Notary,
    mut cosigning: Cosigning,
    told: watch::Receiver<bool>,
) -> Result<(), AnyError> {
    let disagreement = if let Ok(Some(at_once)) = cosigning.ask_all().await {
        at_once
    } else {
        tokio::select! {
            disagreement = cosigning.run() => disagreement,
            signed = notary.run(ended(told.clone())) => return Ok(signed?),
        }
    };
    tracing::error!(
        %disagreement,
        "no checkpoint is signed any more: find out which journal is the right one"
    );
    ended(told).await;
    Ok(())
}
