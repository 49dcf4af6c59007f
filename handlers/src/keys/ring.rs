//! The keys of a user: the one in force, and at most one that is to replace it. Of all others, that they came before is
//! all that matters.

use schemas::events::credentials::CredentialsEvent;
use schemas::events::devices::DeviceEvent;
use schemas::events::keys::{KeyEvent, KeyIssued};
use schemas::events::operations::OperationEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::{CommandId, KeyIndex};

use super::Key;

/// A user's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    /// The key in force.
    pub(crate) current: Key,
    /// The key that replaces it once it is activated.
    pub(crate) delayed: Option<Key>,
    /// The highest number that was ever issued.
    newest: KeyIndex,
}

/// What a number in a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// The key in force.
    Current(&'a Key),
    /// The key that is to replace it.
    Delayed(&'a Key),
    /// A key that was replaced, in force or not.
    Replaced,
    /// No key yet.
    Unknown,
}

impl Ring {
    /// The ring of a new user.
    pub(crate) fn begin(event: &KeyIssued, issued_by: CommandId) -> Self {
        Self {
            current: Key::issued(event, issued_by),
            delayed: None,
            newest: event.key_index,
        }
    }

    /// The number of the next key. Numbers are never used twice.
    pub(crate) fn next_index(&self) -> KeyIndex {
        let next = self.newest.0.checked_add(1);
        KeyIndex(next.expect("nobody is issued four billion keys"))
    }

    /// The key of that number.
    pub(crate) fn find(&self, key_index: KeyIndex) -> Found<'_> {
        if key_index == self.current.index {
            return Found::Current(&self.current);
        }
        match &self.delayed {
            Some(delayed) if key_index == delayed.index => Found::Delayed(delayed),
            _ if key_index > self.newest => Found::Unknown,
            _ => Found::Replaced,
        }
    }

    /// Both keys, as far as there are two.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.delayed)
    }

    /// Folds that a device got another key in place of the one in force.
    pub(crate) fn renew(&mut self, issued: &KeyIssued, cause: CommandId) {
        self.newest = issued.key_index.max(self.newest);
        self.current = Key::issued(issued, cause);
        self.delayed = None;
    }

    /// Folds a fact about the ring. What concerns a key that was replaced changes nothing any more.
    pub(crate) fn evolve(&mut self, event: &KeyEvent, cause: CommandId) {
        match event {
            KeyEvent::Updated(event) => {
                let key = Key::issued(&event.key, cause);
                self.newest = key.index.max(self.newest);
                if event.is_delayed {
                    self.delayed = Some(key);
                } else {
                    self.current = key;
                    self.delayed = None;
                }
            }
            KeyEvent::PutInForce(event) => {
                if let Some(key) = self
                    .delayed
                    .take_if(|delayed| delayed.index == event.key_index)
                {
                    self.current = key;
                }
            }
            KeyEvent::ActivationAttempted(_)
            | KeyEvent::Activated(_)
            | KeyEvent::ActivationFailed(_)
            | KeyEvent::PublicKeyRegistered(_)
            | KeyEvent::Exported(_)
            | KeyEvent::TriesRestored(_)
            | KeyEvent::PushAddressForgotten(_)
            | KeyEvent::NonceRepeated(_) => {
                if let Some(key) = self.key_mut(event.key_index()) {
                    key.evolve(event, cause);
                }
            }
        }
    }

    /// Folds a fact about a device.
    pub(crate) fn evolve_device(&mut self, event: &DeviceEvent) {
        if let Some(key) = self.key_mut(event.key_index()) {
            key.evolve_device(event);
        }
    }

    /// Folds a fact about a password.
    pub(crate) fn evolve_credentials(&mut self, event: &CredentialsEvent, cause: CommandId) {
        if let Some(key) = self.key_mut(event.key_index()) {
            key.evolve_credentials(event, cause);
        }
    }

    /// Folds a fact about a transaction: its signature shows something of the key pair.
    pub(crate) fn evolve_transactions(&mut self, event: &TransactionEvent) {
        if let TransactionEvent::Confirmed(event) = event
            && let (Some(signature), Some(key)) = (&event.signature, self.key_mut(event.key_index))
        {
            key.note_signature(signature, &event.digest);
        }
        // Whatever the score was, this signature was seen.
        if let TransactionEvent::AutoconfirmAttempted(event) = event
            && let (Some(signature), Some(signed)) = (&event.signature, &event.signed)
            && let Some(key) = event.key_index.and_then(|index| self.key_mut(index))
        {
            key.note_autosign_signature(signature, signed);
        }
    }

    /// Folds a fact about an operation, likewise.
    pub(crate) fn evolve_operations(&mut self, event: &OperationEvent) {
        if let OperationEvent::Processed(event) = event
            && let Some(key) = self.key_mut(event.key_index)
        {
            for member in &event.confirmed {
                if let Some(signature) = &member.signature {
                    key.note_signature(signature, &member.digest);
                }
            }
        }
    }

    fn key_mut(&mut self, key_index: KeyIndex) -> Option<&mut Key> {
        std::iter::once(&mut self.current)
            .chain(&mut self.delayed)
            .find(|key| key.index == key_index)
    }
}

#[cfg(test)]
mod tests {
    use schemas::Timestamp;
    use schemas::events::keys::{KeyPutInForce, KeyUpdated};
    use schemas::flags::KeyFlags;

    use super::*;

    fn issued(number: u32) -> KeyIssued {
        KeyIssued {
            key_index: KeyIndex(number),
            flags: KeyFlags::default(),
            valid_to: Timestamp(1),
            two_parts: false,
        }
    }

    fn updated(number: u32, is_delayed: bool) -> KeyEvent {
        KeyEvent::Updated(KeyUpdated {
            key: issued(number),
            is_delayed,
            replaced_delayed: None,
            replaced: None,
        })
    }

    /// What each number from 0 to 5 means: current, delayed, replaced, unknown.
    fn meanings(ring: &Ring) -> String {
        (0..=5)
            .map(|number| match ring.find(KeyIndex(number)) {
                Found::Current(_) => 'c',
                Found::Delayed(_) => 'd',
                Found::Replaced => 'r',
                Found::Unknown => 'u',
            })
            .collect()
    }

    #[test]
    fn a_number_means_one_key_for_ever() {
        let cause = CommandId([1; 32]);
        let mut ring = Ring::begin(&issued(1), cause);
        assert_eq!(meanings(&ring), "rcuuuu");
        ring.evolve(&updated(2, true), cause);
        assert_eq!(meanings(&ring), "rcduuu");
        ring.evolve(&updated(3, true), cause);
        assert_eq!(
            (meanings(&ring), ring.next_index()),
            ("rcrduu".to_owned(), KeyIndex(4))
        );
        let in_force = |number| {
            KeyEvent::PutInForce(KeyPutInForce {
                key_index: KeyIndex(number),
                replaced: KeyIndex(1),
                is_registered: false,
            })
        };
        ring.evolve(&in_force(2), cause);
        assert_eq!(meanings(&ring), "rcrduu", "that one was replaced before");
        ring.evolve(&in_force(3), cause);
        assert_eq!(meanings(&ring), "rrrcuu");
        ring.evolve(&updated(4, true), cause);
        ring.evolve(&updated(5, false), cause);
        assert_eq!(meanings(&ring), "rrrrrc");
    }
}
