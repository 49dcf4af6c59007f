//! One user's key on this device: what the bank issued, what the device added, what is under way.

use std::fmt;

use schemas::flags::{DENY_RENEW_PUBLIC_KEY, WITH_FINGERPRINT};
use schemas::{Digest, Timestamp};
use zeroize::Zeroizing;

use crate::confirm_code::confirm_code;
use crate::contents::{KeyActivated, KeyRenewed, Registered};
use crate::error::{AnswerError, LocalError};
use crate::key_json::{self, KeyInfo, KeyJsonError, KeyMaterial};
use crate::request::Submission;
use crate::secrets::{FirstHalf, MacKey, MasterKey};
use crate::signer::KeyPair;

/// A key, from its import to its end. [`crate::KeyFile`] keeps it between runs.
#[derive(Debug)]
pub struct DeviceKey {
    pub(crate) info: KeyInfo,
    pub(crate) secrets: Secrets,
    /// The registered key pair; `None` before the first registration.
    pub(crate) pair: Option<KeyPair>,
    /// The registered pair for automatic confirmations; `None` for a key that has none.
    pub(crate) autosign_pair: Option<KeyPair>,
    /// An activation whose outcome is not known yet.
    pub(crate) activating: Option<PendingActivation>,
    /// A registration whose outcome is not known yet.
    pub(crate) registering: Option<PendingRegistration>,
    /// The answer to a challenge whose outcome is not known yet.
    pub(crate) renewing: Option<PendingRenewal>,
    /// The fingerprint the server accepted; `None` when none is set.
    pub(crate) fingerprint: Option<Digest>,
}

/// An activation that was prepared and perhaps sent. The code opens the answer.
pub(crate) struct PendingActivation {
    pub code: Zeroizing<String>,
    pub submission: Submission<KeyActivated>,
}

impl fmt::Debug for PendingActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingActivation(…)")
    }
}

/// An answer to a challenge that was prepared and perhaps sent. What was shown opens the new key.
pub(crate) struct PendingRenewal {
    pub shown: Zeroizing<[u8; 32]>,
    pub submission: Submission<KeyRenewed>,
}

impl fmt::Debug for PendingRenewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingRenewal(…)")
    }
}

/// A registration that was prepared and perhaps sent.
#[derive(Debug)]
pub(crate) struct PendingRegistration {
    pub pair: KeyPair,
    pub autosign_pair: Option<KeyPair>,
    pub submission: Submission<Registered>,
}

/// The secret with its derived keys, made once.
#[derive(Debug)]
pub(crate) enum Secrets {
    /// Only the first half: one thing can be asked, the activation.
    Half {
        first: FirstHalf,
        activation_key: MacKey,
    },
    /// The whole secret.
    Whole {
        master: MasterKey,
        request_key: MacKey,
        confirm_key: MacKey,
    },
}

impl Secrets {
    pub(crate) fn new(material: KeyMaterial) -> Self {
        match material {
            KeyMaterial::Half(first) => Self::Half {
                activation_key: first.activation_key(),
                first,
            },
            KeyMaterial::Whole(master) => Self::Whole {
                request_key: master.request_key(),
                confirm_key: master.confirm_key(),
                master,
            },
        }
    }
}

impl DeviceKey {
    /// Takes a key from its text: the JSON of the QR code, or a deep link.
    pub fn import(text: &str) -> Result<Self, KeyJsonError> {
        let (info, material) = key_json::parse(text)?;
        Ok(Self {
            info,
            secrets: Secrets::new(material),
            pair: None,
            autosign_pair: None,
            activating: None,
            registering: None,
            renewing: None,
            fingerprint: None,
        })
    }

    /// What the bank said about the key.
    pub fn info(&self) -> &KeyInfo {
        &self.info
    }

    /// Is the whole secret here?
    pub fn is_activated(&self) -> bool {
        matches!(self.secrets, Secrets::Whole { .. })
    }

    /// Is a public key registered, so that transactions can be confirmed?
    pub fn is_registered(&self) -> bool {
        self.pair.is_some()
    }

    /// Was an activation begun whose outcome is unknown? `activate` then finishes it first.
    pub fn is_activation_pending(&self) -> bool {
        self.activating.is_some()
    }

    /// Was a registration begun whose outcome is unknown? `register` then finishes it.
    pub fn is_registration_pending(&self) -> bool {
        self.registering.is_some()
    }

    /// Was a recovery begun whose outcome is unknown? `finish_recovery` then finishes it.
    pub fn is_recovery_pending(&self) -> bool {
        self.renewing.is_some()
    }

    /// The registered public key, SubjectPublicKeyInfo in DER; `None` before the first registration.
    pub fn public_key_spki(&self) -> Option<Vec<u8>> {
        self.pair.as_ref().map(KeyPair::public_key_spki)
    }

    /// The key under the requests of an active key.
    pub(crate) fn request_key(&self) -> Result<&MacKey, LocalError> {
        match &self.secrets {
            Secrets::Whole { request_key, .. } => Ok(request_key),
            Secrets::Half { .. } => Err(LocalError::NotActivated),
        }
    }

    /// The key under the request for the access key.
    pub(crate) fn credentials_key(&self) -> Result<MacKey, LocalError> {
        match &self.secrets {
            Secrets::Whole { master, .. } => Ok(master.credentials_key()),
            Secrets::Half { .. } => Err(LocalError::NotActivated),
        }
    }

    /// The first half, and the key under the request `activate`.
    pub(crate) fn activation(&self) -> Result<(&FirstHalf, &MacKey), LocalError> {
        match &self.secrets {
            Secrets::Half {
                first,
                activation_key,
            } => Ok((first, activation_key)),
            Secrets::Whole { .. } => Err(LocalError::ActiveAlready),
        }
    }

    /// Joins the half that was released for the code under way.
    pub(crate) fn complete(&mut self, released: &str) -> Result<(), AnswerError> {
        let released =
            hex::decode(released).map_err(|_| AnswerError::ValueImpossible("released half"))?;
        let (Secrets::Half { first, .. }, Some(pending)) = (&self.secrets, &self.activating) else {
            unreachable!("only a half key with an activation under way asks for its other half");
        };
        let info = &self.info;
        let owner = (&info.system_id, &info.user_id, info.key_index);
        let master = first.join(&pending.code, &released, owner)?;
        self.secrets = Secrets::new(KeyMaterial::Whole(master));
        self.activating = None;
        Ok(())
    }

    /// The pair that signs.
    pub(crate) fn pair(&self) -> Result<&KeyPair, LocalError> {
        self.pair.as_ref().ok_or(LocalError::NotRegistered)
    }

    /// May the public key be replaced by another?
    pub(crate) fn check_renewal(&self) -> Result<(), LocalError> {
        if self.pair.is_some() && self.info.key_flags.has(&DENY_RENEW_PUBLIC_KEY) {
            return Err(LocalError::RenewalDenied);
        }
        Ok(())
    }

    /// The fingerprint that goes with confirmations; `None` unless the key is bound to its device.
    pub(crate) fn bound_fingerprint(&self) -> Option<Digest> {
        let bound = self.info.key_flags.has(&WITH_FINGERPRINT);
        self.fingerprint.filter(|_| bound)
    }

    /// The confirmation code for a digest at a time step.
    pub(crate) fn confirm_code(
        &self,
        digest: &Digest,
        step: u64,
        digits: Option<u8>,
    ) -> Result<String, LocalError> {
        let Secrets::Whole { confirm_key, .. } = &self.secrets else {
            return Err(LocalError::NotActivated);
        };
        let bound = self.info.key_flags.has(&WITH_FINGERPRINT);
        let fingerprint = self.fingerprint.as_ref().filter(|_| bound);
        if bound && fingerprint.is_none() {
            return Err(LocalError::FingerprintMissing);
        }
        Ok(confirm_code(confirm_key, digest, step, fingerprint, digits))
    }

    /// Is the key's life over at `now`? For the screen; the server decides with its own clock.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.info.is_expired(now)
    }
}
