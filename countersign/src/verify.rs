//! `countersign verify`: the journal, proofs of events, or an export, from files alone; the same check as
//! `countersign-verify`, and beyond it rows of Parquet against their proofs.

use std::path::PathBuf;

use clap::Args;
use schemas::export::MANIFEST;

use crate::AnyError;

/// What to check.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A folder of the journal or of proofs, or a .tlog-proof file
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Whom to believe, in the form of C2SP tlog-policy [default: the folder's own key, which says nothing about who signed]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A checkpoint that was kept: the journal must continue it; may be given more than once
    #[arg(long, value_name = "FILE")]
    since: Vec<PathBuf>,
}

/// Checks, and fails with what is wrong.
pub fn run(arguments: VerifyArguments) -> Result<(), AnyError> {
    for path in &arguments.paths {
        let policy = if let Some(policy) = &arguments.policy {
            verifier::policy(policy)?
        } else {
            eprintln!("no policy was given: the folder's own key says nothing about who signed");
            verifier::own_key(path)?
        };
        print!("{}", verifier::verify(path, &policy, &arguments.since)?);
        if path.join(MANIFEST).is_file() {
            let compared = ::export::compare(path)?;
            if compared > 0 {
                println!("rows of Parquet right: {compared}");
            }
        }
    }
    Ok(())
}
