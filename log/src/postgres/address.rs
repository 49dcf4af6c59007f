//! Addresses of a PostgreSQL database: `postgres://…` as its own tools write it, `jdbc:postgresql://…` as the settings of
//! an existing installation do.

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::open::Credentials;

/// Why a text is not the address of a PostgreSQL database. It never repeats the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It begins with something else.
    #[error("the address must begin with postgres://, postgresql:// or jdbc:postgresql:")]
    Scheme,
    /// A list of hosts, of which the driver would have to pick the primary.
    #[error("the address names several hosts: name the primary, or a name that leads to it")]
    SeveralHosts,
    /// A parameter has a value that cannot be.
    #[error("the parameter {0} of the address has no permitted value")]
    Parameter(String),
    /// Host, port or database cannot be read.
    #[error("the address cannot be read")]
    Unreadable(#[source] sqlx::Error),
}

/// Reads an address. Credentials given beside it win over those inside it.
pub fn connect_options(
    address: &str,
    credentials: Option<&Credentials>,
) -> Result<PgConnectOptions, AddressError> {
    let (plain, parameters) = address.split_once('?').unwrap_or((address, ""));
    let plain = match plain.strip_prefix("jdbc:") {
        Some(jdbc) => translate_jdbc(jdbc)?,
        None => plain.to_owned(),
    };
    let (scheme, rest) = plain.split_once("://").ok_or(AddressError::Scheme)?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(AddressError::Scheme);
    }
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    if hosts.contains(',') {
        return Err(AddressError::SeveralHosts);
    }
    let mut options: PgConnectOptions = plain.parse().map_err(AddressError::Unreadable)?;
    for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let unreadable = || AddressError::Parameter(name.to_owned());
        let value = percent_decoded(value).ok_or_else(unreadable)?;
        options = with_parameter(options, name, &value).ok_or_else(unreadable)?;
    }
    if let Some(Credentials { user, password }) = credentials {
        let password = password
            .expose_text()
            .ok_or_else(|| AddressError::Parameter("password".to_owned()))?;
        options = options.username(user).password(password);
    }
    Ok(options)
}

/// `postgresql://host/database`, or the short forms `postgresql:database` and `postgresql:/` for the local machine.
fn translate_jdbc(address: &str) -> Result<String, AddressError> {
    let rest = address
        .strip_prefix("postgresql:")
        .ok_or(AddressError::Scheme)?;
    Ok(match rest.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => format!("postgresql://localhost{rest}"),
        Some(rest) => format!("postgresql://{rest}"),
        None => format!("postgresql://localhost/{}", rest.trim_start_matches('/')),
    })
}

/// `None` when the value is not permitted.
fn with_parameter(options: PgConnectOptions, name: &str, value: &str) -> Option<PgConnectOptions> {
    Some(match name {
        "user" => options.username(value),
        "password" => options.password(value),
        "host" if value.starts_with('/') => options.socket(value),
        "host" => options.host(value),
        "port" => options.port(value.parse().ok()?),
        "dbname" => options.database(value),
        "application_name" | "ApplicationName" => options.application_name(value),
        "currentSchema" => options.options([("search_path", value)]),
        "sslmode" => options.ssl_mode(value.parse().ok()?),
        // The JDBC driver means by `ssl=true` a server whose name and certificate were verified.
        "ssl" => match value {
            "" | "true" => options.ssl_mode(PgSslMode::VerifyFull),
            "false" => options,
            _ => return None,
        },
        "sslrootcert" => options.ssl_root_cert(value),
        "sslcert" => options.ssl_client_cert(value),
        "sslkey" => options.ssl_client_key(value),
        // As the server's own tools write it: `-c name=value`, several times.
        "options" => {
            let settings = value.split_whitespace().filter(|word| *word != "-c");
            let pairs = settings.map(|setting| {
                let setting = setting.trim_start_matches("--");
                setting
                    .strip_prefix("-c")
                    .unwrap_or(setting)
                    .split_once('=')
            });
            options.options(pairs.collect::<Option<Vec<_>>>()?)
        }
        _ => {
            // Only the name: a misspelled password must not reach the log file.
            tracing::warn!(
                parameter = name,
                "ignoring an unknown parameter of the database address"
            );
            options
        }
    })
}

/// `None` when a percent sign is not followed by two hexadecimal digits, or when the result is not text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                (high * 16 + low) as u8
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> PgConnectOptions {
        connect_options(address, None).expect("the address is right")
    }

    #[test]
    fn a_jdbc_address_leads_to_the_same_place_as_a_plain_one() {
        for address in [
            "postgres://bank:s%40fe@db.bank:5433/countersign?sslmode=require",
            "jdbc:postgresql://db.bank:5433/countersign?user=bank&password=s%40fe&sslmode=require",
        ] {
            let options = read(address);
            assert_eq!(options.get_host(), "db.bank");
            assert_eq!(options.get_port(), 5433);
            assert_eq!(options.get_username(), "bank");
            assert_eq!(options.get_database(), Some("countersign"));
            assert!(matches!(options.get_ssl_mode(), PgSslMode::Require));
        }
    }

    #[test]
    fn the_short_jdbc_forms_mean_the_local_machine() {
        for address in [
            "jdbc:postgresql:countersign",
            "jdbc:postgresql:/countersign",
            "jdbc:postgresql:///countersign",
            "jdbc:postgresql://localhost/countersign",
        ] {
            assert_eq!(read(address).get_host(), "localhost", "{address}");
            assert_eq!(
                read(address).get_database(),
                Some("countersign"),
                "{address}"
            );
        }
    }

    #[test]
    fn credentials_beside_the_address_win() {
        let credentials = Credentials {
            user: "vault".to_owned(),
            password: schemas::Secret::new("x"),
        };
        let options = connect_options("jdbc:postgresql://db/c?user=bank", Some(&credentials));
        assert_eq!(
            options.expect("the address is right").get_username(),
            "vault"
        );
    }

    #[test]
    fn settings_of_the_session_are_passed_on() {
        let options = read("postgres://db/c?options=-c%20synchronous_commit%3Doff%20--jit%3Doff");
        assert_eq!(
            options.get_options(),
            Some("-c synchronous_commit=off -c jit=off")
        );
        let options = read("jdbc:postgresql://db/c?currentSchema=bank&tcpKeepAlive=true");
        assert_eq!(options.get_options(), Some("-c search_path=bank"));
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_it() {
        for address in [
            "mysql://bank:s3cret@db/c",
            "jdbc:mysql://db/c?password=s3cret",
            "postgres://bank:s3cret@one,two/c",
            "postgres://bank:s3cret@db:port/c",
            "postgres://db/c?password=s3cret%zz",
            "jdbc:postgresql://db/c?password=s3cret&sslmode=perhaps",
        ] {
            let error = connect_options(address, None).expect_err(address);
            assert!(
                !format!("{error:?} {error}").contains("s3cret"),
                "{error:?}"
            );
        }
    }
}
