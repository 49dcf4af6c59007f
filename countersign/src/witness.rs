//! `countersign witness`: somebody else who remembers how long a journal was.

use std::net::SocketAddr;
use std::path::PathBuf;

use bus::shell::{Clock as _, SystemClock};
use clap::Args;
use evidence::VerifierKey;
use tokio::net::TcpListener;
use witness::Witness;

use crate::AnyError;
use crate::ending::Ending;

/// Whose witness, and where.
#[derive(Debug, Args)]
pub struct WitnessArguments {
    /// Folder of its key and of what it has seen; on another machine than the journal, and in other hands
    #[arg(
        long,
        env = "COUNTERSIGN_WITNESS_DATA",
        default_value = "witness",
        value_name = "FOLDER"
    )]
    data: PathBuf,
    /// Where it listens; port 0 takes a free one. Put a proxy with TLS before it where others can reach it
    #[arg(
        long,
        env = "COUNTERSIGN_WITNESS_LISTEN",
        default_value = "127.0.0.1:8090",
        value_name = "ADDRESS:PORT"
    )]
    listen: SocketAddr,
    /// Its name under its signatures, for example soc.example-bank; decided when its key is made
    #[arg(long, env = "COUNTERSIGN_WITNESS_NAME", value_name = "NAME")]
    name: String,
    /// Key of a journal that it watches, as the notary prints it; may be given more than once
    #[arg(
        long = "journal",
        env = "COUNTERSIGN_WITNESS_JOURNALS",
        value_delimiter = ',',
        required = true,
        value_name = "KEY"
    )]
    journals: Vec<VerifierKey>,
}

/// Serves until somebody ends it.
pub fn run(arguments: WitnessArguments) -> Result<(), AnyError> {
    let witness = Witness::open(
        &arguments.data,
        &arguments.name,
        bus::shell::random_bytes::<32>,
        arguments.journals,
    )?;
    let runtime = crate::runtime()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen).await?;
        let ending = Ending::listen()?;
        println!("checkpoints are witnessed by {}", witness.verifier_key());
        println!("witnessing at http://{}", listener.local_addr()?);
        let ended = async { _ = ending.told().await };
        witness::serve(listener, witness, seconds, ended).await?;
        Ok(())
    })
}

fn seconds() -> u64 {
    u64::try_from(SystemClock.now().seconds()).unwrap_or(0)
}
