//! `countersign analytics`: who may read the curated events, and how far they are. It works beside a running service, which
//! makes so what is granted here and ends what is revoked.

mod credentials;
mod listing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bus::JetStreamBus;
use bus::analysts::{self, UserKey};
use bus::child;
use bus::jetstream::{Addresses, JetStreamOptions, SyncProof};
use bus::shell::{Clock as _, SystemClock};
use clap::{Args, Subcommand, ValueEnum};
use reactors::{Administration, accounts_of, read_grants};
use schemas::commands::server::{GrantAnalytics, RevokeAnalytics, ShownIdentifiers};
use schemas::{AnalyticsName, ErrorCode, Owner, SystemId, Timestamp};

use crate::AnyError;
use crate::moment;
use crate::serve::stores::StoreArguments;
use credentials::Credentials;

/// How long a new grant may take until it can be used.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked whether it can.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What to do about analysts.
#[derive(Debug, Args)]
pub struct AnalyticsArguments {
    #[command(subcommand)]
    order: AnalyticsOrder,
}

#[derive(Debug, Subcommand)]
enum AnalyticsOrder {
    /// Let an analyst read the curated events of some systems, and write the file that the analyst gets
    Grant(Box<GrantArguments>),
    /// Print the grants: name, since when, identifiers, systems, by whom; under each its consumers with what they are behind.
    /// Then the consumers of the house
    List {
        #[command(flatten)]
        place: Place,
    },
    /// End a grant: the analyst is disconnected, and the stream is removed
    Revoke {
        /// Name of the grant
        name: AnalyticsName,
        /// Who revokes it, for the journal
        #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
        by: String,
        #[command(flatten)]
        place: Place,
    },
    /// Print the accounts of the grants in force, for the configuration of your own NATS server
    Accounts {
        #[command(flatten)]
        stores: StoreArguments,
    },
}

#[derive(Debug, Args)]
struct GrantArguments {
    /// Name of the grant, used once: 1 to 32 characters of a-z 0-9 -
    name: AnalyticsName,
    /// System whose events are given; may be given more than once
    #[arg(long = "system", required = true, value_name = "ID")]
    systems: Vec<SystemId>,
    /// Consumer that is made for the analyst; may be given more than once
    #[arg(long = "consumer", default_value = "main", value_name = "NAME")]
    consumers: Vec<AnalyticsName>,
    /// How identifiers are shown
    #[arg(long, value_enum, default_value_t = IdentifiersChoice::Pseudonyms)]
    identifiers: IdentifiersChoice,
    /// The first moment that is given, for example 2026-11-26 [default: everything the log has]
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// Who grants it, for the journal
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    by: String,
    /// The file that the analyst gets; it holds a secret
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Address that the analyst uses [default: the one the service uses]
    #[arg(long, value_name = "nats://HOST:PORT")]
    public_url: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// How identifiers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IdentifiersChoice {
    /// The same within the grant, others in another one
    Pseudonyms,
    /// As they are
    Plain,
}

/// The service, and its NATS.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    stores: StoreArguments,
    /// The service's NATS, when it is not a server of the service's own
    #[arg(long, env = "COUNTERSIGN_NATS_URL", value_name = "nats://HOST:PORT")]
    nats_url: Option<String>,
    /// Copies of each stream there
    #[arg(
        long,
        env = "COUNTERSIGN_NATS_REPLICAS",
        default_value_t = 1,
        value_name = "1|3"
    )]
    nats_replicas: usize,
}

impl Place {
    /// The NATS server.
    fn server(&self) -> Result<JetStreamOptions, AnyError> {
        let server = match &self.nats_url {
            // The service has checked it at its start.
            Some(url) => JetStreamOptions {
                sync_proof: SyncProof::OurOwnServer,
                ..JetStreamOptions::new(url)
            },
            None => child::running_in(&self.stores.data().join("nats")).ok_or(
                "there is no NATS server: analysts need a service with --nats child, or name yours with --nats-url",
            )?,
        };
        Ok(JetStreamOptions {
            replicas: self.nats_replicas,
            ..server
        })
    }

    async fn administration(&self) -> Result<Administration, AnyError> {
        let bus = JetStreamBus::connect(self.server()?).await?;
        let root = self.stores.root()?;
        Ok(Administration::new(bus, root, Arc::new(SystemClock)))
    }
}

/// Carries the order out.
pub fn run(arguments: AnalyticsArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(async {
        match arguments.order {
            AnalyticsOrder::Grant(arguments) => grant(*arguments).await,
            AnalyticsOrder::List { place } => {
                let root = place.stores.root()?;
                let log = event_log::open(&place.stores.stores().log).await?;
                let grants = read_grants(&*log).await?;
                let now = SystemClock.now();
                listing::print(&place.server()?, &root, &grants, now).await;
                Ok(())
            }
            AnalyticsOrder::Revoke { name, by, place } => revoke(name, by, &place).await,
            AnalyticsOrder::Accounts { stores } => {
                let log = event_log::open(&stores.stores().log).await?;
                let grants = read_grants(&*log).await?;
                let in_force = grants.iter().filter(|grant| grant.is_in_force());
                let accounts = accounts_of(in_force, &stores.root()?);
                print!("{}", analysts::configuration(&accounts));
                Ok(())
            }
        }
    })
}

async fn grant(arguments: GrantArguments) -> Result<(), AnyError> {
    let place = &arguments.place;
    let server = place.server()?;
    let log = event_log::open(&place.stores.stores().log).await?;
    for system_id in &arguments.systems {
        let history = log.load(&Owner::System(system_id.clone()), 0).await?;
        if history.is_empty() {
            return Err(format!("no system {system_id} was ever registered").into());
        }
    }
    let grants = read_grants(&*log).await?;
    if grants
        .iter()
        .any(|known| known.granted.name == arguments.name)
    {
        return Err(format!(
            "the name {} was used before; take another one",
            arguments.name
        )
        .into());
    }
    let key = UserKey::random();
    // Who the house is there may stand in the address, and is nobody else's business.
    let public_url = arguments
        .public_url
        .clone()
        .unwrap_or_else(|| Addresses::of(&server.url).to_string());
    let credentials = Credentials::new(
        &public_url,
        &arguments.name,
        &key,
        &arguments.consumers,
        &arguments.systems,
    );
    // Before anything is granted, so that no grant is lost for want of a file.
    credentials.write(&arguments.out)?;
    let command = GrantAnalytics {
        name: arguments.name.clone(),
        systems: arguments.systems,
        consumers: arguments.consumers.clone(),
        identifiers: match arguments.identifiers {
            IdentifiersChoice::Pseudonyms => ShownIdentifiers::Pseudonyms,
            IdentifiersChoice::Plain => ShownIdentifiers::Plain,
        },
        since: arguments.since,
        public_key: key.public().to_owned(),
        by: arguments.by,
    };
    let answer = place.administration().await?.ask(command).await?;
    if answer.code != ErrorCode::Normal {
        std::fs::remove_file(&arguments.out)?;
        return Err(refusal(answer.code));
    }
    println!("granted; {} is for the analyst", arguments.out.display());
    if place.nats_url.is_some() {
        println!(
            "now put what `countersign analytics accounts` prints into the block `accounts` of your NATS servers' \
             configuration, and have them read it again"
        );
        return Ok(());
    }
    let can_be_used = async {
        while !credentials.can_be_used(&key).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(READY_WITHIN, can_be_used)
        .await
        .map_err(|_| "it cannot be used yet: the service has to run, with the role reactors")?;
    println!("it can be used");
    Ok(())
}

async fn revoke(name: AnalyticsName, by: String, place: &Place) -> Result<(), AnyError> {
    let command = RevokeAnalytics {
        name: name.clone(),
        by,
    };
    let answer = place.administration().await?.ask(command).await?;
    if answer.code != ErrorCode::Normal {
        return Err(format!("no grant {name} is in force ({})", refusal(answer.code)).into());
    }
    println!("revoked");
    if place.nats_url.is_some() {
        println!(
            "the stream is being removed; now put what `countersign analytics accounts` prints into the configuration of \
             your NATS servers, and have them read it again"
        );
    }
    Ok(())
}

fn refusal(code: ErrorCode) -> AnyError {
    let (number, text) = (code.number(), code.text());
    format!("the service refuses: {number}, {text}").into()
}
