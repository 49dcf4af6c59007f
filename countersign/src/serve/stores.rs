//! Where everything that must last lies: in the data folder, or in a database that the operator names.

use std::path::Path;

use bus::shell::RootSecret;

use crate::AnyError;

/// Addresses of the log, the read models and the outbox.
#[derive(Clone, Debug)]
pub struct Stores {
    /// The log and the vault. Not disposable.
    pub log: String,
    /// The read models and the journal. Disposable.
    pub read: String,
    /// What is owed to the outside. Not disposable.
    pub outbox: String,
}

impl Stores {
    /// One database for all three, or a SQLite file in the data folder for each.
    pub fn choose(data: &Path, database_url: Option<&str>) -> Self {
        if let Some(url) = database_url {
            return Self {
                log: url.to_owned(),
                read: url.to_owned(),
                outbox: url.to_owned(),
            };
        }
        let file = |name: &str| format!("sqlite:{}", data.join(name).display());
        Self {
            log: file("log.sqlite"),
            read: file("read.sqlite"),
            outbox: file("outbox.sqlite"),
        }
    }
}

/// Makes the data folder, for its owner alone, and reads or makes the root secret in it.
pub fn prepare(data: &Path) -> Result<RootSecret, AnyError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(|error| format!("cannot make the data folder {}: {error}", data.display()))?;
    Ok(RootSecret::open_or_create(&data.join("secret"))?)
}
