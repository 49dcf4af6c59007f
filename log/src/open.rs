//! Opens the store that an address names.

use std::sync::Arc;

use schemas::Secret;

use crate::memory::MemoryLog;
use crate::port::{EventLog, Failure};
use crate::postgres::{ANSWER_TIMEOUT, AddressError, PostgresLog, connect_options};
use crate::sqlite::SqliteLog;

/// Who we are to the database, when that is not part of the address.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No store has such addresses.
    #[error(
        "no store has addresses that begin with {0:?}: use sqlite:, postgres://, jdbc:postgresql:// or memory:"
    )]
    UnknownScheme(String),
    /// The address of a PostgreSQL database is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database would acknowledge what it can still lose.
    #[error(
        "{setting} is off in PostgreSQL: a power cut would take back acknowledged events; turn it on for this database and user"
    )]
    NotDurable {
        /// The setting that is off.
        setting: &'static str,
    },
    /// The store cannot be reached, read or written.
    #[error(transparent)]
    Store(#[from] Failure),
}

/// Opens a log by its address: `sqlite:<path>`, `postgres://…`, `jdbc:postgresql://…`, `memory:`, or a plain path of a
/// SQLite file.
pub async fn open(address: &str) -> Result<Arc<dyn EventLog>, OpenError> {
    open_as(address, None).await
}

/// The same, with credentials that are not part of the address; only PostgreSQL asks for them.
pub async fn open_as(
    address: &str,
    credentials: Option<&Credentials>,
) -> Result<Arc<dyn EventLog>, OpenError> {
    Ok(match Store::of(address)? {
        Store::Memory => Arc::new(MemoryLog::new()),
        Store::Sqlite(path) => Arc::new(SqliteLog::open(path).await?),
        Store::Postgres => {
            let options = connect_options(address, credentials)?;
            Arc::new(PostgresLog::connect_with(options, ANSWER_TIMEOUT).await?)
        }
    })
}

/// The store that an address names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Store<'a> {
    Memory,
    Sqlite(&'a str),
    Postgres,
}

impl<'a> Store<'a> {
    pub(crate) fn of(address: &'a str) -> Result<Self, OpenError> {
        // A single letter before the colon is a drive.
        let Some((scheme, rest)) = address
            .split_once(':')
            .filter(|(scheme, _)| scheme.len() > 1)
        else {
            return Ok(Self::Sqlite(address));
        };
        match scheme {
            "memory" => Ok(Self::Memory),
            "sqlite" => Ok(Self::Sqlite(rest.strip_prefix("//").unwrap_or(rest))),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            "jdbc" if rest.starts_with("postgresql:") => Ok(Self::Postgres),
            _ if scheme.contains(['/', '.']) => Ok(Self::Sqlite(address)),
            _ => Err(OpenError::UnknownScheme(format!("{scheme}:"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_names_the_store() {
        for (address, store) in [
            ("memory:", Store::Memory),
            ("sqlite:data/log.db", Store::Sqlite("data/log.db")),
            ("sqlite:///var/lib/log.db", Store::Sqlite("/var/lib/log.db")),
            ("/var/lib/log.db", Store::Sqlite("/var/lib/log.db")),
            ("./today:12.db", Store::Sqlite("./today:12.db")),
            ("postgres://db/c", Store::Postgres),
            ("jdbc:postgresql://db/c", Store::Postgres),
        ] {
            assert_eq!(Store::of(address).expect(address), store, "{address}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_refused_by_name() {
        for address in ["mysql://bank:s3cret@db/c", "jdbc:oracle:thin:@db"] {
            let error = Store::of(address).expect_err(address).to_string();
            assert!(error.starts_with("no store has addresses"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
