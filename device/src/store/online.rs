//! A key file that opens with the server's help. What the request to the server needs stands in the open: whose key it is,
//! the salt, and a key that opens nothing but that request.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::{KeyIndex, SystemId, UserId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealing::{CIPHER, Cost, KDF};
use super::{StoreError, record};
use crate::chance;
use crate::credentials::{OnlineLock, Owner, SALT_BYTES};
use crate::key::DeviceKey;
use crate::secrets::MacKey;

/// Version of a file of this kind.
const VERSION: u32 = 2;
/// Most locks of a file: the password of now, and the one that is to replace it.
const SLOTS_MAX: usize = 2;

/// A key file before its password is known.
#[derive(Debug)]
pub struct LockedKey {
    file: OnlineFile,
    request_key: MacKey,
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) cost: Cost,
}

/// The file, version 2.
#[derive(Debug, Serialize, Deserialize)]
struct OnlineFile {
    v: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    cipher: String,
    system_id: SystemId,
    user_id: UserId,
    key_index: KeyIndex,
    url: Option<String>,
    request_key: String,
    slots: Vec<Slot>,
}

/// The key under one lock.
#[derive(Debug, Serialize, Deserialize)]
struct Slot {
    nonce: String,
    sealed: String,
}

/// The bytes of a file that opens with each of the locks. They share salt and cost.
pub(super) fn seal(key: &DeviceKey, locks: &[&OnlineLock]) -> Result<Vec<u8>, StoreError> {
    let Some(first) = locks.first().filter(|_| locks.len() <= SLOTS_MAX) else {
        return Err(StoreError::NotAKeyFile);
    };
    let request_key = key.credentials_key().map_err(|_| StoreError::NotAKeyFile)?;
    let info = key.info();
    let mut file = OnlineFile {
        v: VERSION,
        kdf: KDF.to_owned(),
        memory_kib: first.cost.memory_kib,
        passes: first.cost.passes,
        lanes: first.cost.lanes,
        salt: hex::encode(first.salt),
        cipher: CIPHER.to_owned(),
        system_id: info.system_id.clone(),
        user_id: info.user_id.clone(),
        key_index: info.key_index,
        url: info.url.clone(),
        request_key: hex::encode(request_key.expose()),
        slots: Vec::new(),
    };
    let (plain, associated) = (record::encode(key), file.associated());
    for lock in locks {
        let nonce = chance::bytes::<12>();
        let payload = Payload {
            msg: &plain,
            aad: &associated,
        };
        let sealed = cipher(lock).encrypt(&nonce.into(), payload);
        file.slots.push(Slot {
            nonce: hex::encode(nonce),
            sealed: STANDARD.encode(sealed.expect("a key is far below the cipher's limit")),
        });
    }
    Ok(serde_json::to_vec(&file).expect("the file is a map with text keys"))
}

/// Is it a file of this kind?
pub(super) fn is_online(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    serde_json::from_slice(bytes).is_ok_and(|Version { v }| v == VERSION)
}

impl LockedKey {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let file: OnlineFile =
            serde_json::from_slice(bytes).map_err(|_| StoreError::NotAKeyFile)?;
        let known = file.v == VERSION && file.kdf == KDF && file.cipher == CIPHER;
        let mut salt = [0; SALT_BYTES];
        let mut request_key = Zeroizing::new([0; 32]);
        let decoded = hex::decode_to_slice(&file.salt, &mut salt).is_ok()
            && hex::decode_to_slice(&file.request_key, &mut *request_key).is_ok();
        let cost = Cost::offered(file.memory_kib, file.passes, file.lanes);
        let Some(cost) = cost.filter(|_| known && decoded) else {
            return Err(StoreError::NotAKeyFile);
        };
        Ok(Self {
            request_key: MacKey::from_bytes(&request_key),
            salt,
            cost,
            file,
        })
    }

    /// The server's address; `None` when the application knows it.
    pub fn url(&self) -> Option<&str> {
        self.file.url.as_deref()
    }

    pub(crate) fn owner(&self) -> Owner<'_> {
        Owner {
            system_id: &self.file.system_id,
            user_id: &self.file.user_id,
            key_index: self.file.key_index,
        }
    }

    pub(crate) fn request_key(&self) -> &MacKey {
        &self.request_key
    }

    /// The key, when one of the file's slots has this lock.
    pub(crate) fn open(&self, lock: &OnlineLock) -> Result<DeviceKey, StoreError> {
        let (cipher, associated) = (cipher(lock), self.file.associated());
        for slot in self.file.slots.iter().take(SLOTS_MAX) {
            let mut nonce = [0; 12];
            let Ok(()) = hex::decode_to_slice(&slot.nonce, &mut nonce) else {
                continue;
            };
            let Ok(sealed) = STANDARD.decode(&slot.sealed) else {
                continue;
            };
            let payload = Payload {
                msg: &sealed,
                aad: &associated,
            };
            if let Ok(plain) = cipher.decrypt(&nonce.into(), payload) {
                let plain = Zeroizing::new(plain);
                return record::decode(&plain).ok_or(StoreError::NotAKeyFile);
            }
        }
        Err(StoreError::NotOpened)
    }
}

impl OnlineFile {
    /// Everything the file says in the open, under every slot's seal.
    fn associated(&self) -> Vec<u8> {
        let Self {
            v,
            kdf,
            memory_kib,
            passes,
            lanes,
            salt,
            cipher,
            system_id,
            user_id,
            key_index,
            url,
            request_key,
            slots: _,
        } = self;
        let url = url.as_deref().unwrap_or_default();
        format!(
            "pc-key-file-v{v}\n{kdf}\n{memory_kib}\n{passes}\n{lanes}\n{salt}\n{cipher}\n{system_id}\n{user_id}\n\
             {key_index}\n{url}\n{request_key}"
        )
        .into_bytes()
    }
}

fn cipher(lock: &OnlineLock) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(lock.file_key().expose()).expect("the derived key has 32 bytes")
}
