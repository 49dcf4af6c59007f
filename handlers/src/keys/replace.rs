//! What is left of a key that is replaced, and how the delayed key takes the place of the one in force.

use schemas::Secret;
use schemas::events::keys::KeyPutInForce;
use schemas::vault::VaultName;

use super::{Key, Ring};
use crate::authenticate::farewell;
use crate::decision::{Decision, Erasure};
use crate::facts::VaultFacts;

/// What is written and what is erased when a key is replaced.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    pub(super) rows: Vec<(VaultName, Secret)>,
    pub(super) erased: Vec<Erasure>,
}

/// Erases a key's parts. What lets its device be told 336 is kept, and nothing else.
pub(super) fn replace(key: &Key, vault: &VaultFacts) -> Replaced {
    let farewell = farewell(key, vault);
    let mut erased = key.secret_rows();
    erased.push(VaultName::answer(&key.issued_by));
    Replaced {
        rows: farewell
            .map(|secret| (VaultName::key_farewell(key.index), secret))
            .into_iter()
            .collect(),
        erased: erased.into_iter().map(Erasure::Row).collect(),
    }
}

/// Adds to a decision that the delayed key is in force from here on. Pending transactions stay.
///
/// A push address belongs to the device of the key that goes, unless the decision brings a new one.
pub(crate) fn put_in_force(
    ring: &Ring,
    delayed: &Key,
    vault: &VaultFacts,
    is_registered: bool,
    decision: &mut Decision,
) {
    let current = &ring.current;
    let mut replaced = replace(current, vault);
    for address in [VaultName::push_address(), VaultName::telegram_chat()] {
        let brings = decision.vault.iter().any(|(name, _)| *name == address);
        if !brings {
            replaced.erased.push(Erasure::Row(address));
        }
    }
    let event = KeyPutInForce {
        key_index: delayed.index,
        replaced: current.index,
        is_registered,
    };
    decision.events.push(event.into());
    decision.vault.extend(replaced.rows);
    decision.erase.extend(replaced.erased);
}
