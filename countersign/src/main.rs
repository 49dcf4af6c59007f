//! The program: it parses arguments, composes roles and prints. Every rule lives elsewhere.

mod analytics;
mod contract;
mod demo;
mod device;
mod dossier;
mod ending;
mod export;
mod heal;
mod letters;
mod license;
mod moment;
mod past;
mod progress;
mod rebuild;
mod serve;
mod simulator;
mod telemetry;
mod verify;
mod witness;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Countersign: did this person, holding this key, see these words and agree?
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Serve: all roles in one process by default
    Serve(Box<serve::ServeArguments>),
    /// Play the whole story against a real server and check every step
    Demo(demo::DemoArguments),
    /// Drop a read model, build it again from the log, and prove that it equals the live one
    Rebuild(rebuild::RebuildArguments),
    /// The log once more, up to any place: as lines of JSON, or into read models in a folder
    Replay(past::replay::ReplayArguments),
    /// Users, keys, transactions, operations or events: of now, of a moment of the past, or of a replayed folder
    Look(past::look::LookArguments),
    /// Copy log, vault and evidence into a folder, while the service works
    Backup(past::backup::BackupArguments),
    /// Check a backup, and restore it into an empty store of either kind
    Restore(past::backup::RestoreArguments),
    /// Find the first event in which two copies differ: folders, databases or backups
    Compare(past::compare::CompareArguments),
    /// Fold the log up to a place, and print the hash of its state: equal on every copy
    StateHash(past::state_hash::StateHashArguments),
    /// Callbacks and event posts that nobody took: list them, send them again, or end them
    Letters(letters::LettersArguments),
    /// Who may read the curated events: grant, list, revoke
    Analytics(analytics::AnalyticsArguments),
    /// Issue, show and install licenses
    License(license::LicenseArguments),
    /// Everything about one transaction, with its proofs, in one zip
    Evidence(dossier::DossierArguments),
    /// A range of the journal as files: JSON Lines or Parquet, with a manifest and proofs
    Export(export::ExportArguments),
    /// Check the journal, proofs of events, or an export, from files alone
    Verify(verify::VerifyArguments),
    /// Compare log and public stream, and put back into the log what was altered in it
    Heal(heal::HealArguments),
    /// Watch journals for others: sign their checkpoints as long as each continues the one before
    Witness(witness::WitnessArguments),
    /// A push service, a mail server, an SMS gateway or a message center to try a configuration against
    Simulate(simulator::SimulateArguments),
    /// The reference mobile device
    Device(device::DeviceArguments),
    /// Print a contract table as TSV, or the OpenAPI document
    Contract(contract::ContractArguments),
}

impl Order {
    /// Everything but serving, which reads more than its arguments.
    fn carry_out(self) -> Result<(), AnyError> {
        match self {
            Self::Serve(_) => unreachable!("serving is configured first"),
            Self::Demo(arguments) => demo::run(arguments),
            Self::Rebuild(arguments) => rebuild::run(arguments),
            Self::Replay(arguments) => past::replay::run(arguments),
            Self::Look(arguments) => past::look::run(arguments),
            Self::Backup(arguments) => past::backup::back_up(arguments),
            Self::Restore(arguments) => past::backup::restore(arguments),
            Self::Compare(arguments) => past::compare::run(arguments),
            Self::StateHash(arguments) => past::state_hash::run(arguments),
            Self::Letters(arguments) => letters::run(arguments),
            Self::Analytics(arguments) => analytics::run(arguments),
            Self::License(arguments) => license::run(arguments),
            Self::Evidence(arguments) => dossier::run(arguments),
            Self::Export(arguments) => export::run(arguments),
            Self::Verify(arguments) => verify::run(arguments),
            Self::Heal(arguments) => heal::run(arguments),
            Self::Witness(arguments) => witness::run(arguments),
            Self::Simulate(arguments) => simulator::run(arguments),
            Self::Device(arguments) => device::run(arguments),
            Self::Contract(arguments) => {
                contract::run(&arguments);
                Ok(())
            }
        }
    }
}

/// Reads the command line. What one argument of `serve` needs of another may stand in the configuration's file, so it is not
/// missed yet.
fn read(program: &clap::Command, given: &[std::ffi::OsString]) -> clap::ArgMatches {
    program
        .clone()
        .try_get_matches_from(given)
        .unwrap_or_else(|error| {
            let lenient = program.clone().ignore_errors(true).get_matches_from(given);
            let may_come = error.kind() == ErrorKind::MissingRequiredArgument
                && lenient.subcommand_name() == Some("serve");
            if may_come { lenient } else { error.exit() }
        })
}

fn main() -> ExitCode {
    countersign::install_crypto_provider()
        .expect("it is installed once, here, before anything else");
    let program = Arguments::command();
    let given: Vec<_> = std::env::args_os().collect();
    let matches = read(&program, &given);
    let outcome = match matches.subcommand() {
        Some(("serve", first)) => serve::configure_and_run(&program, given, first),
        _ => Arguments::from_arg_matches(&matches)
            .unwrap_or_else(|error| error.exit())
            .order
            .carry_out(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Where an order's work is done.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

/// What an order fails with; printed with all its causes.
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// An error with its causes, in one line each.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "\n  because: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
