//! `countersign serve`: all roles in one process, or some of them.

mod bus_choice;
mod journal;
mod licensing;
mod roles;
pub mod stores;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gateway::Locale;
use schemas::settings::Settings;

use crate::AnyError;
use crate::telemetry::{self, LogFormat};

/// How to serve. Every value can come from the environment instead.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Where the doors listen; any address but loopback requires --tls-client-ca or --tokens
    #[arg(
        long,
        env = "COUNTERSIGN_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,
    /// Folder of everything that must last: the secret, and with SQLite the log and the read models
    #[arg(
        long,
        env = "COUNTERSIGN_DATA",
        default_value = "data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,
    /// Roles of this process
    #[arg(long, env = "COUNTERSIGN_ROLES", value_enum, value_delimiter = ',', default_values_t = Role::ALL)]
    pub roles: Vec<Role>,
    /// The bus: inside this process, or a nats-server that this process starts and supervises
    #[arg(long, env = "COUNTERSIGN_NATS", value_enum, default_value_t = NatsChoice::InProcess)]
    pub nats: NatsChoice,
    /// The bus: an existing NATS, 2.15.1 or newer with `sync_interval: always`
    #[arg(
        long,
        env = "COUNTERSIGN_NATS_URL",
        conflicts_with = "nats",
        value_name = "nats://HOST:PORT"
    )]
    pub nats_url: Option<String>,
    /// HTTP monitor of that NATS, from which its sync setting is read
    #[arg(
        long,
        env = "COUNTERSIGN_NATS_MONITOR",
        requires = "nats_url",
        value_name = "HOST:PORT"
    )]
    pub nats_monitor: Option<String>,
    /// Start although the sync setting of that NATS cannot be read
    #[arg(long, requires = "nats_url")]
    pub nats_unverified_sync: bool,
    /// Copies of each stream: 3 in a cluster
    #[arg(
        long,
        env = "COUNTERSIGN_NATS_REPLICAS",
        default_value_t = 1,
        value_name = "1|3"
    )]
    pub nats_replicas: usize,
    /// PostgreSQL for the log, the read models and the outbox, `postgres://` or `jdbc:postgresql://`; SQLite in the data
    /// folder without it
    #[arg(
        long,
        env = "COUNTERSIGN_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<String>,
    /// One of the manual's settings, for example DEFAULT_TRANSACTION_TTL=600; may be given more than once
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub settings: Vec<(String, String)>,
    /// Name of this instance in the journal (`pc_instance_name`)
    #[arg(long, env = "COUNTERSIGN_INSTANCE_NAME", value_name = "NAME")]
    pub instance_name: Option<String>,
    /// Public key of the issuer of registration requests: SubjectPublicKeyInfo, hex
    #[arg(long, env = "COUNTERSIGN_ISSUER_PUBLIC_KEY", value_name = "HEX")]
    pub issuer_public_key: Option<String>,
    /// Public key of the issuer of licenses, SubjectPublicKeyInfo, hex: without one nothing needs a license
    #[arg(
        long,
        env = "COUNTERSIGN_LICENSE_ISSUER_PUBLIC_KEY",
        value_name = "HEX"
    )]
    pub license_issuer_public_key: Option<String>,
    /// Bearer tokens of the systems: lines of `<system_id or *> <sha256 hex of the token>`
    #[arg(long, env = "COUNTERSIGN_TOKENS", value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Certificate chain of the doors, PEM
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_CERT",
        requires = "tls_key",
        value_name = "FILE"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the doors, PEM
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_KEY",
        requires = "tls_cert",
        value_name = "FILE"
    )]
    pub tls_key: Option<PathBuf>,
    /// Authorities whose client certificates are let in, PEM
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_CLIENT_CA",
        requires = "tls_cert",
        value_name = "FILE"
    )]
    pub tls_client_ca: Option<PathBuf>,
    /// Proxies of yours before the doors: so many entries of X-Forwarded-For are believed
    #[arg(
        long,
        env = "COUNTERSIGN_TRUSTED_HOPS",
        default_value_t = 0,
        value_name = "NUMBER"
    )]
    pub trusted_hops: usize,
    /// Language of the errors a device hears
    #[arg(long, env = "PC_EXTERNAL_LOCALE", default_value = "ru", value_name = "ru|en", value_parser = locale)]
    pub locale: Locale,
    /// Folder of the applications' themes, each as v52/<system_id>.zip
    #[arg(long, env = "PC_EXTERNAL_THEMESPATH", value_name = "FOLDER")]
    pub themes_path: Option<PathBuf>,
    /// Scheme of deep links where neither the request nor the system names one
    #[arg(long, env = "PC_EXTERNAL_DEEPLINKSCHEME", value_name = "SCHEME")]
    pub deeplink_scheme: Option<String>,
    /// How log lines look
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Which log lines, in the syntax of RUST_LOG
    #[arg(
        long,
        env = "COUNTERSIGN_LOG",
        default_value = "info,sqlx=warn,async_nats=warn",
        value_name = "FILTER"
    )]
    pub log_filter: String,
    /// Where traces are sent, OTLP over HTTP, for example http://127.0.0.1:4318
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Answers HTTP
    Gateway,
    /// Decides and appends
    Runner,
    /// Builds the read models and the journal
    Projector,
    /// Sends callbacks and event posts, and asks services outside
    Reactors,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Runner, Self::Projector, Self::Reactors];
}

/// Which bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NatsChoice {
    /// Inside this process
    InProcess,
    /// A nats-server started and supervised by this process
    Child,
}

fn locale(text: &str) -> Result<Locale, String> {
    let known = Locale::ALL.into_iter().find(|locale| locale.word() == text);
    known.ok_or_else(|| "expected ru or en".to_owned())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The settings given on the command line, over the manual's defaults.
fn settings(arguments: &ServeArguments) -> Result<Settings, AnyError> {
    let mut settings = Settings::default();
    for (name, value) in &arguments.settings {
        settings.set(name, value)?;
    }
    Ok(settings)
}

/// Serves until the process is told to end.
pub fn run(arguments: ServeArguments) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let telemetry = telemetry::start(
        arguments.log_format,
        &arguments.log_filter,
        arguments.otlp_endpoint.as_deref(),
    )?;
    let settings = settings(&arguments)?;
    let outcome = runtime.block_on(roles::serve(arguments, settings));
    telemetry.end();
    outcome
}
