//! Who signs a letter: the keys of its system, and those before them for a while after a change.
//!
//! Which keys a system has follows from its history, and that is read on every few seconds: a receiver was told both keys
//! by then, and the ones before still sign.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bus::shell::webhook_keys::KEYS_BEFORE_SIGN_MS;
use bus::shell::{RootSecret, WebhookKeys};
use event_log::{EventLog, Failure};
use schemas::events::Event;
use schemas::events::systems::SystemEvent;
use schemas::{Owner, SystemId, Timestamp, codec};

/// How long what is known of a system's keys counts, ms.
const KNOWN_FOR_MS: i64 = 10_000;

/// Signs letters.
#[derive(Debug)]
pub(crate) struct Signing {
    root: RootSecret,
    log: Arc<dyn EventLog>,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a system's keys.
#[derive(Clone, Debug)]
struct Known {
    looked_at: Timestamp,
    /// How far its history was read.
    version: u64,
    generation: u32,
    rotated_at: Timestamp,
    keys: Arc<WebhookKeys>,
    /// Those before; `None` in the first generation.
    before: Option<Arc<WebhookKeys>>,
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSigned {
    /// A system without an id that could be one.
    #[error("the letter belongs to no system")]
    NoSystem,
    /// Its history cannot be read.
    #[error("the history of the system cannot be read")]
    Log(#[from] Failure),
}

impl Signing {
    pub fn new(root: RootSecret, log: Arc<dyn EventLog>) -> Self {
        Self {
            root,
            log,
            known: Mutex::default(),
        }
    }

    /// The value of `webhook-signature`: the signatures with the keys in force, then those with the keys before.
    pub async fn sign(
        &self,
        system_id: &str,
        id: &str,
        at: Timestamp,
        body: &[u8],
    ) -> Result<String, NotSigned> {
        let known = self.known(system_id, at).await?;
        let mut signature = known.keys.sign(id, at, body);
        if let Some(before) = known.before
            && at.0 < known.rotated_at.0 + KEYS_BEFORE_SIGN_MS
        {
            signature.push(' ');
            signature.push_str(&before.sign(id, at, body));
        }
        Ok(signature)
    }

    async fn known(&self, system_id: &str, now: Timestamp) -> Result<Known, NotSigned> {
        let known = self.lock().get(system_id).cloned();
        if let Some(known) = &known
            && now.0 < known.looked_at.0 + KNOWN_FOR_MS
        {
            return Ok(known.clone());
        }
        let id: SystemId = system_id.parse().map_err(|_| NotSigned::NoSystem)?;
        let mut known = known.unwrap_or_else(|| self.first(system_id));
        for event in self.log.load(&Owner::System(id), known.version).await? {
            known.version = event.version;
            if let Ok(recorded) = codec::decode(&event.payload)
                && let Event::Systems(SystemEvent::WebhookKeysRotated(rotated)) = recorded.event
            {
                known.generation = rotated.generation;
                known.rotated_at = recorded.recorded_at;
                let keys = WebhookKeys::of(&self.root, system_id, rotated.generation);
                known.before = Some(std::mem::replace(&mut known.keys, Arc::new(keys)));
            }
        }
        known.looked_at = now;
        self.lock().insert(system_id.to_owned(), known.clone());
        Ok(known)
    }

    fn first(&self, system_id: &str) -> Known {
        Known {
            looked_at: Timestamp(0),
            version: 0,
            generation: 0,
            rotated_at: Timestamp(0),
            keys: Arc::new(WebhookKeys::of(&self.root, system_id, 0)),
            before: None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        let known = self.known.lock();
        known.expect("nothing panics while it holds what is known")
    }
}

#[cfg(test)]
mod tests {
    use schemas::events::systems::WebhookKeysRotated;

    use super::*;
    use crate::world::{SYSTEM, World};

    #[tokio::test]
    async fn after_a_change_both_keys_sign_for_a_day() -> Result<(), Box<dyn std::error::Error>> {
        let world = World::new();
        let signing = Signing::new(world.root.clone(), world.log.clone());
        let owner = Owner::System(SYSTEM.parse()?);
        let keys = |generation| WebhookKeys::of(&world.root, SYSTEM, generation);
        let signed = async |at: Timestamp| signing.sign(SYSTEM, "msg_1", at, b"{}").await;
        let by = |generations: &[u32], at| {
            let generations = generations.iter();
            let signatures: Vec<String> = generations
                .map(|generation| keys(*generation).sign("msg_1", at, b"{}"))
                .collect();
            signatures.join(" ")
        };
        let start = crate::world::BEGINNING;
        assert_eq!(signed(start).await?, by(&[0], start));
        for generation in 1..=2 {
            world
                .happen(&owner, WebhookKeysRotated { generation })
                .await;
        }
        let soon = start.plus_ms(KNOWN_FOR_MS - 1);
        assert_eq!(signed(soon).await?, by(&[0], soon), "it does not look yet");
        let looked = start.plus_ms(KNOWN_FOR_MS);
        assert_eq!(signed(looked).await?, by(&[2, 1], looked));
        let last = start.plus_ms(KEYS_BEFORE_SIGN_MS - 1);
        assert_eq!(signed(last).await?, by(&[2, 1], last));
        let later = start.plus_ms(KEYS_BEFORE_SIGN_MS);
        assert_eq!(signed(later).await?, by(&[2], later));
        // Who starts anew finds it out from the history.
        let fresh = Signing::new(world.root.clone(), world.log.clone());
        let signature = fresh.sign(SYSTEM, "msg_1", later, b"{}").await?;
        assert_eq!(signature, by(&[2], later));
        Ok(())
    }
}
