//! `countersign contract`: the tables other programs are held to.

use clap::{Args, ValueEnum};

/// Which table.
#[derive(Debug, Args)]
pub struct ContractArguments {
    /// The table to print
    table: Table,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Table {
    /// The 142 error codes
    Errors,
    /// The 61 settings
    Settings,
    /// The 66 event words and 22 journal fields
    Events,
    /// The 17 bits of `key_flags`
    Keyflags,
    /// The HTTP interface, as an OpenAPI document
    Openapi,
}

/// Prints the table.
pub fn run(arguments: &ContractArguments) {
    let text = match arguments.table {
        Table::Errors => schemas::contract::errors(),
        Table::Settings => schemas::contract::settings(),
        Table::Events => schemas::contract::events(),
        Table::Keyflags => schemas::contract::keyflags(),
        Table::Openapi => gateway::openapi_json(),
    };
    print!("{text}");
}
