//! Puts the pinned `nats-server` into `tools/`, unless a good one is there already.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match bus::child::fetch::fetch(Path::new("tools"), &mut |step| println!("{step}")) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  because {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}
