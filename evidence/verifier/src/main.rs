//! `countersign-verify`: what it checked, or what is wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use evidence::Policy;
use verifier::{VerifyError, own_key, policy, verify};

const USAGE: &str = "usage: countersign-verify [--key VERIFIER_KEY | --policy FILE] [--since OLD_CHECKPOINT]… PATH…";
const WRONG: u8 = 1;
const NOT_CHECKED: u8 = 2;

/// What was asked.
#[derive(Default)]
struct Asked {
    policy: Option<Policy>,
    since: Vec<PathBuf>,
    paths: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(reason) => {
            eprintln!("{reason}\n{USAGE}");
            return ExitCode::from(NOT_CHECKED);
        }
    };
    for path in &asked.paths {
        let own = || {
            eprintln!(
                "no key was given: taking the folder's own, which says nothing about who signed"
            );
            own_key(path)
        };
        let policy = asked.policy.clone().map_or_else(own, Ok);
        match policy.and_then(|policy| verify(path, &policy, &asked.since)) {
            Ok(checked) => print!("{checked}"),
            Err(error) => return failed(&error),
        }
    }
    ExitCode::SUCCESS
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--key" => {
                let key = value()?
                    .parse()
                    .map_err(|error| format!("--key: {error}"))?;
                asked.policy = Some(Policy::of(key));
            }
            "--policy" => {
                let read = policy(&PathBuf::from(value()?));
                asked.policy = Some(read.map_err(|error| format!("--policy: {error}"))?);
            }
            "--since" => asked.since.push(value()?.into()),
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            path => asked.paths.push(path.into()),
        }
    }
    if asked.paths.is_empty() {
        return Err("nothing to check was named".to_owned());
    }
    Ok(asked)
}

fn failed(error: &VerifyError) -> ExitCode {
    eprintln!("WRONG: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::from(if error.is_unreadable() {
        NOT_CHECKED
    } else {
        WRONG
    })
}
