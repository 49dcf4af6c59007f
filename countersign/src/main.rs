//! The program: it parses arguments, composes roles and prints. Every rule lives elsewhere.

mod contract;
mod demo;
mod device;
mod license;
mod rebuild;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Issue, show and install licenses
    License(license::LicenseArguments),
    /// The reference mobile device
    Device(device::DeviceArguments),
    /// Print a contract table as TSV, or the OpenAPI document
    Contract(contract::ContractArguments),
}

fn main() -> ExitCode {
    countersign::install_crypto_provider()
        .expect("it is installed once, here, before anything else");
    let outcome = match Arguments::parse().order {
        Order::Serve(arguments) => serve::run(*arguments),
        Order::Demo(arguments) => demo::run(arguments),
        Order::Rebuild(arguments) => rebuild::run(arguments),
        Order::License(arguments) => license::run(arguments),
        Order::Device(arguments) => device::run(arguments),
        Order::Contract(arguments) => {
            contract::run(&arguments);
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
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
