//! What the program hands to the doors: where to listen, how to be protected, and what stands behind.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bus::shell::{Clock, LiveSettings, RootSecret};
use bus::{Bus, Sealer};
use schemas::Secret;

use crate::auth::TokenFile;
use crate::evidence::EvidenceQuery;
use crate::journal::JournalQuery;
use crate::letters::LettersQuery;
use crate::limits::Limits;
use crate::pushes::PushDesk;

/// Where and how to listen.
#[derive(Clone)]
pub struct GatewayOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Which doors open there.
    pub doors: Doors,
    /// TLS; `None` speaks plain HTTP.
    pub tls: Option<GatewayTls>,
    /// Bearer tokens of the application systems; `None` asks for none.
    pub tokens: Option<TokenFile>,
    /// Where health and metrics are served, in plain HTTP and to anybody who reaches it. `None` serves them at
    /// [`Self::address`], metrics to callers on this machine only.
    pub operations_address: Option<SocketAddr>,
    /// Public key of whoever signs registration requests, P-256, SubjectPublicKeyInfo DER. `None` takes unsigned requests
    /// on a loopback address and none at all elsewhere.
    pub issuer_public_key: Option<Vec<u8>>,
    /// How many proxies of ours stand before the door: so many right-most entries of `X-Forwarded-For` are believed.
    pub trusted_hops: usize,
    /// Language of the devices' door's errors.
    pub locale: Locale,
    /// Folder of the applications' themes; `None` serves none.
    pub themes_path: Option<PathBuf>,
    /// Scheme of deep links where neither the request nor the system names one; `None` means `paycontrol`.
    pub deeplink_scheme: Option<String>,
    /// Limits.
    pub limits: Limits,
    /// Renders the metrics in the Prometheus text format.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether the house behind the doors can serve.
    pub is_ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Which doors a listener opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    /// All of them.
    All,
    /// The banks' only.
    System,
    /// The devices' only. Every request authenticates itself, so this door needs no credentials of the listener.
    Mobile,
    /// The pushes' only, for a house whose pushes this process sends.
    Pusher,
}

/// A language of error texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// Russian: the manual's default.
    #[default]
    Ru,
    /// English.
    En,
}

impl Locale {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The manual's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

/// TLS of a listener.
#[derive(Clone, Debug)]
pub struct GatewayTls {
    /// Who we are.
    pub identity: TlsIdentity,
    /// Whose clients are let in; `None` asks clients for no certificate.
    pub clients: Option<TlsClients>,
}

/// A certificate chain and its private key.
#[derive(Clone, Debug)]
pub enum TlsIdentity {
    /// In two PEM files.
    Pem {
        /// The chain.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// In a PKCS#12 key store, as Java's keytool and openssl write it.
    Pkcs12(KeyStore),
}

/// Certificates that are asked of clients.
#[derive(Clone, Debug)]
pub struct TlsClients {
    /// Who issues them.
    pub authorities: TlsAuthorities,
    /// May a client come without one?
    pub certificate: ClientCertificate,
}

/// Authorities of client certificates.
#[derive(Clone, Debug)]
pub enum TlsAuthorities {
    /// In a PEM file.
    Pem(PathBuf),
    /// In a PKCS#12 trust store.
    Pkcs12(KeyStore),
}

/// Whether a client needs a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Without one there is no connection.
    Need,
    /// Without one there is; one that is shown has to be right.
    Want,
}

/// A PKCS#12 file and what opens it.
#[derive(Clone, Debug)]
pub struct KeyStore {
    /// The file.
    pub path: PathBuf,
    /// Its password.
    pub password: Secret,
}

impl TlsClients {
    /// Authorities in a PEM file, without whose certificate there is no connection.
    pub fn of(path: PathBuf) -> Self {
        Self {
            authorities: TlsAuthorities::Pem(path),
            certificate: ClientCertificate::Need,
        }
    }
}

/// What stands behind the doors.
#[derive(Clone, Debug)]
pub struct House {
    /// Carries commands.
    pub bus: Arc<dyn Bus>,
    /// Closes commands and opens answers.
    pub sealer: Sealer,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The settings in force.
    pub settings: Arc<LiveSettings>,
    /// Reads the journal.
    pub journal: Arc<dyn JournalQuery>,
    /// Reads the evidence.
    pub evidence: Arc<dyn EvidenceQuery>,
    /// Reads what is owed to the banks.
    pub letters: Arc<dyn LettersQuery>,
    /// Sends pushes for other processes; `None` when this one sends none.
    pub pushes: Option<Arc<dyn PushDesk>>,
    /// The callbacks' keys are derived from it.
    pub root: RootSecret,
    /// Name of this instance for the journal (`pc_instance_name`).
    pub instance: Option<String>,
}

impl GatewayOptions {
    /// Both doors at this address with the default limits, no TLS, no tokens, no metrics, always ready.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            doors: Doors::All,
            tls: None,
            tokens: None,
            operations_address: None,
            issuer_public_key: None,
            trusted_hops: 0,
            locale: Locale::default(),
            themes_path: None,
            deeplink_scheme: None,
            limits: Limits::default(),
            render_metrics: Arc::new(String::new),
            is_ready: Arc::new(|| true),
        }
    }
}
