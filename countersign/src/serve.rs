//! `countersign serve`: all roles in one process, or some of them.
//!
//! The arguments are the one list of what can be configured; `configuration.rs` says where else their values come from.

pub mod bus_choice;
mod codes;
pub mod configuration;
mod egress;
mod licensing;
mod receivers;
mod roles;
pub mod stores;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, FromArgMatches as _, ValueEnum};
use gateway::Locale;
use reactors::EgressRules;
use schemas::settings::Settings;

use crate::AnyError;
use crate::telemetry::{self, LogFormat};

/// How to serve. Every value can come from the environment instead.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// A file with configuration, in the form of the manual's application.yml; the command line and the environment win
    /// over it
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration in force, with the source of each value and without secrets, and end
    #[arg(long)]
    pub print_config: bool,
    /// Where the doors listen [default: 127.0.0.1:8080, port 8081 for the devices' door alone, or 8082 for the pushes']; any address but loopback
    /// requires client certificates or --tokens
    #[arg(long, env = "COUNTERSIGN_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Which doors open there
    #[arg(long, env = "COUNTERSIGN_DOORS", value_enum, default_value_t = DoorChoice::All)]
    pub doors: DoorChoice,
    /// A second listener, for the devices' door alone; the other then serves the banks
    #[arg(
        long,
        env = "COUNTERSIGN_MOBILE_LISTEN",
        conflicts_with = "doors",
        value_name = "ADDRESS:PORT"
    )]
    pub mobile_listen: Option<SocketAddr>,
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
    /// Port of that nats-server on the loopback interface; analysts want one that stays [default: the one of the last time while it is free]
    #[arg(
        long,
        env = "COUNTERSIGN_NATS_PORT",
        conflicts_with = "nats_url",
        value_name = "PORT"
    )]
    pub nats_port: Option<u16>,
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
    /// User of that database, where the address names none
    #[arg(long, env = "COUNTERSIGN_DATABASE_USER", value_name = "NAME")]
    pub database_user: Option<String>,
    /// Password of that user; better from the environment, or from the file that COUNTERSIGN_DATABASE_PASSWORD_FILE names
    #[arg(
        long,
        env = "COUNTERSIGN_DATABASE_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub database_password: Option<String>,
    /// One of the manual's settings, for example DEFAULT_TRANSACTION_TTL=600; may be given more than once
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub settings: Vec<(String, String)>,
    /// Name of this instance in the journal (`pc_instance_name`)
    #[arg(long, env = "COUNTERSIGN_INSTANCE_NAME", value_name = "NAME")]
    pub instance_name: Option<String>,
    /// Name of the journal in its checkpoints, audit.NAME/v1; decided when the signing key is made [default: the beginning
    /// of the key's digest]
    #[arg(long, env = "COUNTERSIGN_EVIDENCE_NAME", value_name = "NAME")]
    pub evidence_name: Option<String>,
    /// File of the policy of the journal (C2SP tlog-policy): its witnesses with an address are shown every checkpoint
    #[arg(long, env = "COUNTERSIGN_EVIDENCE_POLICY", value_name = "FILE")]
    pub evidence_policy: Option<PathBuf>,
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
    #[arg(long, env = "COUNTERSIGN_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the doors, PEM
    #[arg(long, env = "COUNTERSIGN_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Authorities whose client certificates are let in, PEM
    #[arg(long, env = "COUNTERSIGN_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Certificate chain and private key of the doors, PKCS#12, instead of the two PEM files
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_KEY_STORE",
        conflicts_with = "tls_cert",
        value_name = "FILE"
    )]
    pub tls_key_store: Option<PathBuf>,
    /// Its password; better from the environment, or from the file that COUNTERSIGN_TLS_KEY_STORE_PASSWORD_FILE names
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_KEY_STORE_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub tls_key_store_password: Option<String>,
    /// Authorities whose client certificates are let in, PKCS#12, instead of the PEM file
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_TRUST_STORE",
        conflicts_with = "tls_client_ca",
        value_name = "FILE"
    )]
    pub tls_trust_store: Option<PathBuf>,
    /// Its password; better from the environment, or from the file that COUNTERSIGN_TLS_TRUST_STORE_PASSWORD_FILE names
    #[arg(
        long,
        env = "COUNTERSIGN_TLS_TRUST_STORE_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub tls_trust_store_password: Option<String>,
    /// Whether clients need a certificate of those authorities
    #[arg(long, env = "COUNTERSIGN_TLS_CLIENT_AUTH", value_enum, default_value_t = ClientAuth::Need)]
    pub tls_client_auth: ClientAuth,
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
    /// Where callbacks, event posts and questions to services may go: blocks of addresses with their ports, for example
    /// 10.0.0.0/8:443,8080,192.168.1.4; may be given more than once [default: public and private addresses, and loopback
    /// when the doors are there]
    #[arg(
        long,
        env = "COUNTERSIGN_CALLBACK_ALLOW",
        value_name = "BLOCK[:PORT,…],…"
    )]
    pub callback_allow: Vec<EgressRules>,
    /// What is known of the receivers of callbacks: authorities to trust, our certificate, and for each system its blocks,
    /// pinned keys and certificate; YAML
    #[arg(long, env = "COUNTERSIGN_RECEIVERS", value_name = "FILE")]
    pub receivers: Option<PathBuf>,
    /// Folder with the configuration of pushes; of several with commas between the first that is there [default:
    /// /opt/pc/pc_pusher if it is there; without a folder there are no pushes]
    #[arg(long, env = "PC_PUSHER_CONFIGPATH", value_name = "FOLDER,…")]
    pub pusher_config_path: Option<String>,
    /// Another process that sends the pushes: the address of its pushes' door, for example http://pusher:8082/pc-pusher-api
    #[arg(
        long,
        env = "COUNTERSIGN_PUSHER_URL",
        conflicts_with = "pusher_config_path",
        value_name = "URL"
    )]
    pub pusher_url: Option<String>,
    /// What this process is known by there: a token for `*`; better from the environment, or from the file that
    /// COUNTERSIGN_PUSHER_TOKEN_FILE names
    #[arg(
        long,
        env = "COUNTERSIGN_PUSHER_TOKEN",
        hide_env_values = true,
        requires = "pusher_url",
        value_name = "TOKEN"
    )]
    pub pusher_token: Option<String>,
    /// How activation codes are sent
    #[command(flatten)]
    pub codes: codes::CodeArguments,
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
    /// Brings the log into one order and signs checkpoints of it
    Notary,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Gateway,
        Self::Runner,
        Self::Projector,
        Self::Reactors,
        Self::Notary,
    ];
}

/// Which doors a process opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoorChoice {
    /// All of them
    All,
    /// The banks' and the operators'
    System,
    /// The devices'
    Mobile,
    /// The pushes', for a process that sends those of others
    Pusher,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientAuth {
    /// Whoever has none is not let in
    Need,
    /// Whoever has none is let in, and one that is shown has to be right
    Want,
    /// Nobody is asked
    None,
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

impl ServeArguments {
    /// Where the first listener is. The manual's modules have ports of their own: 8080 and 8081.
    pub fn listen(&self) -> SocketAddr {
        let port = match self.doors {
            DoorChoice::All | DoorChoice::System => 8080,
            DoorChoice::Mobile => 8081,
            DoorChoice::Pusher => 8082,
        };
        let usual = SocketAddr::from(([127, 0, 0, 1], port));
        self.listen.unwrap_or(usual)
    }
}

/// Reads the rest of the configuration, then serves, or prints it.
pub fn configure_and_run(
    program: &clap::Command,
    given: Vec<std::ffi::OsString>,
    first: &clap::ArgMatches,
) -> Result<(), AnyError> {
    let (matches, sources) = configuration::complete(program, given, first)?;
    let arguments = ServeArguments::from_arg_matches(&matches)?;
    if arguments.print_config {
        let serve = program.find_subcommand("serve");
        let serve = serve.expect("the program can serve");
        print!("{}", configuration::print(serve, &matches, &sources));
        return Ok(());
    }
    run(arguments)
}

/// Serves until the process is told to end.
fn run(arguments: ServeArguments) -> Result<(), AnyError> {
    configuration::check(&arguments)?;
    let runtime = crate::runtime()?;
    let telemetry = telemetry::start(
        arguments.log_format,
        &arguments.log_filter,
        arguments.otlp_endpoint.as_deref(),
    )?;
    let settings = settings(&arguments)?;
    let outcome = runtime.block_on(roles::serve(arguments, settings, telemetry.lines()));
    telemetry.end();
    outcome
}
