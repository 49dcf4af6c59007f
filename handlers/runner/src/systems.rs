//! What we know of systems: a fact of every decision about their users, never older than a fraction of a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use event_log::Failure;
use handlers::OwnerState;
use schemas::envelope::RecordedEvent;
use schemas::{Owner, SystemId, Timestamp, codec};

use crate::house::House;

/// Known systems.
#[derive(Debug, Default)]
pub struct Systems {
    known: Mutex<HashMap<SystemId, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    state: Arc<OwnerState>,
    looked_at: Timestamp,
}

impl Systems {
    /// The state of the owner's system; an unregistered one is the empty state, and so is the server's, which has none.
    pub async fn get(&self, house: &House, owner: &Owner) -> Result<Arc<OwnerState>, Failure> {
        let system_id = owner.system_id();
        if *owner == Owner::Server {
            return Ok(Arc::new(OwnerState::System(
                handlers::systems::State::default(),
            )));
        }
        let now = house.clock.now();
        let known = self.lock().get(system_id).cloned();
        let age_max_ms = house.options.system_age_max.as_millis() as u64;
        // A system without a history is always looked for: whoever was told that it is registered counts on it at once.
        if let Some(known) = &known
            && known.state.version() > 0
            && known.looked_at.distance_ms(now) <= age_max_ms
        {
            return Ok(Arc::clone(&known.state));
        }
        let owner = Owner::System(system_id.clone());
        let state = known.map_or_else(|| Arc::new(OwnerState::empty(&owner)), |known| known.state);
        let newer = house.log.load(&owner, state.version()).await?;
        let state = if newer.is_empty() {
            state
        } else {
            Arc::new(fold((*state).clone(), &newer)?)
        };
        self.lock().insert(
            system_id.clone(),
            Known {
                state: Arc::clone(&state),
                looked_at: now,
            },
        );
        Ok(state)
    }

    /// Forgets a system that just changed, so that the next decision sees the change.
    pub fn forget(&self, system_id: &SystemId) {
        if let Some(known) = self.lock().get_mut(system_id) {
            known.looked_at = Timestamp(i64::MIN);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SystemId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A history folded onto a state.
pub fn fold(mut state: OwnerState, events: &[event_log::LogEvent]) -> Result<OwnerState, Failure> {
    for recorded in decoded(events)? {
        handlers::evolve(&mut state, &recorded);
    }
    Ok(state)
}

/// A history, decoded.
pub fn decoded(events: &[event_log::LogEvent]) -> Result<Vec<RecordedEvent>, Failure> {
    let decoded = events.iter().map(|event| {
        codec::decode(&event.payload).map_err(|error| Failure {
            attempt: format!("cannot decode the event at {}", event.position),
            source: Some(Box::new(error)),
        })
    });
    decoded.collect()
}
