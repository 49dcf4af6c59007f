//! Passwords that are in every manual are in nobody's service.

use crate::AnyError;
use crate::serve::ServeArguments;

/// What the reference manual's samples use. Whoever copied one into production meant to change it.
const PLACEHOLDERS: [&str; 3] = ["changeit", "password", "secret"];

/// Refuses the samples' passwords, by the option and never by the value.
pub fn check(arguments: &ServeArguments) -> Result<(), AnyError> {
    if arguments.database_password.is_some() && arguments.database_user.is_none() {
        return Err("--database-password needs --database-user".into());
    }
    if arguments.database_user.is_some() && arguments.database_url.is_none() {
        return Err("--database-user needs --database-url".into());
    }
    let secrets = [
        ("--database-password", &arguments.database_password),
        (
            "--tls-key-store-password",
            &arguments.tls_key_store_password,
        ),
        (
            "--tls-trust-store-password",
            &arguments.tls_trust_store_password,
        ),
        (
            "--codes-smtp-password",
            &arguments.codes.codes_smtp_password,
        ),
        (
            "--codes-smpp-password",
            &arguments.codes.codes_smpp_password,
        ),
    ];
    let given = secrets
        .iter()
        .filter_map(|(option, secret)| Some((*option, secret.as_deref()?)));
    let inside = arguments.database_url.as_deref().and_then(password_of);
    for (option, secret) in given.chain(inside.map(|secret| ("--database-url", secret))) {
        if is_placeholder(secret) {
            return Err(format!(
                "refusing to start: {option} holds a password of the manual's samples, which everybody knows; choose another"
            )
            .into());
        }
    }
    Ok(())
}

fn is_placeholder(secret: &str) -> bool {
    let only_stars = !secret.is_empty() && secret.bytes().all(|byte| byte == b'*');
    only_stars
        || PLACEHOLDERS
            .iter()
            .any(|one| one.eq_ignore_ascii_case(secret))
}

/// The password inside an address of a database: between name and host, or among its parameters.
pub fn password_of(address: &str) -> Option<&str> {
    let (place, parameters) = address.split_once('?').unwrap_or((address, ""));
    let credentials = place
        .split_once("://")
        .and_then(|(_, rest)| {
            rest.split_once('/')
                .map_or(Some(rest), |(host, _)| Some(host))
        })
        .and_then(|authority| authority.rsplit_once('@'))
        .and_then(|(credentials, _)| credentials.split_once(':'));
    let among = parameters
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("password="));
    credentials.map(|(_, password)| password).or(among)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_an_address_is_found_wherever_it_stands() {
        for (address, password) in [
            ("postgres://pc:hidden@db/pc", Some("hidden")),
            (
                "jdbc:postgresql://db/pc?user=pc&password=hidden",
                Some("hidden"),
            ),
            ("postgres://pc@db/pc", None),
            ("jdbc:postgresql://db/pc", None),
            ("sqlite:data/log.sqlite", None),
        ] {
            assert_eq!(password_of(address), password, "{address}");
        }
    }

    #[test]
    fn samples_are_refused_and_others_are_not() {
        for placeholder in ["changeit", "ChangeIt", "password", "********"] {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
        for own in ["", "changeit2", "correct horse"] {
            assert!(!is_placeholder(own), "{own}");
        }
    }
}
