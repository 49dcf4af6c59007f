//! The shared secret of a key, its halves, and everything derived from them. Wiped when they go; never printed.

use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use schemas::{Digest, KeyIndex, SystemId, UserId};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Length of `released`: nonce 12, half 32, tag 16 bytes.
pub const RELEASED_BYTES: usize = 60;

const NONCE_BYTES: usize = 12;

/// `K`: the whole secret of an active key, 32 bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Takes the bytes in.
    pub fn new(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(**bytes)
    }

    /// `k_auth`: authenticates requests.
    pub fn request_key(&self) -> MacKey {
        MacKey::derive(&self.0, "pc/auth")
    }

    /// `k_conf`: makes confirmation codes.
    pub fn confirm_key(&self) -> MacKey {
        MacKey::derive(&self.0, "pc/confirm")
    }

    /// `k_cred`: authenticates the one request that asks for the access key. It lies outside of what the password protects.
    pub fn credentials_key(&self) -> MacKey {
        MacKey::derive(&self.0, "pc/credentials")
    }

    /// The bytes, for the store.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `K1`: the half of a two-part key that its QR code carries. Alone it says nothing about `K`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct FirstHalf([u8; 32]);

/// What was released did not open: another code, another password, another key, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was released does not open")]
pub struct ReleaseError;

impl FirstHalf {
    /// Takes the bytes in.
    pub fn new(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(**bytes)
    }

    /// `k_act`: authenticates the request `activate`, before `K` is known.
    pub fn activation_key(&self) -> MacKey {
        MacKey::derive(&self.0, "pc/activate")
    }

    /// What the server compares with its own: shows that the user knows the code, without sending it.
    pub fn activation_proof(&self, code: &str) -> Digest {
        MacKey::derive(&self.0, "pc/activation-proof").mac(&[code.as_bytes()])
    }

    /// Opens the half the server released for the right code, and joins both: `K = K1 xor K2`.
    pub fn join(
        &self,
        code: &str,
        released: &[u8],
        (system_id, user_id, key_index): (&SystemId, &UserId, KeyIndex),
    ) -> Result<MasterKey, ReleaseError> {
        let owner = format!("{system_id}/{user_id}/{key_index}");
        let second = open_released(&self.release_key(code), &owner, released)?;
        let mut whole = MasterKey(self.0);
        for (byte, other) in whole.0.iter_mut().zip(second.iter()) {
            *byte ^= other;
        }
        Ok(whole)
    }

    /// The key the server sealed the second half with.
    pub(crate) fn release_key(&self, code: &str) -> MacKey {
        let mut material = Zeroizing::new(Vec::with_capacity(self.0.len() + code.len()));
        material.extend_from_slice(&self.0);
        material.extend_from_slice(code.as_bytes());
        MacKey::derive(&material, "pc/release")
    }

    /// The bytes, for the store.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Opens 32 secret bytes that the server closed for somebody: nonce (12), ciphertext and tag (48).
pub(crate) fn open_released(
    key: &MacKey,
    associated: &str,
    released: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ReleaseError> {
    if released.len() != RELEASED_BYTES {
        return Err(ReleaseError);
    }
    let (nonce, sealed) = released.split_at(NONCE_BYTES);
    let cipher = Aes256Gcm::new_from_slice(&key.0).expect("a derived key has 32 bytes");
    let payload = Payload {
        msg: sealed,
        aad: associated.as_bytes(),
    };
    let nonce = nonce.try_into().map_err(|_| ReleaseError)?;
    let open = cipher.decrypt(nonce, payload).map_err(|_| ReleaseError)?;
    Ok(Zeroizing::new(open))
}

/// A derived key of 32 bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MacKey([u8; 32]);

impl MacKey {
    /// HKDF-SHA256 with an empty salt; `label` is the info.
    pub(crate) fn derive(material: &[u8], label: &str) -> Self {
        let mut key = Self([0; 32]);
        Hkdf::<Sha256>::new(None, material)
            .expand(label.as_bytes(), &mut key.0)
            .expect("32 bytes are one block of SHA-256");
        key
    }

    /// HMAC-SHA256 of the parts, one after the other.
    pub fn mac(&self, parts: &[&[u8]]) -> Digest {
        Digest(self.prepared(parts).finalize().into_bytes().into())
    }

    /// Is this the MAC of the parts? In constant time.
    pub fn accepts(&self, parts: &[&[u8]], mac: &Digest) -> bool {
        self.prepared(parts).verify_slice(&mac.0).is_ok()
    }

    /// `r`: the key under the answer to the request with this nonce.
    #[must_use]
    pub fn response_key(&self, nonce: &[u8; 16]) -> MacKey {
        MacKey(
            self.mac(&[b"v1-response-key\n", hex::encode(nonce).as_bytes()])
                .0,
        )
    }

    /// The key of these bytes, read back from the store.
    pub(crate) fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(**bytes)
    }

    /// The bytes.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn prepared(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

macro_rules! silent {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

silent! { MasterKey FirstHalf MacKey }

#[cfg(test)]
mod tests {
    use super::*;

    fn half() -> FirstHalf {
        FirstHalf::new(&Zeroizing::new([7; 32]))
    }

    fn owner() -> (SystemId, UserId, KeyIndex) {
        (
            "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap(),
            "sample-1".parse().unwrap(),
            KeyIndex(1),
        )
    }

    fn released(code: &str, aad: &str) -> Vec<u8> {
        let cipher = Aes256Gcm::new_from_slice(&half().release_key(code).0).unwrap();
        let payload = Payload {
            msg: &[9; 32],
            aad: aad.as_bytes(),
        };
        let mut released = vec![1; NONCE_BYTES];
        released.extend(cipher.encrypt(&[1; NONCE_BYTES].into(), payload).unwrap());
        released
    }

    #[test]
    fn the_halves_join_to_the_whole() {
        let (system_id, user_id, key_index) = owner();
        let released = released("3468045516", &format!("{system_id}/{user_id}/{key_index}"));
        assert_eq!(released.len(), RELEASED_BYTES);
        let whole = half()
            .join("3468045516", &released, (&system_id, &user_id, key_index))
            .unwrap();
        assert_eq!(whole.expose(), &[7 ^ 9; 32]);
    }

    #[test]
    fn a_half_released_for_another_code_or_owner_does_not_open() {
        let (system_id, user_id, key_index) = owner();
        let right = released("3468045516", &format!("{system_id}/{user_id}/{key_index}"));
        let foreign = released("3468045516", &format!("{system_id}/another/{key_index}"));
        let tries = [
            ("3468045517", &right[..]),
            ("3468045516", &foreign[..]),
            ("3468045516", &right[..59]),
            ("3468045516", &[]),
        ];
        for (code, released) in tries {
            let joined = half().join(code, released, (&system_id, &user_id, key_index));
            assert_eq!(joined.map(|_| ()), Err(ReleaseError));
        }
    }

    #[test]
    fn secrets_print_nothing() {
        assert_eq!(
            format!("{:?} {:?}", half(), half().activation_key()),
            "FirstHalf(…) MacKey(…)"
        );
    }
}
