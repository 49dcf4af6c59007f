//! What is remembered of one key.

use schemas::events::credentials::CredentialsEvent;
use schemas::events::devices::DeviceEvent;
use schemas::events::keys::{KeyEvent, KeyIssued, PublicKeyRegistered, PushRegistered};
use schemas::flags::KeyFlags;
use schemas::settings::Settings;
use schemas::vault::VaultName;
use schemas::{CommandId, Digest, KeyIndex, Timestamp};

use super::nonces::Nonces;
use crate::credentials::Password;
use crate::crypto::signature::Signature;

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its number.
    pub(crate) index: KeyIndex,
    /// Its flags, with the rules between them applied.
    pub(crate) flags: KeyFlags,
    /// End of its life: from this moment on it is too late.
    pub(crate) valid_to: Timestamp,
    /// The command that issued it, or handed it out anew: its stored answer holds the key.
    pub(crate) issued_by: CommandId,
    /// How far its activation got.
    pub(crate) activation: Activation,
    /// Tries of the activation code that were counted. Only the bank gives them back.
    pub(crate) tries: u32,
    /// The device's public key.
    pub(crate) registered: Option<Registration>,
    /// Whether its private key is known to others, as its own signatures show. Nothing mends that but another key.
    pub(crate) is_compromised: bool,
    /// The device it is bound to.
    pub(crate) fingerprint: Option<Digest>,
    /// Its password, as far as the server has a part in it.
    pub(crate) password: Password,
}

/// How far the activation of a key got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// The key was issued whole: there is nothing to activate.
    Whole,
    /// Its second half waits for the code.
    Waiting {
        /// Commands whose try was counted and not yet looked at, each with the number of its try. Several, when they came
        /// at the same moment; never more than the limit.
        reserved: Vec<(CommandId, u32)>,
    },
    /// The code was right once.
    Activated,
    /// The code was wrong too often.
    Blocked,
}

impl Activation {
    fn of(two_parts: bool) -> Self {
        if two_parts {
            Self::Waiting {
                reserved: Vec::new(),
            }
        } else {
            Self::Whole
        }
    }
}

/// A device's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Vec<u8>,
    /// The same of the pair for automatic confirmations, once there is one.
    pub(crate) autosign_public_key: Option<Vec<u8>>,
    /// Whose pushes reach the device; the token lies in the vault.
    pub(crate) push: Option<PushRegistered>,
    /// What its last signatures showed of their nonces.
    pub(crate) nonces: Nonces,
    /// The same of the pair for automatic confirmations.
    pub(crate) autosign_nonces: Nonces,
}

impl Key {
    /// A key as issued.
    pub(crate) fn issued(event: &KeyIssued, issued_by: CommandId) -> Self {
        Self {
            index: event.key_index,
            flags: event.flags,
            valid_to: event.valid_to,
            issued_by,
            activation: Activation::of(event.two_parts),
            tries: 0,
            registered: None,
            is_compromised: false,
            fingerprint: None,
            password: Password::default(),
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
        match &self.registered {
            _ if self.is_blocked() => "blocked",
            Some(_) => "active",
            None => "issued",
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

    /// Every row of the vault that is about its secret.
    pub(super) fn secret_rows(&self) -> Vec<VaultName> {
        vec![
            VaultName::key_first_part(self.index),
            VaultName::key_second_part(self.index),
            VaultName::activation_verifier(self.index),
            VaultName::activation_code(self.index),
            VaultName::password_salt(self.index),
            VaultName::password_verifier(self.index),
            VaultName::access_key(self.index),
        ]
    }

    /// Is it blocked: tries of the activation code or of the password were used up, or its private key is no secret?
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_compromised || self.activation == Activation::Blocked || self.password.is_blocked()
    }

    /// Does it wait for something that nobody may try any more?
    pub(crate) fn has_no_try_left(&self, settings: &Settings) -> bool {
        let waits_for_code = match self.activation {
            Activation::Blocked => return true,
            Activation::Waiting { .. } => self.tries >= settings.activation_attempts_max(),
            Activation::Whole | Activation::Activated => false,
        };
        let password = &self.password;
        waits_for_code
            || password.is_blocked()
            || (password.is_set() && password.used() >= settings.password_attempts_max())
    }

    /// Folds a fact about this key.
    pub(crate) fn evolve(&mut self, event: &KeyEvent, cause: CommandId) {
        match event {
            // The ring's business.
            KeyEvent::Updated(_) | KeyEvent::PutInForce(_) => {}
            KeyEvent::ActivationAttempted(event) => {
                self.count_attempt(event.attempt, event.command_id);
            }
            KeyEvent::Activated(_) => self.activation = Activation::Activated,
            KeyEvent::ActivationFailed(event) => self.fail_activation(cause, event.blocked),
            KeyEvent::PublicKeyRegistered(event) => self.register(event),
            KeyEvent::Exported(event) => {
                self.activation = Activation::of(event.two_parts);
                self.issued_by = cause;
                self.password = Password::default();
            }
            KeyEvent::TriesRestored(_) => self.restore_tries(),
            KeyEvent::NonceRepeated(_) => self.is_compromised = true,
            KeyEvent::PushAddressForgotten(_) => {
                if let Some(registration) = &mut self.registered {
                    registration.push = None;
                }
            }
        }
    }

    /// Folds a fact about its password.
    pub(crate) fn evolve_credentials(&mut self, event: &CredentialsEvent, cause: CommandId) {
        self.password.evolve(event, cause);
    }

    /// Folds a fact about the device that holds it.
    pub(crate) fn evolve_device(&mut self, event: &DeviceEvent) {
        match event {
            DeviceEvent::FingerprintSet(event) => {
                self.fingerprint = Some(event.device_fingerprint);
            }
        }
    }

    /// Remembers what a signature of its pair showed.
    pub(crate) fn note_signature(&mut self, signature: &[u8], digest: &Digest) {
        if let (Some(registration), Ok(signature)) =
            (&mut self.registered, Signature::parse(signature))
        {
            registration.nonces.remember(&signature, digest);
        }
    }

    /// The same of its pair for automatic confirmations.
    pub(crate) fn note_autosign_signature(&mut self, signature: &[u8], digest: &Digest) {
        if let (Some(registration), Ok(signature)) =
            (&mut self.registered, Signature::parse(signature))
        {
            registration.autosign_nonces.remember(&signature, digest);
        }
    }

    fn count_attempt(&mut self, attempt: u32, command_id: CommandId) {
        if let Activation::Waiting { reserved } = &mut self.activation {
            self.tries = attempt.max(self.tries);
            reserved.push((command_id, attempt));
        }
    }

    fn fail_activation(&mut self, command_id: CommandId, blocked: bool) {
        if blocked {
            self.activation = Activation::Blocked;
        } else if let Activation::Waiting { reserved } = &mut self.activation {
            reserved.retain(|(reserved_by, _)| *reserved_by != command_id);
        }
    }

    /// A key that waits for its code waits with all its tries again, and so does its password.
    fn restore_tries(&mut self) {
        self.tries = 0;
        self.password.restore_tries();
        match self.activation {
            Activation::Blocked | Activation::Waiting { .. } => {
                self.activation = Activation::of(true);
            }
            Activation::Whole | Activation::Activated => {}
        }
    }

    fn register(&mut self, event: &PublicKeyRegistered) {
        let before = self.registered.take();
        let (mut nonces, mut autosign_nonces) = (Nonces::default(), Nonces::default());
        let (mut autosign_public_key, mut push) =
            (event.autosign_public_key.clone(), event.push.clone());
        if let Some(before) = before {
            // What a pair's signatures showed concerns that pair alone.
            if before.public_key == event.public_key {
                nonces = before.nonces;
            }
            autosign_public_key =
                autosign_public_key.or_else(|| before.autosign_public_key.clone());
            if before.autosign_public_key == autosign_public_key {
                autosign_nonces = before.autosign_nonces;
            }
            push = push.or(before.push);
        }
        self.registered = Some(Registration {
            public_key: event.public_key.clone(),
            autosign_public_key,
            push,
            nonces,
            autosign_nonces,
        });
    }
}
