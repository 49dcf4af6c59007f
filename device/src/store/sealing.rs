//! Sealing under a password: Argon2id makes the key, AES-256-GCM seals, and the cost is under the seal too.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::StoreError;
use crate::chance;

/// What one guess of the password costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, KiB.
    pub(super) memory_kib: u32,
    /// How often the memory is gone over.
    pub(super) passes: u32,
    /// How many threads could share the work.
    pub(super) lanes: u32,
}

impl Default for Cost {
    /// RFC 9106's second recommendation for memory and passes, in one lane: 64 MiB, three passes.
    fn default() -> Self {
        Self {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

impl Cost {
    /// The most this client spends on a file, whatever the file says.
    const MAX: Self = Self {
        memory_kib: 1024 * 1024,
        passes: 16,
        lanes: 16,
    };

    /// OWASP's minimum for small devices: 19 MiB, two passes.
    pub fn small() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }

    /// A cost the server asks for; `None` when it would be no protection, or more than this client spends.
    pub(crate) fn offered(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let least = Self::small();
        let cost = Self {
            memory_kib,
            passes,
            lanes,
        };
        let protects = memory_kib >= least.memory_kib && passes >= least.passes && lanes >= 1;
        cost.params().filter(|_| protects).map(|_| cost)
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        }
    }

    pub(crate) fn params(self) -> Option<Params> {
        let bearable = self.memory_kib <= Self::MAX.memory_kib
            && self.passes <= Self::MAX.passes
            && self.lanes <= Self::MAX.lanes;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok();
        params.filter(|_| bearable)
    }
}

/// The file, version 1.
#[derive(Serialize, Deserialize)]
struct SealedFile {
    v: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    cipher: String,
    nonce: String,
    sealed: String,
}

const VERSION: u32 = 1;
pub(super) const KDF: &str = "argon2id";
pub(super) const CIPHER: &str = "AES-256-GCM";

/// Seals the bytes under the password, with a fresh salt and nonce.
pub fn seal(plain: &[u8], password: &str, cost: Cost) -> Vec<u8> {
    let (salt, nonce) = (chance::bytes::<16>(), chance::bytes::<12>());
    let cipher = cipher(password, &salt, cost).expect("a cost made here is bearable");
    let payload = Payload {
        msg: plain,
        aad: &associated(cost, &salt),
    };
    let sealed = cipher
        .encrypt(&nonce.into(), payload)
        .expect("a key is far below the cipher's limit");
    let file = SealedFile {
        v: VERSION,
        kdf: KDF.to_owned(),
        memory_kib: cost.memory_kib,
        passes: cost.passes,
        lanes: cost.lanes,
        salt: hex::encode(salt),
        cipher: CIPHER.to_owned(),
        nonce: hex::encode(nonce),
        sealed: STANDARD.encode(sealed),
    };
    serde_json::to_vec(&file).expect("the file is a map with text keys")
}

/// Opens a sealed file.
pub fn open(bytes: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let file: SealedFile = serde_json::from_slice(bytes).map_err(|_| StoreError::NotAKeyFile)?;
    let known = file.v == VERSION && file.kdf == KDF && file.cipher == CIPHER;
    let (mut salt, mut nonce) = ([0; 16], [0; 12]);
    let decoded = hex::decode_to_slice(&file.salt, &mut salt).is_ok()
        && hex::decode_to_slice(&file.nonce, &mut nonce).is_ok();
    if !known || !decoded {
        return Err(StoreError::NotAKeyFile);
    }
    let cost = Cost {
        memory_kib: file.memory_kib,
        passes: file.passes,
        lanes: file.lanes,
    };
    let cipher = cipher(password, &salt, cost).ok_or(StoreError::NotAKeyFile)?;
    let sealed = STANDARD
        .decode(&file.sealed)
        .map_err(|_| StoreError::NotAKeyFile)?;
    let payload = Payload {
        msg: &sealed,
        aad: &associated(cost, &salt),
    };
    let plain = cipher.decrypt(&nonce.into(), payload);
    plain.map(Zeroizing::new).map_err(|_| StoreError::NotOpened)
}

/// `None` when the cost is beyond what this client spends.
fn cipher(password: &str, salt: &[u8; 16], cost: Cost) -> Option<Aes256Gcm> {
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_password_into(password.as_bytes(), salt, &mut *key)
        .ok()?;
    let cipher = Aes256Gcm::new_from_slice(&*key).expect("the derived key has 32 bytes");
    Some(cipher)
}

/// Everything the file says in the open, under the seal.
fn associated(cost: Cost, salt: &[u8; 16]) -> Vec<u8> {
    let Cost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let salt = hex::encode(salt);
    format!("pc-key-file-v{VERSION}\n{KDF}\n{memory_kib}\n{passes}\n{lanes}\n{salt}\n{CIPHER}")
        .into_bytes()
}
