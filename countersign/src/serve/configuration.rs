//! Where values of the configuration come from: the command line, the environment, `application.yml`, the default; the
//! earlier one wins. The manual's names and our own lead to the same options, which clap checks in one place.
//!
//! Source: reference manual, "Configuration of PCS", "of PCE", "Enabling HTTPS". That unknown names in our own part of the
//! file are refused, and foreign ones are only told, is ours.

mod compose;
mod file;
mod keys;
mod names;
mod print;
mod secrets;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

pub use print::print;
pub use secrets::check;

use crate::AnyError;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Given on the command line.
    CommandLine,
    /// This variable of the environment.
    Environment(String),
    /// This name in the configuration's file.
    File(String),
    /// Given by nobody.
    Default,
}

/// A value as it was found, before anybody knows whether it is one the option takes.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    value: String,
    source: Source,
}

/// Sources of the options, by the option's long name.
pub type Sources = BTreeMap<String, Source>;

/// The matches of `serve` with everything that the environment and the file add, and where each value comes from.
///
/// What they add is put behind the command line as further arguments, so it passes the same checks.
pub fn complete(
    program: &Command,
    given: Vec<OsString>,
    first: &ArgMatches,
) -> Result<(ArgMatches, Sources), AnyError> {
    let path = first.get_one::<PathBuf>("config");
    let from_file = match path {
        Some(path) => file::read(path)?,
        None => Vec::new(),
    };
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        Some((name, value))
    });
    let serve = program
        .find_subcommand("serve")
        .expect("the program can serve");
    let options: Vec<String> = serve
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(ToOwned::to_owned))
        .collect();
    let known = keys::known(&options);
    let merged = names::merge(&known, from_file, variables)?;
    let mut arguments = given;
    let mut sources = Sources::new();
    for (option, found) in compose::options(merged)? {
        let argument = serve
            .get_arguments()
            .find(|argument| argument.get_long() == Some(&option))
            .expect("the table of keys names options of serve");
        let decided = first.value_source(argument.get_id().as_str());
        if matches!(
            decided,
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        ) && option != "set"
        {
            continue;
        }
        if argument.get_action().takes_values() {
            arguments.push(format!("--{option}={}", found.value).into());
        } else if found.value == "true" {
            arguments.push(format!("--{option}").into());
        } else if found.value != "false" {
            return Err(format!("{} is true or false", told(&found.source)).into());
        }
        sources.insert(argument.get_id().to_string(), found.source);
    }
    let matches = program
        .clone()
        .try_get_matches_from(arguments)
        .map_err(|error| refused(&error, &sources))?;
    let (_, matches) = matches.subcommand().expect("it was serve before");
    Ok((matches.clone(), sources))
}

/// The same refusal, with the places the values came from: the option's name alone would send an operator looking for it.
fn refused(error: &clap::Error, sources: &Sources) -> AnyError {
    let text = error.to_string();
    let from = sources
        .iter()
        .filter(|(id, _)| text.contains(&format!("--{}", id.replace('_', "-"))))
        .map(|(_, source)| told(source));
    let from: Vec<String> = from.collect();
    let from = if from.is_empty() {
        String::new()
    } else {
        format!(" (given as {})", from.join(", "))
    };
    format!("the configuration cannot be used{from}: {text}").into()
}

fn told(source: &Source) -> String {
    match source {
        Source::CommandLine => "command line".to_owned(),
        Source::Environment(name) => format!("environment {name}"),
        Source::File(name) => format!("file {name}"),
        Source::Default => "default".to_owned(),
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The value may be a password.
        write!(f, "Given({:?})", self.source)
    }
}
