//! Addresses of databases: ours, PostgreSQL's, and the JDBC form that the reference manual's configuration files use.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

/// Where a database is. It does not print, since it may hold a password.
#[derive(Clone)]
pub enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

/// The text is no address of a database. It is not repeated here, since it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAddress {
    /// Another kind of database, or none.
    #[error(
        "not a database address: expected sqlite:<path>, postgres://... or jdbc:postgresql://..."
    )]
    Kind,
    /// PostgreSQL's own address cannot be read.
    #[error("cannot read the address of the PostgreSQL database")]
    Postgres(#[source] sqlx::Error),
}

/// The parameters of an address that mean something here: JDBC's name, and ours.
const PARAMETERS: [(&str, &str); 6] = [
    ("user", "user"),
    ("password", "password"),
    ("sslmode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ApplicationName", "application_name"),
    ("currentSchema", "options[search_path]"),
];

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err(InvalidAddress::Kind)
            } else {
                Ok(Self::Sqlite(PathBuf::from(path)))
            };
        }
        let native = match text.strip_prefix("jdbc:") {
            Some(rest) if rest.starts_with("postgresql://") => translate(rest),
            None if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                text.to_owned()
            }
            _ => return Err(InvalidAddress::Kind),
        };
        PgConnectOptions::from_str(&native)
            .map(|options| Self::Postgres(Box::new(options)))
            .map_err(InvalidAddress::Postgres)
    }
}

/// A JDBC address without its `jdbc:`, in PostgreSQL's own words. Parameters that steer only the Java driver are left out.
fn translate(address: &str) -> String {
    let Some((place, parameters)) = address.split_once('?') else {
        return address.to_owned();
    };
    let known: Vec<String> = parameters
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .filter_map(|(name, value)| match (name, value) {
            ("ssl", "true") => Some("sslmode=require".to_owned()),
            _ => PARAMETERS
                .iter()
                .find(|(theirs, _)| *theirs == name)
                .map(|(_, ours)| format!("{ours}={value}")),
        })
        .collect();
    if known.is_empty() {
        place.to_owned()
    } else {
        format!("{place}?{}", known.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jdbc_address_becomes_postgresqls_own() {
        let address = "postgresql://db:5433/pc?user=pc&password=s&ssl=true&currentSchema=pc&reWriteBatchedInserts=true";
        assert_eq!(
            translate(address),
            "postgresql://db:5433/pc?user=pc&password=s&sslmode=require&options[search_path]=pc"
        );
        let Ok(Address::Postgres(options)) = Address::parse(&format!("jdbc:{address}")) else {
            panic!("a JDBC address of PostgreSQL is an address");
        };
        assert_eq!(
            (
                options.get_host(),
                options.get_port(),
                options.get_username()
            ),
            ("db", 5433, "pc")
        );
    }

    #[test]
    fn other_databases_are_refused_without_repeating_the_password() {
        for text in [
            "mysql://u:hidden@h/d",
            "jdbc:oracle:thin:u/hidden@h",
            "hidden",
            "sqlite:",
        ] {
            match Address::parse(text) {
                Ok(_) => panic!("{text} is no address of ours"),
                Err(error) => assert!(!format!("{error:?} {error}").contains("hidden")),
            }
        }
    }
}
