//! `countersign state-hash`: the hash of the state at a place in the log, and whether it is the one that was signed.

use std::sync::Arc;

use clap::Args;
use evidence::StateLine;
use notary::{Archive, Place};
use projections::state::{StateFold, VERSION};

use super::at::{self, At, Cut};
use crate::AnyError;
use crate::progress;
use crate::serve::stores::StoreArguments;

/// Where to fold to.
#[derive(Debug, Args)]
pub struct StateHashArguments {
    /// The place: a moment, an event (17-4211) or a number of records (record:4096) [default: the end of the log]
    #[arg(long, value_name = "PLACE", value_parser = at::parse, conflicts_with = "check")]
    at: Option<At>,
    /// Fold to where the newest checkpoint says the state, and fail when it is another one
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    stores: StoreArguments,
}

/// Folds, and prints the version, the number of records and the hash, as a checkpoint says them; then the place in every lane.
pub fn run(arguments: StateHashArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(tell(arguments))
}

async fn tell(arguments: StateHashArguments) -> Result<(), AnyError> {
    let log = event_log::open(&arguments.stores.stores().log).await?;
    let data = arguments.stores.data();
    let signed = if arguments.check {
        let archive = Archive::at(Arc::clone(&log), &Place::within(data).folder);
        let checkpoint = archive.checkpoint()?.map(|(_, checkpoint)| checkpoint);
        let state = checkpoint.and_then(|checkpoint| checkpoint.state());
        Some(state.ok_or("no checkpoint that says a state is there")?)
    } else {
        None
    };
    if let Some(signed) = signed.filter(|signed| signed.version != VERSION) {
        let version = signed.version;
        return Err(format!(
            "the checkpoint says state-v{version}, and this program folds state-v{VERSION}: check with the program that signed"
        )
        .into());
    }
    let at = signed.map_or(arguments.at, |signed| Some(At::Records(signed.records)));
    let cut = at::find(at, &*log, data).await?;
    let bar = progress::bar("events", cut.events());
    let mut fold = StateFold::new(log);
    fold.advance_to(&cut.counts, |events| bar.set_position(events))
        .await?;
    bar.finish_and_clear();
    let hash = fold.hash();
    print(&cut, hash);
    match signed {
        Some(signed) if signed.hash != hash => {
            Err(format!("another state was signed: {signed}").into())
        }
        Some(_) => {
            println!("this is what was signed");
            Ok(())
        }
        None => Ok(()),
    }
}

fn print(cut: &Cut, hash: schemas::Digest) {
    let line = |records| StateLine {
        version: VERSION,
        records,
        hash,
    };
    match cut.records {
        Some(records) => println!("{}", line(records)),
        // A moment is a place in every lane, not one in the journal.
        None => println!("{}", line(0).to_string().replacen(" 0 ", " - ", 1)),
    }
    println!("lanes {}", projections::numbers::to_text(&cut.counts));
}
