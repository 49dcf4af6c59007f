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
