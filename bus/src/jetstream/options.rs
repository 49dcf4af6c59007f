//! Where the servers are, how to get in, and what to insist on.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use schemas::Secret;

use super::check::SyncProof;
use crate::analysts::UserKey;
use crate::limits::Limits;

/// How to reach JetStream.
#[derive(Clone)]
pub struct JetStreamOptions {
    /// Addresses: one or more `nats://host:port` or `tls://host:port`, separated by commas.
    pub url: String,
    /// How to get in.
    pub access: Access,
    /// How to recognize the servers and to be recognized; `None` for the machine's own certificate authorities.
    pub tls: Option<Tls>,
    /// Replicas of every stream: 1, or 3 in a cluster.
    pub replicas: usize,
    /// How long events stay on the public stream; `None` for what `nats/evt.json` says.
    pub events_kept: Option<Duration>,
    /// How we know that the servers flush every message to disk.
    pub sync_proof: SyncProof,
    /// Limits of commands.
    pub limits: Limits,
}

impl JetStreamOptions {
    /// Options for servers at these addresses, everything else as it is by default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            access: Access::Open,
            tls: None,
            replicas: 1,
            events_kept: None,
            sync_proof: SyncProof::default(),
            limits: Limits::default(),
        }
    }
}

/// Without what the URL may carry besides the place.
impl fmt::Debug for JetStreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamOptions")
            .field("url", &Addresses::of(&self.url))
            .field("access", &self.access)
            .field("tls", &self.tls)
            .field("replicas", &self.replicas)
            .field("events_kept", &self.events_kept)
            .field("sync_proof", &self.sync_proof)
            .field("limits", &self.limits)
            .finish()
    }
}

/// How to get in.
#[derive(Clone, Debug)]
pub enum Access {
    /// The server asks nothing, or the URL says it.
    Open,
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A key that the server knows the public half of.
    Key(UserKey),
    /// A `.creds` file with a JWT and its seed.
    CredentialsFile(PathBuf),
}

/// How to recognize the servers and to be recognized.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificates of the authorities to trust, PEM.
    pub authorities: Option<PathBuf>,
    /// Our own certificate and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The server could not be reached, or did not let us in.
#[derive(Debug, thiserror::Error)]
pub enum UnreachableError {
    /// No connection.
    #[error("cannot connect to {0}")]
    Connect(Addresses, #[source] async_nats::ConnectError),
    /// The credentials file is of no use.
    #[error("cannot use the credentials file {0}")]
    Credentials(String, #[source] std::io::Error),
    /// The password is not text.
    #[error("the password for the bus is not UTF-8")]
    Password,
}

/// Addresses without the user and the password they may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(Vec<String>);

impl Addresses {
    /// What may be shown of an URL.
    pub fn of(url: &str) -> Self {
        let shown = url.split(',').map(str::trim).map(|address| {
            let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            format!("{scheme}://{place}")
        });
        Self(shown.collect())
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Connects with these options; `heard` is called with what happens to the connection.
pub(crate) async fn connect(
    options: &JetStreamOptions,
    access: &Access,
    heard: impl Fn(Event) + Send + Sync + 'static,
) -> Result<Client, UnreachableError> {
    let mut connect = ConnectOptions::new()
        .name("countersign")
        .connection_timeout(Duration::from_secs(5))
        .request_timeout(Some(Duration::from_secs(5)))
        // A half-open connection is noticed after two unanswered pings.
        .ping_interval(Duration::from_secs(5))
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(50)
                .saturating_mul(1 << attempts.clamp(1, 6))
                .min(Duration::from_secs(2))
        })
        .event_callback(move |event| {
            heard(event);
            std::future::ready(())
        });
    connect = match access {
        Access::Open => match signed_in(&options.url) {
            Some((user, password)) => connect.user_and_password(user, password),
            None => connect,
        },
        Access::Password { user, password } => {
            let password = password.expose_text().ok_or(UnreachableError::Password)?;
            connect.user_and_password(user.clone(), password.to_owned())
        }
        Access::Key(key) => {
            let seed = key.seed().expose_text().ok_or(UnreachableError::Password)?;
            connect.nkey(seed.to_owned())
        }
        Access::CredentialsFile(path) => connect
            .credentials_file(path)
            .await
            .map_err(|source| UnreachableError::Credentials(path.display().to_string(), source))?,
    };
    if let Some(tls) = &options.tls {
        connect = connect.require_tls(true);
        if let Some(authorities) = &tls.authorities {
            connect = connect.add_root_certificates(authorities.clone());
        }
        if let Some((certificate, key)) = &tls.identity {
            connect = connect.add_client_certificate(certificate.clone(), key.clone());
        }
    }
    connect
        .connect(Addresses::of(&options.url).0)
        .await
        .map_err(|source| UnreachableError::Connect(Addresses::of(&options.url), source))
}

/// User and password of the first address that names them; the client itself does not look there.
fn signed_in(url: &str) -> Option<(String, String)> {
    url.split(',').find_map(|address| {
        let (_, rest) = address.split_once("://").unwrap_or(("", address));
        let (signed, _) = rest.rsplit_once('@')?;
        let (user, password) = signed.split_once(':')?;
        Some((out_of_percent(user.trim())?, out_of_percent(password)?))
    })
}

/// The text behind percent signs with two digits; `None` when it is none.
fn out_of_percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.extend(hex::decode(digits).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_we_are_may_stand_in_an_address() {
        let named = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (url, expected) in [
            ("nats://one:4222", None),
            ("nats://me:hush@one:4222", named("me", "hush")),
            (
                "tls://one:4222, tls://me:a%40b%3a@two:4222",
                named("me", "a@b:"),
            ),
            ("me:hu@sh@one:4222", named("me", "hu@sh")),
            ("nats://token@one:4222", None),
            ("nats://me:%4@one:4222", None),
        ] {
            assert_eq!(signed_in(url), expected, "{url}");
        }
    }

    #[test]
    fn a_password_in_an_url_is_not_shown() {
        assert_eq!(
            Addresses::of("nats://me:secret@one:4222, two:4222").to_string(),
            "nats://one:4222, nats://two:4222"
        );
        let options = JetStreamOptions::new("nats://me:secret@one:4222");
        assert!(!format!("{options:?}").contains("secret"));
    }
}
