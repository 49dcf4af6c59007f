//! Secrets from secrets: HKDF-SHA256 with an empty salt and a label per purpose, so that no two purposes share a key.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use schemas::Secret;

/// Thirty-two bytes for one purpose.
pub(crate) fn derive(secret: &[u8], label: &str) -> Secret {
    let pseudorandom = Salt::none(HKDF_SHA256).extract(secret);
    let mut bytes = vec![0; ThirtyTwo.len()];
    pseudorandom
        .expand(&[label.as_bytes()], ThirtyTwo)
        .and_then(|output| output.fill(&mut bytes))
        .expect("32 bytes are within what HKDF-SHA256 can give");
    Secret::new(bytes)
}

/// The key that authenticates the requests of an activated (or whole) key, from its secret K.
pub(crate) fn request_key(whole: &Secret) -> Secret {
    derive(whole.expose(), "pc/auth")
}

/// The key that authenticates the activation request, and every request of a key that waits for its activation, from
/// the part K1 that the QR code carries.
pub(crate) fn activation_request_key(first_part: &[u8]) -> Secret {
    derive(first_part, "pc/activate")
}

/// The key that authenticates the request for the access key, from the secret K. The device keeps it outside of what the
/// password protects, so it must open nothing else.
pub(crate) fn credentials_request_key(whole: &Secret) -> Secret {
    derive(whole.expose(), "pc/credentials")
}

/// The key under the confirmation codes, from the secret K.
pub(crate) fn confirm_key(whole: &Secret) -> Secret {
    derive(whole.expose(), "pc/confirm")
}

/// K = K1 xor K2; `None` when the parts are not of one length.
pub(crate) fn join(first_part: &[u8], second_part: &[u8]) -> Option<Secret> {
    let pairs = first_part.iter().zip(second_part);
    (first_part.len() == second_part.len()).then(|| {
        Secret::new(
            pairs
                .map(|(first, second)| first ^ second)
                .collect::<Vec<_>>(),
        )
    })
}

struct ThirtyTwo;

impl KeyType for ThirtyTwo {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869, test case 3: no salt, no info. We take the first 32 of its 42 bytes.
    #[test]
    fn the_vector_of_rfc_5869_holds() {
        assert_eq!(
            hex::encode(derive(&[0x0b; 22], "").expose()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        );
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let whole = Secret::new([7; 32]);
        let keys = [
            request_key(&whole),
            activation_request_key(whole.expose()),
            confirm_key(&whole),
        ];
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[1], keys[2]);
        assert_ne!(keys[0], keys[2]);
    }

    #[test]
    fn either_half_alone_is_not_the_key() {
        let whole = join(&[0xf0; 32], &[0x0f; 32]);
        assert_eq!(whole, Some(Secret::new([0xff; 32])));
        assert_eq!(join(&[1; 32], &[1; 31]), None);
    }
}
