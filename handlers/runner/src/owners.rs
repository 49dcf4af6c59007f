//! Owner states of one lane, in memory: disposable, bounded, and dropped whenever there is doubt.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event_log::Failure;
use handlers::OwnerState;
use lru::LruCache;
use schemas::vault::VaultName;
use schemas::{CommandId, Owner, Secret};

use crate::house::House;

/// The owners of a lane that were needed lately.
#[derive(Debug)]
pub struct Owners {
    entries: Mutex<LruCache<Owner, Entry>>,
}

/// One owner.
#[derive(Debug)]
pub struct Entry {
    /// The folded history.
    pub state: OwnerState,
    /// Key material, opened once. Rows that a commit writes or erases are forgotten here.
    pub secrets: HashMap<VaultName, Secret>,
    causes: HashSet<u64>,
}

impl Entry {
    /// May this command have caused an event of this owner? "Yes" is to be checked against the log, "no" is certain.
    pub fn may_have_seen(&self, command_id: &CommandId) -> bool {
        self.causes.contains(&short(command_id))
    }

    /// Remembers the cause of an event.
    pub fn note_cause(&mut self, command_id: &CommandId) {
        self.causes.insert(short(command_id));
    }
}

impl Owners {
    /// Room for so many owners.
    pub fn new(owners_max: usize) -> Self {
        let capacity = NonZeroUsize::new(owners_max).unwrap_or(NonZeroUsize::MIN);
        Self {
            entries: Mutex::new(LruCache::new(capacity)),
        }
    }

    /// The entries, for a short look or change. Never held across an await.
    pub fn lock(&self) -> MutexGuard<'_, LruCache<Owner, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure the owner is here.
    ///
    /// Loading races with the lane harmlessly: a state that turns out stale cannot be appended on.
    pub async fn ensure(&self, house: &House, owner: &Owner) -> Result<(), Failure> {
        if self.lock().contains(owner) {
            return Ok(());
        }
        let events = house.log.load(owner, 0).await?;
        let mut entry = Entry {
            state: OwnerState::empty(owner),
            secrets: HashMap::new(),
            causes: HashSet::new(),
        };
        for event in &events {
            let recorded = schemas::codec::decode(&event.payload).map_err(|error| Failure {
                attempt: format!("cannot decode the event at {}", event.position),
                source: Some(Box::new(error)),
            })?;
            handlers::evolve(&mut entry.state, &recorded);
            entry.note_cause(&recorded.causation_id);
        }
        let mut entries = self.lock();
        if !entries.contains(owner) {
            entries.put(owner.clone(), entry);
        }
        Ok(())
    }

    /// Forgets an owner: the next command loads it again.
    pub fn forget(&self, owner: &Owner) {
        self.lock().pop(owner);
    }
}

/// Eight bytes of the id: enough to make a false "yes" rare, and it costs only a look into the log.
fn short(command_id: &CommandId) -> u64 {
    let (head, _) = command_id
        .as_bytes()
        .split_first_chunk()
        .expect("an id has thirty-two bytes");
    u64::from_be_bytes(*head)
}
