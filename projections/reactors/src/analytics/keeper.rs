//! Makes what was granted so, and ends what was revoked: first whoever was let in is out, then what was theirs is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bus::analysts::{self, Account, Analyst, CuratedStream, UserKey};
use bus::child::AccountsOfChild;
use bus::jetstream::JetStreamOptions;
use bus::shell::{Clock, RootSecret};
use event_log::EventLog;
use projections::hints::Hints;
use schemas::{AnalyticsName, Lane, Owner};
use tokio::task::JoinSet;

use super::feeder::{self, Ground};
use super::grants::{Grant, Grants};

/// How often the server's history is looked at when nobody tells that it has grown.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the consumers of the house are looked at, for the metric.
const LAG_EVERY: Duration = Duration::from_secs(15);

/// What it takes to serve analysts.
#[derive(Debug)]
pub struct AnalyticsOptions {
    /// The log, read for grants and events.
    pub log: Arc<dyn EventLog>,
    /// Tells when the log has grown.
    pub bus: Arc<dyn Bus>,
    /// Keys and pseudonyms follow from it.
    pub root: RootSecret,
    /// What is too old to be kept is not filled in.
    pub clock: Arc<dyn Clock>,
    /// The NATS server.
    pub server: JetStreamOptions,
    /// Its accounts, when it is ours; an operator's own server is told by the operator.
    pub accounts: Option<AccountsOfChild>,
}

/// Serves analysts.
#[derive(Debug)]
pub struct Analytics {
    ground: Ground,
    accounts: Option<AccountsOfChild>,
    grants: Grants,
    feeding: BTreeMap<AnalyticsName, tokio::task::AbortHandle>,
    /// Revoked, and nothing is left of them on the server.
    removed: BTreeSet<AnalyticsName>,
    tasks: JoinSet<()>,
}

impl Analytics {
    /// Nothing is granted before it runs.
    pub fn new(options: AnalyticsOptions) -> Self {
        Self {
            ground: Ground {
                log: options.log,
                bus: options.bus,
                root: options.root,
                clock: options.clock,
                server: options.server,
            },
            accounts: options.accounts,
            grants: Grants::default(),
            feeding: BTreeMap::new(),
            removed: BTreeSet::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Follows the server's history until `shutdown` comes.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let server = self.ground.server.clone();
        let follow = async {
            let lane = Lane::of(&Owner::Server);
            let mut hints = Hints::new(Arc::clone(&self.ground.bus), LOOK_EVERY).about(lane);
            loop {
                hints.listen().await;
                if let Err(error) = self.make_it_so().await {
                    report(&*error);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                hints.wait().await;
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = follow => {}
            () = watch_the_house(&server) => {}
        }
    }

    async fn make_it_so(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.grants.catch_up(&*self.ground.log).await?;
        let revoked = self.grants.all.iter().filter(|grant| !grant.is_in_force());
        let leaving: Vec<AnalyticsName> = revoked
            .map(|grant| grant.granted.name.clone())
            .filter(|name| !self.removed.contains(name))
            .collect();
        for name in &leaving {
            if let Some(feeding) = self.feeding.remove(name) {
                feeding.abort();
            }
            let nothing_stored = |accounts: &AccountsOfChild| !accounts.has_stored(name);
            if self.accounts.as_ref().is_some_and(nothing_stored) {
                self.removed.insert(name.clone());
            }
        }
        self.tell_accounts().await?;
        for name in &leaving {
            if self.removed.contains(name) {
                continue;
            }
            let key = UserKey::of_the_house(&self.ground.root, name);
            match CuratedStream::connect(&self.ground.server, &key, name).await {
                Ok(stream) => stream.remove().await?,
                // Without an account there is nothing to remove.
                Err(error) if error.is_not_let_in() => {}
                Err(error) => return Err(error.into()),
            }
            tracing::info!(grant = %name, "a grant has ended");
            self.removed.insert(name.clone());
        }
        self.tell_accounts().await?;
        if let Some(accounts) = &self.accounts {
            for name in &leaving {
                accounts.forget(name)?;
            }
        }
        self.begin_feeding();
        Ok(())
    }

    async fn tell_accounts(&self) -> Result<(), bus::child::AccountsError> {
        let Some(accounts) = &self.accounts else {
            return Ok(());
        };
        let listed = self.grants.all.iter();
        let listed = listed.filter(|grant| !self.removed.contains(&grant.granted.name));
        accounts.set(&accounts_of(listed, &self.ground.root)).await
    }

    fn begin_feeding(&mut self) {
        let in_force = self.grants.all.iter().filter(|grant| grant.is_in_force());
        for grant in in_force {
            let name = &grant.granted.name;
            if !self.feeding.contains_key(name) {
                let feeding = feeder::feed(self.ground.clone(), grant.granted.clone());
                let handle = self.tasks.spawn(feeding);
                self.feeding.insert(name.clone(), handle);
            }
        }
    }
}

fn report(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(
        error,
        "what analysts were granted is not made so; trying again"
    );
}

/// The accounts of these grants.
pub fn accounts_of<'a>(grants: impl Iterator<Item = &'a Grant>, root: &RootSecret) -> Vec<Account> {
    let account = |grant: &Grant| Account {
        grant: grant.granted.name.clone(),
        house: UserKey::of_the_house(root, &grant.granted.name)
            .public()
            .to_owned(),
        analyst: grant.is_in_force().then(|| Analyst {
            key: grant.granted.public_key.clone(),
            consumers: grant.granted.consumers.clone(),
        }),
    };
    grants.map(account).collect()
}

/// The lag of the house's own consumers, as a metric, by stream. Never ends.
async fn watch_the_house(server: &JetStreamOptions) {
    loop {
        match analysts::all_of(server).await {
            Ok(consumers) => {
                let mut lags: BTreeMap<String, u64> = BTreeMap::new();
                for consumer in consumers {
                    *lags.entry(consumer.stream.clone()).or_default() += consumer.lag();
                }
                for (stream, lag) in lags {
                    metrics::gauge!("bus_consumer_lag", "stream" => stream).set(lag as f64);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot look at the consumers of the house"),
        }
        tokio::time::sleep(LAG_EVERY).await;
    }
}
