//! The MAC of a device's request, and the key that authenticates our answer to it.

use aws_lc_rs::hmac;
use schemas::{Digest, Secret};

/// Is this the MAC of the message under the key? Compared in constant time.
pub(crate) fn mac_is_right(key: &Secret, message: &[u8], mac: &Digest) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    hmac::verify(&key, message, mac.as_bytes()).is_ok()
}

/// The key of the answer: it follows from the key of the request and from its nonce, so no other answer shares it.
pub(crate) fn response_key(key: &Secret, nonce: &[u8; 16]) -> Secret {
    let nonce_hex = format!("{:032x}", u128::from_be_bytes(*nonce));
    Secret::new(sign(key, &[b"v1-response-key\n", nonce_hex.as_bytes()]))
}

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn sign(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    for part in parts {
        context.update(part);
    }
    let tag = context.sign();
    <[u8; 32]>::try_from(tag.as_ref()).expect("HMAC-SHA256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_vector_of_rfc_4231_holds() {
        let (key, message) = (Secret::new("Jefe"), b"what do ya want for nothing?");
        let mac: Digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            .parse()
            .unwrap();
        assert_eq!(sign(&key, &[message]), mac.0);
        assert!(mac_is_right(&key, message, &mac));
        assert!(!mac_is_right(&key, b"what do you want for nothing?", &mac));
    }

    #[test]
    fn the_answer_has_a_key_for_every_nonce() {
        let key = Secret::new([1; 32]);
        assert_ne!(response_key(&key, &[0; 16]), response_key(&key, &[1; 16]));
        assert_eq!(
            response_key(&key, &[0; 16]).expose(),
            sign(
                &key,
                &[b"v1-response-key\n00000000000000000000000000000000"]
            ),
            "the nonce is written in hex, leading zeros included"
        );
    }
}
