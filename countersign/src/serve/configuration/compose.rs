//! From the manual's keys to options: an address out of two keys, a log filter out of levels, and values that have one
//! permitted meaning here.

use super::keys::Means;
use super::names::Merged;
use super::{Given, told};
use crate::AnyError;

/// What other programs' lines are shown beside ours.
const QUIET: &str = "sqlx=warn,async_nats=warn";

/// Options of `serve`, by long name.
pub fn options(mut merged: Merged) -> Result<Vec<(String, Given)>, AnyError> {
    let mut parts = Parts(&mut merged);
    let mut options = Vec::new();
    options.extend(parts.listen());
    options.extend(parts.log()?);
    parts.check()?;
    let has_tls = parts
        .take("server.ssl.enabled")
        .is_none_or(|given| given.value != "false");
    for (name, (means, mut given)) in merged {
        match means {
            Means::Option(option) => {
                if name.starts_with("server.ssl.") {
                    if !has_tls {
                        continue;
                    }
                    given = located(given)?;
                }
                options.push((option, given));
            }
            Means::Nothing(reason) => {
                eprintln!("countersign: {} is not used: {reason}", told(&given.source));
            }
            Means::Part => {}
        }
    }
    Ok(options)
}

struct Parts<'a>(&'a mut Merged);

impl Parts<'_> {
    fn take(&mut self, name: &str) -> Option<Given> {
        self.0.remove(name).map(|(_, given)| given)
    }

    fn listen(&mut self) -> Option<(String, Given)> {
        let (address, port) = (self.take("server.address"), self.take("server.port"));
        let source = port.as_ref().or(address.as_ref())?.source.clone();
        let host = address.map_or("127.0.0.1".to_owned(), |given| given.value);
        let host = match host.as_str() {
            "localhost" => "127.0.0.1".to_owned(),
            host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
            _ => host,
        };
        let port = port.map_or("8080".to_owned(), |given| given.value);
        let value = format!("{host}:{port}");
        Some(("listen".to_owned(), Given { value, source }))
    }

    fn log(&mut self) -> Result<Option<(String, Given)>, AnyError> {
        let root = self.take("logging.level.root");
        let Some(given) = self.take("logging.level.tech.paycon").or(root) else {
            return Ok(None);
        };
        let level = given.value.to_lowercase();
        if !["trace", "debug", "info", "warn", "error", "off"].contains(&level.as_str()) {
            return Err(format!("{} is no level of a log", told(&given.source)).into());
        }
        let value = format!("{level},{QUIET}");
        Ok(Some(("log-filter".to_owned(), Given { value, ..given })))
    }

    /// Values that mean what we do anyway, or something we do not.
    fn check(&mut self) -> Result<(), AnyError> {
        let stores = "PKCS12: `keytool -importkeystore -deststoretype pkcs12` makes one of another";
        for (name, permitted, otherwise) in [
            (
                "spring.jpa.database-platform",
                &["org.hibernate.dialect.PostgreSQLDialect"][..],
                "PostgreSQL, or SQLite without a database's address",
            ),
            ("server.ssl.key-store-type", &["PKCS12"], stores),
            ("server.ssl.trust-store-type", &["PKCS12"], stores),
            (
                "server.ssl.protocol",
                &["TLS", "TLSv1.2", "TLSv1.3"],
                "TLS 1.2 and 1.3",
            ),
            (
                "server.servlet.context-path",
                &[
                    "/",
                    "/pc-api",
                    "/pc-api/",
                    "/pc-client-api",
                    "/pc-client-api/",
                ],
                "the paths /pc-api and /pc-client-api; a proxy can put others before them",
            ),
        ] {
            if let Some(given) = self.take(name)
                && !permitted
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(&given.value))
            {
                return Err(format!("{}: there is only {otherwise}", told(&given.source)).into());
            }
        }
        Ok(())
    }
}

/// A file as the framework writes it: with `file:` before it.
fn located(given: Given) -> Result<Given, AnyError> {
    if given.value.starts_with("classpath:") {
        return Err(format!(
            "{}: there is no class path, name a file",
            told(&given.source)
        )
        .into());
    }
    let value = match given.value.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path).to_owned(),
        None => given.value,
    };
    Ok(Given { value, ..given })
}

#[cfg(test)]
mod tests {
    use super::super::{keys, names};
    use super::*;

    fn composed(file: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let options = ["listen", "tls-key-store"].map(ToOwned::to_owned);
        let file = file.iter();
        let file = file.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let known = keys::known(&options);
        let merged = names::merge(&known, file.collect(), std::iter::empty());
        let options = options_of(merged.map_err(|error| error.to_string())?);
        options.map_err(|error| error.to_string())
    }

    fn options_of(merged: Merged) -> Result<Vec<(String, String)>, AnyError> {
        let options = options(merged)?.into_iter();
        Ok(options
            .map(|(option, given)| (option, given.value))
            .collect())
    }

    fn one(option: &str, value: &str) -> Vec<(String, String)> {
        vec![(option.to_owned(), value.to_owned())]
    }

    #[test]
    fn an_address_is_made_of_host_and_port() {
        let found = composed(&[("server.port", "8443")]);
        assert_eq!(found, Ok(one("listen", "127.0.0.1:8443")));
        let found = composed(&[("server.port", "1"), ("server.address", "::")]);
        assert_eq!(found, Ok(one("listen", "[::]:1")));
        let found = composed(&[("server.address", "0.0.0.0")]);
        assert_eq!(found, Ok(one("listen", "0.0.0.0:8080")));
    }

    #[test]
    fn a_level_becomes_a_filter() {
        let found = composed(&[
            ("logging.level.tech.paycon", "DEBUG"),
            ("logging.level.root", "warn"),
        ]);
        assert_eq!(
            found,
            Ok(one("log-filter", "debug,sqlx=warn,async_nats=warn"))
        );
        assert!(composed(&[("logging.level.root", "loud")]).is_err());
    }

    #[test]
    fn files_are_named_as_the_framework_does() {
        let found = composed(&[("server.ssl.key-store", "file:keystore.p12")]);
        assert_eq!(found, Ok(one("tls-key-store", "keystore.p12")));
        assert!(composed(&[("server.ssl.key-store", "classpath:a.p12")]).is_err());
        let off = [
            ("server.ssl.key-store", "a"),
            ("server.ssl.enabled", "false"),
        ];
        assert_eq!(composed(&off), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_here_is_refused_by_name() {
        for (name, value, right) in [
            (
                "spring.jpa.database-platform",
                "org.hibernate.dialect.OracleDialect",
                "org.hibernate.dialect.PostgreSQLDialect",
            ),
            ("server.ssl.key-store-type", "JKS", "pkcs12"),
            ("server.ssl.protocol", "SSLv3", "TLS"),
            ("server.servlet.context-path", "/bank", "/pc-api"),
        ] {
            let refused = composed(&[(name, value)]).unwrap_err();
            assert!(refused.contains(name), "{refused}");
            assert_eq!(composed(&[(name, right)]), Ok(Vec::new()), "{name}");
        }
    }
}
