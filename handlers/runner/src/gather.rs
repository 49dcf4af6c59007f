//! Beside the lane: whatever a decision needs that can be fetched or computed without it.

use std::collections::HashMap;
use std::sync::Arc;

use bus::Delivery;
use event_log::Failure;
use handlers::{LicenseFacts, Outside, SignatureCheck, VaultFacts, Verifications};
use schemas::commands::CommandEnvelope;
use schemas::vault::VaultName;
use schemas::{Owner, Secret};

use crate::house::House;
use crate::owners::Owners;
use crate::past::{self, Past};

/// A command with everything at hand.
#[derive(Debug)]
pub struct Ready {
    /// What is asked.
    pub envelope: Arc<CommandEnvelope>,
    /// Who waits; `None` for the house itself.
    pub delivery: Option<Delivery>,
    /// The deadline that made the house ask.
    pub timer: Option<String>,
    /// What was fetched and computed for it.
    pub gathered: Gathered,
    /// What was asked of the outside for it.
    pub outside: Outside,
}

/// What is fetched and computed beside the lane. Nothing, for the house's own commands.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Vault rows, and the owner's version they were fetched at.
    pub prefetched: Prefetched,
    /// The verified signatures.
    pub verified: Verifications,
    /// What is known about licenses; `None` for a command that does not ask.
    pub license: Option<LicenseFacts>,
    /// The past that is asked about; `None` for the present.
    pub past: Option<Past>,
}

/// Vault rows fetched beside the lane.
#[derive(Debug, Default)]
pub struct Prefetched {
    version: u64,
    rows: HashMap<VaultName, Row>,
}

/// What lies in the vault under a name.
#[derive(Debug)]
enum Row {
    /// Nothing.
    Missing,
    /// What the house has sealed.
    Open(Secret),
    /// Bytes that do not open: somebody else has written or moved them.
    Altered,
}

impl Row {
    fn open(&self) -> Option<&Secret> {
        match self {
            Self::Open(secret) => Some(secret),
            Self::Missing | Self::Altered => None,
        }
    }
}

/// Fetches the owner, the vault rows, the licenses and the answers to the questions about signatures.
pub async fn gather(
    house: &House,
    owners: &Owners,
    envelope: &CommandEnvelope,
) -> Result<Gathered, Failure> {
    let owner = &envelope.owner;
    let license = house.license_facts(envelope).await?;
    let past = past::gather(house, envelope).await?;
    owners.ensure(house, owner).await?;
    let (version, missing, checks) = {
        let mut entries = owners.lock();
        // Evicted in the meantime: the lane will load it again and fetch in place.
        let Some(entry) = entries.get(owner) else {
            return Ok(Gathered {
                license,
                past,
                ..Gathered::default()
            });
        };
        let asked = Past::asked(past.as_ref(), &entry.state);
        let mut missing = handlers::needs(asked, envelope);
        missing.retain(|name| !entry.secrets.contains_key(name));
        (
            entry.state.version(),
            missing,
            handlers::precheck(&entry.state, envelope),
        )
    };
    let rows = fetch(house, owner, missing).await?;
    remember_key_material(owners, owner, version, &rows);
    let verified = house.verifier.verify(checks).await;
    Ok(Gathered {
        prefetched: Prefetched { version, rows },
        verified,
        license,
        past,
    })
}

/// Answers what a decision that asks much has to ask of the owner as it is now, when that has changed since it was gathered:
/// the decision itself must not take long.
pub async fn verify_again(house: &House, owners: &Owners, ready: &mut Ready) {
    if !handlers::asks_much(&ready.envelope) {
        return;
    }
    let unanswered: Vec<SignatureCheck> = {
        let mut entries = owners.lock();
        match entries.get(&ready.envelope.owner) {
            Some(entry) if entry.state.version() != ready.gathered.prefetched.version => {
                let mut checks = handlers::precheck(&entry.state, &ready.envelope);
                checks.retain(|check| ready.gathered.verified.answer(check).is_none());
                checks
            }
            Some(_) | None => return,
        }
    };
    ready
        .gathered
        .verified
        .merge(house.verifier.verify(unanswered).await);
}

/// The vault facts of a decision on the owner's state as it is now; fetches in place what is not at hand.
pub async fn vault_facts(
    house: &House,
    owners: &Owners,
    envelope: &CommandEnvelope,
    gathered: &mut Gathered,
) -> Result<VaultFacts, Failure> {
    let owner = &envelope.owner;
    let mut facts = VaultFacts::default();
    let missing: Vec<VaultName> = {
        let mut entries = owners.lock();
        let Some(entry) = entries.get(owner) else {
            return Ok(facts);
        };
        let prefetched = &mut gathered.prefetched;
        let current = prefetched.version == entry.state.version();
        let asked = Past::asked(gathered.past.as_ref(), &entry.state);
        let mut missing = handlers::needs(asked, envelope);
        missing.retain(|name| {
            if let Some(secret) = entry.secrets.get(name) {
                facts.rows.insert(name.clone(), secret.clone());
                return false;
            }
            match prefetched.rows.remove(name).filter(|_| current) {
                Some(row) => {
                    add(&mut facts, name.clone(), row);
                    false
                }
                None => true,
            }
        });
        missing
    };
    if !missing.is_empty() {
        for (name, row) in fetch(house, owner, missing).await? {
            add(&mut facts, name, row);
        }
    }
    Ok(facts)
}

fn add(facts: &mut VaultFacts, name: VaultName, row: Row) {
    match row {
        Row::Open(secret) => drop(facts.rows.insert(name, secret)),
        Row::Altered => drop(facts.altered.insert(name)),
        Row::Missing => {}
    }
}

async fn fetch(
    house: &House,
    owner: &Owner,
    names: Vec<VaultName>,
) -> Result<HashMap<VaultName, Row>, Failure> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let sealed = house.log.vault(owner, &names).await?;
    let rows = names.into_iter().zip(sealed).map(|(name, sealed)| {
        let row = sealed.map_or(Row::Missing, |sealed| opened(house, owner, &name, &sealed));
        (name, row)
    });
    Ok(rows.collect())
}

/// A row that does not open is an alarm and no failure: asking again would not help, and the decision refuses.
fn opened(house: &House, owner: &Owner, name: &VaultName, sealed: &[u8]) -> Row {
    match house.open(owner, name, sealed) {
        Ok(secret) => Row::Open(secret),
        Err(error) => {
            metrics::counter!("runner_vault_rows_altered_total").increment(1);
            tracing::error!(%owner, row = name.as_str(), %error, "a row of the vault is not what was sealed");
            Row::Altered
        }
    }
}

/// Key material stays with the owner while it is in memory: every request of a device needs it.
fn remember_key_material(
    owners: &Owners,
    owner: &Owner,
    version: u64,
    rows: &HashMap<VaultName, Row>,
) {
    let mut entries = owners.lock();
    if let Some(entry) = entries.get_mut(owner)
        && entry.state.version() == version
    {
        let keys = rows.iter().filter(|(name, _)| name.is_key_material());
        entry
            .secrets
            .extend(keys.filter_map(|(name, row)| Some((name.clone(), row.open()?.clone()))));
    }
}
