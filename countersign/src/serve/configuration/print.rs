//! `--print-config`: what is in force, and where each value comes from. Nothing secret is printed.

use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use schemas::settings::{MASK, Setting};

use super::secrets::password_of;
use super::{Source, Sources, told};

/// Options that are no part of the configuration.
const NOT_SHOWN: [&str; 4] = ["config", "print_config", "help", "version"];

/// Every option with a value, one line each, in the order of `--help`.
pub fn print(serve: &Command, matches: &ArgMatches, sources: &Sources) -> String {
    let mut page = String::new();
    for argument in serve.get_arguments() {
        let id = argument.get_id().as_str();
        if NOT_SHOWN.contains(&id) {
            continue;
        }
        let Some(long) = argument.get_long() else {
            continue;
        };
        let Ok(Some(values)) = matches.try_get_raw(id) else {
            continue;
        };
        let values: Vec<String> = values
            .map(|value| shown(id, &value.to_string_lossy()))
            .collect();
        let source = match (sources.get(id), matches.value_source(id)) {
            (Some(source), _) => source.clone(),
            (None, Some(ValueSource::CommandLine)) => Source::CommandLine,
            (None, Some(ValueSource::EnvVariable)) => {
                let name = argument.get_env().unwrap_or_default();
                Source::Environment(name.to_string_lossy().into_owned())
            }
            (None, _) => Source::Default,
        };
        writeln!(page, "{long}: {}  # {}", values.join(","), told(&source))
            .expect("a text can be written to");
    }
    page
}

/// The value, unless it is secret.
fn shown(id: &str, value: &str) -> String {
    if id.ends_with("_password") {
        return MASK.to_owned();
    }
    match id {
        "database_url" => match password_of(value) {
            Some(password) if !password.is_empty() => value.replace(password, MASK),
            Some(_) | None => value.to_owned(),
        },
        "settings" => match value.split_once('=') {
            Some((name, value)) => {
                let masked = Setting::named(name).map_or(value, |setting| setting.shown(value));
                format!("{name}={masked}")
            }
            None => MASK.to_owned(),
        },
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        for (id, value, expected) in [
            ("database_password", "hidden", "***"),
            ("tls_key_store_password", "hidden", "***"),
            (
                "database_url",
                "postgres://pc:hidden@db/pc",
                "postgres://pc:***@db/pc",
            ),
            (
                "settings",
                "SCORING_SETTINGS={\"token\":\"hidden\"}",
                "SCORING_SETTINGS=***",
            ),
            ("settings", "KEY_QR_SIZE=400", "KEY_QR_SIZE=400"),
            ("listen", "127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(shown(id, value), expected, "{id}");
        }
    }
}
