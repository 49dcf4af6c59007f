//! What is remembered of a user's key. Of the ring, only the newest key can do anything; of those before it, that they
//! came before is all that matters.

use schemas::events::devices::DeviceEvent;
use schemas::events::keys::{KeyEvent, KeyIssued, PublicKeyRegistered, PushRegistered};
use schemas::flags::KeyFlags;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, KeyIndex, Timestamp};

/// The key in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its number.
    pub(crate) index: KeyIndex,
    /// Its flags, with the rules between them applied.
    pub(crate) flags: KeyFlags,
    /// End of its life: from this moment on it is too late.
    pub(crate) valid_to: Timestamp,
    /// The command that issued it: its stored answer holds the key.
    pub(crate) issued_by: CommandId,
    /// How far its activation got.
    pub(crate) activation: Activation,
    /// The device's public key.
    pub(crate) registered: Option<Registration>,
    /// The device it is bound to.
    pub(crate) fingerprint: Option<Digest>,
}

/// How far the activation of a key got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// The key was issued whole: there is nothing to activate.
    Whole,
    /// Its second half waits for the code.
    Waiting {
        /// Tries that were counted. They are never given back.
        used: u32,
        /// Commands whose try was counted and not yet looked at, each with the number of its try. Several, when they came
        /// at the same moment; never more than the limit.
        reserved: Vec<(CommandId, u32)>,
    },
    /// The code was right once.
    Activated,
    /// The code was wrong too often.
    Blocked,
}

/// A device's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Vec<u8>,
    /// Whose pushes reach the device; the token lies in the vault.
    pub(crate) push: Option<PushRegistered>,
}

impl Key {
    /// A key as issued.
    pub(crate) fn issued(event: &KeyIssued, issued_by: CommandId) -> Self {
        let activation = if event.two_parts {
            Activation::Waiting {
                used: 0,
                reserved: Vec::new(),
            }
        } else {
            Activation::Whole
        };
        Self {
            index: event.key_index,
            flags: event.flags,
            valid_to: event.valid_to,
            issued_by,
            activation,
            registered: None,
            fingerprint: None,
        }
    }

    /// Is its secret complete on the device: issued whole, or activated?
    pub(crate) fn is_complete(&self) -> bool {
        match self.activation {
            Activation::Whole | Activation::Activated => true,
            Activation::Waiting { .. } | Activation::Blocked => false,
        }
    }

    /// Was it issued in two parts?
    pub(crate) fn has_two_parts(&self) -> bool {
        self.activation != Activation::Whole
    }

    /// Is its life over? The last moment belongs to the past.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.valid_to <= now
    }

    /// The manual's silence on a word for it gives us three: `issued`, `active`, `blocked`.
    pub(crate) fn status(&self) -> &'static str {
        match (&self.activation, &self.registered) {
            (Activation::Blocked, _) => "blocked",
            (_, Some(_)) => "active",
            (_, None) => "issued",
        }
    }

    /// The vault's rows that hold it.
    pub(crate) fn parts(&self) -> Vec<VaultName> {
        let first = VaultName::key_first_part(self.index);
        if self.has_two_parts() {
            vec![first, VaultName::key_second_part(self.index)]
        } else {
            vec![first]
        }
    }

    /// Folds a fact about the ring. What concerns a key that was replaced changes nothing any more.
    pub(crate) fn evolve(&mut self, event: &KeyEvent, cause: CommandId) {
        if let KeyEvent::Updated(event) = event {
            *self = Self::issued(&event.key, cause);
            return;
        }
        if event.key_index() != self.index {
            return;
        }
        match event {
            KeyEvent::Updated(_) => {}
            KeyEvent::ActivationAttempted(event) => {
                self.count_attempt(event.attempt, event.command_id);
            }
            KeyEvent::Activated(_) => self.activation = Activation::Activated,
            KeyEvent::ActivationFailed(event) => self.fail_activation(cause, event.blocked),
            KeyEvent::PublicKeyRegistered(event) => self.register(event),
        }
    }

    /// Folds a fact about the device that holds it.
    pub(crate) fn evolve_device(&mut self, event: &DeviceEvent) {
        match event {
            DeviceEvent::FingerprintSet(event) if event.key_index == self.index => {
                self.fingerprint = Some(event.device_fingerprint);
            }
            DeviceEvent::FingerprintSet(_) => {}
        }
    }

    fn count_attempt(&mut self, attempt: u32, command_id: CommandId) {
        if let Activation::Waiting { used, reserved } = &mut self.activation {
            *used = attempt.max(*used);
            reserved.push((command_id, attempt));
        }
    }

    fn fail_activation(&mut self, command_id: CommandId, blocked: bool) {
        if blocked {
            self.activation = Activation::Blocked;
        } else if let Activation::Waiting { reserved, .. } = &mut self.activation {
            reserved.retain(|(reserved_by, _)| *reserved_by != command_id);
        }
    }

    fn register(&mut self, event: &PublicKeyRegistered) {
        let push_before = self.registered.take().and_then(|before| before.push);
        self.registered = Some(Registration {
            public_key: event.public_key.clone(),
            push: event.push.clone().or(push_before),
        });
    }
}
