//! The root secret, and everything derived from it: keys of the vault, of the bus, of the callbacks.
//!
//! Sealed bytes: `1 | wrap nonce 12 | wrapped key 48 | nonce 12 | ciphertext and tag`. A record key is drawn for every
//! record, wrapped by its tenant's key, which follows from the root secret. The caller's `aad` names tenant, user and
//! field: bytes moved to another row do not open.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use schemas::Secret;
use zeroize::Zeroizing;

use crate::shell::random::random_bytes;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const WRAPPED: usize = 32 + 16;

/// Tenants whose keys are remembered at most; one more, and all are derived anew.
const TENANTS_MAX: usize = 1024;

/// The secret everything else is derived from. It prints as `…`.
#[derive(Clone)]
pub struct RootSecret {
    bytes: Zeroizing<[u8; 32]>,
    /// Deriving a key takes several times as long as sealing with it.
    tenants: Arc<Mutex<HashMap<String, Arc<LessSafeKey>>>>,
}

/// Why sealed bytes do not open, or a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Altered, moved to another place, or sealed under another root secret.
    #[error(
        "sealed bytes do not open: they were altered or moved, or the root secret is not the one they were sealed with"
    )]
    DoesNotOpen,
    /// The secret file is not 64 hex digits.
    #[error("{0} does not hold a secret of 64 hex digits")]
    Malformed(String),
    /// The secret file can be read by others.
    #[error("{0} can be read by other users: run chmod 600 on it")]
    TooOpen(String),
    /// The secret file cannot be read or written.
    #[error("cannot use the secret file {path}")]
    File {
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl RootSecret {
    /// A secret from its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
            tenants: Arc::default(),
        }
    }

    /// Reads the secret file; makes one, readable by its owner alone, when there is none.
    pub fn open_or_create(path: &Path) -> Result<Self, SealError> {
        let shown = || path.display().to_string();
        let file_error = |source| SealError::File {
            path: shown(),
            source,
        };
        match std::fs::metadata(path) {
            Ok(metadata) => {
                use std::os::unix::fs::PermissionsExt as _;
                if metadata.permissions().mode() & 0o077 != 0 {
                    return Err(SealError::TooOpen(shown()));
                }
                let text = Zeroizing::new(std::fs::read_to_string(path).map_err(file_error)?);
                let mut bytes = [0; 32];
                hex::decode_to_slice(text.trim(), &mut bytes)
                    .map_err(|_| SealError::Malformed(shown()))?;
                Ok(Self::new(bytes))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                use std::io::Write as _;
                use std::os::unix::fs::OpenOptionsExt as _;
                let secret = Self::new(random_bytes());
                let mut file = std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(file_error)?;
                file.write_all(hex::encode(*secret.bytes).as_bytes())
                    .map_err(file_error)?;
                file.sync_all().map_err(file_error)?;
                Ok(secret)
            }
            Err(error) => Err(file_error(error)),
        }
    }

    /// A key for one purpose: HKDF-SHA256 of the root secret.
    pub fn derive(&self, purpose: &str) -> Secret {
        Secret::new(*self.derived(purpose))
    }

    fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign")
            .extract(&*self.bytes)
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut *key))
            .expect("thirty-two bytes are within the reach of HKDF-SHA256");
        key
    }

    /// Seals bytes for one place: `tenant` picks the key, `aad` names the place.
    pub fn seal(&self, tenant: &str, aad: &str, open: &[u8]) -> Vec<u8> {
        let record_key = Zeroizing::new(random_bytes::<32>());
        let mut sealed = vec![VERSION];
        encrypt(&self.tenant_key(tenant), aad, &*record_key, &mut sealed);
        encrypt(&aead(&record_key), aad, open, &mut sealed);
        sealed
    }

    /// Opens bytes that were sealed for exactly this place.
    pub fn open(&self, tenant: &str, aad: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError::DoesNotOpen)?;
        if version != VERSION || rest.len() < NONCE + WRAPPED {
            return Err(SealError::DoesNotOpen);
        }
        let (wrapped, body) = rest.split_at(NONCE + WRAPPED);
        let record_key = decrypt(&self.tenant_key(tenant), aad, wrapped)?;
        let record_key = Zeroizing::new(
            <[u8; 32]>::try_from(record_key.expose()).map_err(|_| SealError::DoesNotOpen)?,
        );
        decrypt(&aead(&record_key), aad, body)
    }

    fn tenant_key(&self, tenant: &str) -> Arc<LessSafeKey> {
        let mut tenants = self
            .tenants
            .lock()
            .expect("nothing panics while it holds the keys");
        if let Some(known) = tenants.get(tenant) {
            return Arc::clone(known);
        }
        if tenants.len() >= TENANTS_MAX {
            tenants.clear();
        }
        let key = Arc::new(aead(&self.derived(&format!("vault/{tenant}"))));
        tenants.insert(tenant.to_owned(), Arc::clone(&key));
        key
    }
}

fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes thirty-two bytes"))
}

/// Appends nonce, ciphertext and tag.
fn encrypt(key: &LessSafeKey, aad: &str, open: &[u8], out: &mut Vec<u8>) {
    let nonce = random_bytes::<NONCE>();
    let mut bytes = open.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(aad.as_bytes()),
        &mut bytes,
    )
    .expect("records are far below the limit of AES-GCM");
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&bytes);
}

fn decrypt(key: &LessSafeKey, aad: &str, sealed: &[u8]) -> Result<Secret, SealError> {
    let (nonce, body) = sealed
        .split_at_checked(NONCE)
        .ok_or(SealError::DoesNotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::DoesNotOpen)?;
    let mut bytes = Zeroizing::new(body.to_vec());
    let open = key
        .open_in_place(nonce, Aad::from(aad.as_bytes()), &mut bytes)
        .map_err(|_| SealError::DoesNotOpen)?;
    Ok(Secret::new(&*open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_open_only_in_their_place() -> Result<(), SealError> {
        let root = RootSecret::new([7; 32]);
        let sealed = root.seal("system", "system/user/key/1/1", b"half a key");
        assert_eq!(
            root.open("system", "system/user/key/1/1", &sealed)?
                .expose(),
            b"half a key"
        );
        assert!(root.open("other", "system/user/key/1/1", &sealed).is_err());
        assert!(root.open("system", "system/user/key/2/1", &sealed).is_err());
        assert!(
            RootSecret::new([8; 32])
                .open("system", "system/user/key/1/1", &sealed)
                .is_err()
        );
        Ok(())
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let root = RootSecret::new([7; 32]);
        let sealed = root.seal("system", "place", b"text");
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(
                root.open("system", "place", &altered).is_err(),
                "byte {index}"
            );
        }
        assert!(root.open("system", "place", &sealed[..20]).is_err());
    }

    #[test]
    fn purposes_do_not_share_a_key() {
        let root = RootSecret::new([7; 32]);
        assert_ne!(root.derive("bus"), root.derive("vault/system"));
    }
}
