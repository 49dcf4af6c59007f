//! A user's symmetric key, for codes that do not come from the device itself.

use schemas::flags::WITH_FINGERPRINT;
use schemas::{Digest, ErrorCode, Secret};

use super::Key;
use crate::asked::Asked;
use crate::authenticate::whole_secret;

/// Why a key makes no codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is blocked, or its user is.
    #[error("the key or its user is blocked")]
    Blocked,
    /// Its life is over.
    #[error("the key has expired")]
    Expired,
    /// Its second half waits for the activation code.
    #[error("the key is not activated")]
    NotActivated,
    /// The vault lacks a part of it.
    #[error("a part of the key is missing from the vault")]
    MaterialMissing,
    /// It binds the user to a device, and none is known yet.
    #[error("the user is to be bound to a device first")]
    FingerprintMissing,
}

impl Unusable {
    /// What the caller hears.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::Blocked => ErrorCode::UserIsBlocked,
            Self::Expired => ErrorCode::KeyExpired,
            Self::NotActivated => ErrorCode::KeyNotActivated,
            Self::MaterialMissing => ErrorCode::KeyInfoNotFound,
            Self::FingerprintMissing => ErrorCode::FprintIsEmpty,
        }
    }
}

/// The whole secret of the key in force, when its device could use it now.
pub(crate) fn usable_secret(asked: &Asked<'_>) -> Result<Secret, Unusable> {
    let (key, facts) = (asked.key, asked.facts);
    if asked.person.block.is_some() || key.is_blocked() {
        return Err(Unusable::Blocked);
    }
    if key.is_expired(facts.now) {
        return Err(Unusable::Expired);
    }
    if !key.is_complete() {
        return Err(Unusable::NotActivated);
    }
    whole_secret(key, facts.vault).ok_or(Unusable::MaterialMissing)
}

/// The fingerprint every code of this key is made with. A key that binds its user to a device makes no codes before the
/// device is known.
pub(crate) fn bound_fingerprint(key: &Key) -> Result<Option<&Digest>, Unusable> {
    if !key.flags.has(&WITH_FINGERPRINT) {
        return Ok(None);
    }
    match &key.fingerprint {
        Some(fingerprint) => Ok(Some(fingerprint)),
        None => Err(Unusable::FingerprintMissing),
    }
}
