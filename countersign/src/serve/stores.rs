//! Where everything that must last lies: in the data folder, or in a database that the operator names.

use std::path::{Path, PathBuf};

use bus::shell::RootSecret;
use clap::Args;

use crate::AnyError;

/// What lies in a data folder into which a restore was begun and not ended.
pub const RESTORING: &str = "restoring";

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

/// Where an order that works on the stores finds them; the options and variables of `serve`.
#[derive(Clone, Debug, Args)]
pub struct StoreArguments {
    /// Folder of the data
    #[arg(
        long,
        env = "COUNTERSIGN_DATA",
        default_value = "data",
        value_name = "FOLDER"
    )]
    data: PathBuf,
    /// PostgreSQL of the log, the read models and the outbox, instead of the files in the data folder
    #[arg(
        long,
        env = "COUNTERSIGN_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    /// User of that database, where the address names none
    #[arg(long, env = "COUNTERSIGN_DATABASE_USER", value_name = "NAME")]
    database_user: Option<String>,
    /// Password of that user; better from the environment
    #[arg(
        long,
        env = "COUNTERSIGN_DATABASE_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    database_password: Option<String>,
}

impl StoreArguments {
    /// The stores that are named.
    pub fn stores(&self) -> Stores {
        let stores = Stores::choose(&self.data, self.database_url.as_deref());
        if self.database_url.is_none() {
            return stores;
        }
        let (user, password) = (&self.database_user, &self.database_password);
        stores.signed_in(user.as_deref(), password.as_deref())
    }

    /// The root secret of the service, which has to be there.
    pub fn root(&self) -> Result<RootSecret, AnyError> {
        let file = self.data.join("secret");
        if !file.exists() {
            return Err(format!(
                "there is no {}: the order needs the service's --data",
                file.display()
            )
            .into());
        }
        Ok(RootSecret::open_or_create(&file)?)
    }

    /// The folder of the data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The file of the outbox, when it is one.
    pub fn outbox_file(&self) -> Option<PathBuf> {
        let is_file = self.database_url.is_none();
        is_file.then(|| self.data.join("outbox.sqlite"))
    }
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

    /// The same, with who we are to the database among the parameters of its address.
    pub fn signed_in(self, user: Option<&str>, password: Option<&str>) -> Self {
        let parameters = [("user", user), ("password", password)];
        let parameters = parameters
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", in_percent((*value)?))));
        let parameters: Vec<String> = parameters.collect();
        if parameters.is_empty() {
            return self;
        }
        let with = |address: String| {
            let sign = if address.contains('?') { '&' } else { '?' };
            format!("{address}{sign}{}", parameters.join("&"))
        };
        Self {
            log: with(self.log),
            read: with(self.read),
            outbox: with(self.outbox),
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
    if data.join(RESTORING).exists() {
        let data = data.display();
        return Err(format!("a restore into {data} was not finished: run it again").into());
    }
    Ok(RootSecret::open_or_create(&data.join("secret"))?)
}

/// Every byte that could end a parameter, as a percent sign and two digits.
fn in_percent(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_password_travel_among_the_parameters() {
        let stores = |address| Stores::choose(Path::new("data"), Some(address));
        let named = stores("jdbc:postgresql://db/pc").signed_in(Some("pc"), Some("a b&c=d%"));
        assert_eq!(
            named.log,
            "jdbc:postgresql://db/pc?user=pc&password=a%20b%26c%3Dd%25"
        );
        let named = stores("postgres://db/pc?sslmode=require").signed_in(Some("pc"), None);
        assert_eq!(named.outbox, "postgres://db/pc?sslmode=require&user=pc");
        assert_eq!(
            stores("postgres://db/pc").signed_in(None, None).read,
            "postgres://db/pc"
        );
    }
}
