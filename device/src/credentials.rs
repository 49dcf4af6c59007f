//! A password with the server's help: what lies on the device opens only with two things, one that follows from the password
//! and one that the server releases for the right password, and counts the wrong ones.

use std::fmt;

use argon2::{Algorithm, Argon2, Version};
use schemas::{Digest, KeyIndex, SystemId, UserId};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::key_json::KeyInfo;
use crate::secrets::{MacKey, ReleaseError, open_released};
use crate::store::Cost;

/// Length of the server's salt, bytes.
pub const SALT_BYTES: usize = 16;

/// Everything that opens a key file of this kind. As secret as the key itself; keep it only as long as the key is in use.
pub struct OnlineLock {
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) cost: Cost,
    pub(crate) password: StretchedPassword,
    pub(crate) access_key: AccessKey,
}

/// The server's half of a lock, 32 bytes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct AccessKey([u8; 32]);

/// What follows from a password by the slow derivation.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct StretchedPassword([u8; 32]);

impl OnlineLock {
    /// The key of the file. It needs the password and the server: neither the device's part nor the server's is enough.
    pub(crate) fn file_key(&self) -> MacKey {
        let local = MacKey::derive(&self.password.0, "pc/password-local");
        let mut both = Zeroizing::new(Vec::with_capacity(64));
        both.extend_from_slice(local.expose());
        both.extend_from_slice(&self.access_key.0);
        MacKey::derive(&both, "pc/store")
    }
}

#[cfg(test)]
impl AccessKey {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for OnlineLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnlineLock(…)")
    }
}

impl StretchedPassword {
    /// Argon2id; `None` when the cost is beyond what this client spends. Blocks for noticeable time.
    pub(crate) fn of(password: &str, salt: &[u8; SALT_BYTES], cost: Cost) -> Option<Self> {
        let mut stretched = Self([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
            .hash_password_into(password.as_bytes(), salt, &mut stretched.0)
            .ok()?;
        Some(stretched)
    }

    /// The bytes, for the published vectors.
    #[cfg(test)]
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the server keeps of it where the password is a code word.
    pub(crate) fn code_word(&self) -> MacKey {
        MacKey::derive(&self.0, "pc/code-word")
    }

    /// What is sent: it shows that the password is known, and says nothing about what opens the file.
    pub(crate) fn proof(&self) -> MacKey {
        MacKey::derive(&self.0, "pc/password-proof")
    }

    /// The proof as it is sent. It is a secret: never print it.
    pub(crate) fn proof_text(&self) -> Zeroizing<String> {
        Zeroizing::new(Digest(*self.proof().expose()).to_string())
    }

    /// The key under which the server closed the access key.
    pub(crate) fn release_key(&self) -> MacKey {
        MacKey::derive(self.proof().expose(), "pc/access-release")
    }

    /// The access key as the server released it.
    pub(crate) fn open_access_key(
        &self,
        released: &str,
        owner: Owner<'_>,
    ) -> Result<AccessKey, ReleaseError> {
        let released = hex::decode(released).map_err(|_| ReleaseError)?;
        let open = open_released(&self.release_key(), &owner.associated(), &released)?;
        let bytes: [u8; 32] = open.as_slice().try_into().map_err(|_| ReleaseError)?;
        Ok(AccessKey(bytes))
    }
}

/// Whose key it is, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub system_id: &'a SystemId,
    pub user_id: &'a UserId,
    pub key_index: KeyIndex,
}

impl Owner<'_> {
    /// What the access key is bound to.
    pub(crate) fn associated(self) -> String {
        let Self {
            system_id,
            user_id,
            key_index,
        } = self;
        format!("{system_id}/{user_id}/{key_index}/access")
    }
}

impl<'a> From<&'a KeyInfo> for Owner<'a> {
    fn from(info: &'a KeyInfo) -> Self {
        Self {
            system_id: &info.system_id,
            user_id: &info.user_id,
            key_index: info.key_index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(password: u8, access_key: u8) -> OnlineLock {
        OnlineLock {
            salt: [0; SALT_BYTES],
            cost: Cost::for_tests(),
            password: StretchedPassword([password; 32]),
            access_key: AccessKey([access_key; 32]),
        }
    }

    #[test]
    fn a_file_needs_the_password_and_the_server() {
        let key = lock(1, 1).file_key();
        assert_eq!(key.expose(), lock(1, 1).file_key().expose());
        assert_ne!(key.expose(), lock(2, 1).file_key().expose());
        assert_ne!(key.expose(), lock(1, 2).file_key().expose());
    }

    #[test]
    fn a_lock_prints_nothing() {
        assert_eq!(format!("{:?}", lock(1, 1)), "OnlineLock(…)");
    }
}
