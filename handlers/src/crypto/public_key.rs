//! Public keys as devices register them: SubjectPublicKeyInfo of a P-256 key, in its one spelling.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use schemas::{Digest, KeyIndex, SystemId, UserId};

use super::length_prefixed;

/// Everything of a P-256 SubjectPublicKeyInfo before the point: id-ecPublicKey, prime256v1, an unpadded bit string, and
/// the byte that says "uncompressed".
const PREFIX: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const LENGTH: usize = 91;

/// Is this a P-256 key, named curve, uncompressed point on the curve, and nothing before, between or after?
pub(crate) fn is_well_formed(public_key: &[u8]) -> bool {
    has_the_one_spelling(public_key)
        && ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key).is_ok()
}

/// The same without the point's arithmetic, which verifying a signature does anyway.
pub(crate) fn has_the_one_spelling(public_key: &[u8]) -> bool {
    public_key.len() == LENGTH && public_key.starts_with(&PREFIX)
}

/// What a pair of keys is for. No signature for one purpose says anything for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It signs for the user.
    User,
    /// It signs automatic confirmations.
    Autosign,
}

impl Purpose {
    fn renewal_domain(self) -> &'static [u8] {
        match self {
            Self::User => b"pc-renew-v1",
            Self::Autosign => b"pc-renew-autosign-v1",
        }
    }
}

/// What an old key signs when it hands over to a new one.
pub(crate) fn renewal_digest(
    purpose: Purpose,
    system_id: &SystemId,
    user_id: &UserId,
    key_index: KeyIndex,
    new_public_key: &[u8],
) -> Digest {
    Digest::sha256(&length_prefixed(&[
        purpose.renewal_domain(),
        system_id.as_str().as_bytes(),
        user_id.as_str().as_bytes(),
        key_index.to_string().as_bytes(),
        new_public_key,
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::RFC_6979_KEY;

    fn good() -> Vec<u8> {
        hex::decode(RFC_6979_KEY).unwrap()
    }

    #[test]
    fn a_named_curve_and_an_uncompressed_point_are_accepted() {
        assert!(is_well_formed(&good()));
    }

    #[test]
    fn a_point_beside_the_curve_is_refused() {
        for byte in [27, 58, 59, 90] {
            let mut bent = good();
            bent[byte] ^= 1;
            assert!(!is_well_formed(&bent), "byte {byte}");
        }
        let mut origin = good();
        origin[27..].fill(0);
        assert!(!is_well_formed(&origin), "(0, 0) is not on the curve");
        let mut out_of_field = good();
        out_of_field[27..59].fill(0xff);
        assert!(!is_well_formed(&out_of_field));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let good = good();
        let bare_point = good[26..].to_vec();
        let mut longer = good.clone();
        longer.push(0);
        let mut compressed = good.clone();
        compressed[26] = 0x02;
        let mut hybrid = good.clone();
        hybrid[26] = 0x06 | (good[90] & 1);
        let mut secp256k1 = good.clone();
        secp256k1.splice(13..23, [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a]);
        let infinity = [&good[..23], &[0x03, 0x02, 0x00, 0x00]].concat();
        for wrong in [
            &[][..],
            &bare_point,
            &longer,
            &good[..90],
            &compressed,
            &hybrid,
            &secp256k1,
            &infinity,
        ] {
            assert!(!is_well_formed(wrong), "{}", hex::encode(wrong));
        }
    }
}
