//! `countersign evidence`: everything about one transaction, in one zip.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use notary::{Archive, Place};
use projections::Journal;
use schemas::{Owner, SystemId, TransactionId, UserId};

use crate::AnyError;
use crate::serve::stores::{StoreArguments, prepare};

/// Of which transaction.
#[derive(Debug, Args)]
pub struct DossierArguments {
    /// The transaction
    #[arg(value_name = "TRANSACTION")]
    transaction_id: TransactionId,
    /// The system it belongs to
    #[arg(long, value_name = "SYSTEM")]
    system: SystemId,
    /// Whose it is [default: whom the read models know as its user]
    #[arg(long, value_name = "USER")]
    user: Option<UserId>,
    /// The zip [default: <transaction>.zip]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    stores: StoreArguments,
}

/// Writes it; works beside a running service.
pub fn run(arguments: DossierArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(write(arguments))
}

async fn write(arguments: DossierArguments) -> Result<(), AnyError> {
    let (stores, data) = (arguments.stores.stores(), arguments.stores.data());
    let root = prepare(data)?;
    let log = event_log::open(&stores.log).await?;
    let (system_id, id) = (arguments.system, arguments.transaction_id);
    let user_id = if let Some(user_id) = arguments.user {
        user_id
    } else {
        let journal = Journal::open(&stores.read, Arc::clone(&log), root.clone()).await?;
        let found = journal.owner_of(&system_id, &id).await?;
        found.ok_or_else(|| {
            format!("no user of {system_id} is known to have {id}: name one with --user")
        })?
    };
    let owner = Owner::User(system_id, user_id);
    let archive = Archive::at(Arc::clone(&log), &Place::within(data).folder);
    let found = dossier::gather(&*log, &archive, &root, &owner, &id).await?;
    let path = arguments.out.unwrap_or_else(|| format!("{id}.zip").into());
    // What was shown to somebody is nobody else's business.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path);
    file?.write_all(&dossier::pack(&found)?)?;
    println!("{}: {} events", path.display(), found.events.len());
    Ok(())
}
