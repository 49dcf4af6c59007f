//! The key pair that never leaves the device: P-256, ECDSA with SHA-256, deterministic (RFC 6979), low S.

use std::fmt;

use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey;
use schemas::{Digest, KeyIndex, SystemId, UserId};
use zeroize::Zeroizing;

use crate::chance;

/// Domain of a renewal's signature.
const RENEWAL_DOMAIN: &str = "pc-renew-v1";
/// The same for the pair of automatic confirmations.
/// Domain of an automatic confirmation's signature.
const AUTOSIGN_DOMAIN: &str = "pc-autosign-v1";
const AUTOSIGN_RENEWAL_DOMAIN: &str = "pc-renew-autosign-v1";

/// A P-256 key pair.
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// Draws a new one.
    pub fn generate() -> Self {
        loop {
            // One draw in 2^32 is not below the order of the group; then another is taken.
            if let Some(pair) = Self::from_secret(&chance::secret_bytes()) {
                return pair;
            }
        }
    }

    /// The pair of a stored private key; `None` when the number is zero or not below the order of the group.
    pub fn from_secret(secret: &Zeroizing<[u8; 32]>) -> Option<Self> {
        SigningKey::from_slice(&**secret).ok().map(Self)
    }

    /// The private number, for the store.
    pub(crate) fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The public key as the server takes it: SubjectPublicKeyInfo, DER, 91 bytes.
    pub fn public_key_spki(&self) -> Vec<u8> {
        self.0
            .verifying_key()
            .to_public_key_der()
            .expect("a point of P-256 always has its DER form")
            .into_vec()
    }

    /// Signs what has this SHA-256: strict DER, the lower of the two possible S.
    pub fn sign_digest(&self, digest: &Digest) -> Vec<u8> {
        let signature: Signature = self
            .0
            .sign_prehash(digest.as_bytes())
            .expect("a digest of 32 bytes fits the curve");
        signature.normalize_s().to_der().as_bytes().to_vec()
    }

    /// Signs the bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_digest(&Digest::sha256(message))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

/// What the second pair signs when a transaction is confirmed automatically: three fields, each preceded by its length (4
/// bytes, big endian).
pub fn autosign_message(attempt_id: &Digest, digest: &Digest) -> Vec<u8> {
    prefixed(&[AUTOSIGN_DOMAIN.as_bytes(), &attempt_id.0, &digest.0])
}

/// What the old key signs when a new one takes its place: five fields, each preceded by its length (4 bytes, big endian).
pub fn renewal_message(
    system_id: &SystemId,
    user_id: &UserId,
    key_index: KeyIndex,
    new_spki: &[u8],
) -> Vec<u8> {
    handover(RENEWAL_DOMAIN, (system_id, user_id, key_index), new_spki)
}

/// The same of the pair for automatic confirmations, signed by the old pair of that kind.
pub fn autosign_renewal_message(
    system_id: &SystemId,
    user_id: &UserId,
    key_index: KeyIndex,
    new_spki: &[u8],
) -> Vec<u8> {
    handover(
        AUTOSIGN_RENEWAL_DOMAIN,
        (system_id, user_id, key_index),
        new_spki,
    )
}

fn handover(
    domain: &str,
    (system_id, user_id, key_index): (&SystemId, &UserId, KeyIndex),
    new_spki: &[u8],
) -> Vec<u8> {
    let key_index = key_index.to_string();
    prefixed(&[
        domain.as_bytes(),
        system_id.as_str().as_bytes(),
        user_id.as_str().as_bytes(),
        key_index.as_bytes(),
        new_spki,
    ])
}

/// Fields, each preceded by its length (4 bytes, big endian).
pub(crate) fn prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for field in fields {
        let length = u32::try_from(field.len()).expect("every field is far below 4 GiB");
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(field);
    }
    message
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;
    use p256::pkcs8::DecodePublicKey;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_pair_is_in_no_way_the_one_before() {
        let (one, other) = (KeyPair::generate(), KeyPair::generate());
        assert_ne!(one.public_key_spki(), other.public_key_spki());
        assert_eq!(one.public_key_spki().len(), 91);
    }

    #[test]
    fn a_pair_comes_back_from_its_secret() {
        let pair = KeyPair::generate();
        let again = KeyPair::from_secret(&pair.secret()).unwrap();
        assert_eq!(pair.public_key_spki(), again.public_key_spki());
        assert!(KeyPair::from_secret(&Zeroizing::new([0; 32])).is_none());
        assert!(KeyPair::from_secret(&Zeroizing::new([0xff; 32])).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_signature_is_low_and_verifies(message in proptest::collection::vec(any::<u8>(), 0..100)) {
            let pair = KeyPair::generate();
            let signature = Signature::from_der(&pair.sign(&message)).unwrap();
            prop_assert_eq!(signature.normalize_s(), signature);
            let key = VerifyingKey::from_public_key_der(&pair.public_key_spki()).unwrap();
            prop_assert!(key.verify(&message, &signature).is_ok());
        }
    }
}
