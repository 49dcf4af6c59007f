//! The cryptography of recovering a key: what a user signs to set it up, how a code word answers a challenge, and how the new
//! key travels.

use schemas::commands::recovery::Requisites;
use schemas::{Digest, KeyIndex, Secret, SystemId, UserId};

use super::key_material::derive;
use super::{length_prefixed, pc_auth, same, sealing};

/// Length of a salt, bytes.
pub(crate) const SALT_BYTES: usize = 16;
/// Length of what follows from a code word, bytes.
pub(crate) const VERIFIER_BYTES: usize = 32;

/// Whose key it is.
pub(crate) type Holder<'a> = (&'a SystemId, &'a UserId, KeyIndex);

/// What the registered pair signs when its user sets up an additional authentication.
pub(crate) fn template_digest(
    (system_id, user_id, key_index): Holder<'_>,
    template_id: &str,
    requisites: &Requisites,
) -> Digest {
    Digest::sha256(&length_prefixed(&[
        b"pc-ext-auth-v1",
        system_id.as_str().as_bytes(),
        user_id.as_str().as_bytes(),
        key_index.to_string().as_bytes(),
        template_id.as_bytes(),
        requisites.word().as_bytes(),
        requisites.signed().expose(),
    ]))
}

/// What a code word makes of a challenge.
pub(crate) fn proof(
    verifier: &[u8],
    (system_id, user_id, key_index): Holder<'_>,
    challenge: &Digest,
) -> [u8; 32] {
    let key = derive(verifier, "pc/renew-proof");
    let message = length_prefixed(&[
        b"pc-renew-key-v1",
        system_id.as_str().as_bytes(),
        user_id.as_str().as_bytes(),
        key_index.to_string().as_bytes(),
        challenge.as_bytes(),
    ]);
    pc_auth::sign(&key, &[&message])
}

/// Is this what the code word makes of it? In constant time.
pub(crate) fn accepts(
    verifier: &[u8],
    holder: Holder<'_>,
    challenge: &Digest,
    given: &Digest,
) -> bool {
    same(&proof(verifier, holder, challenge), given.as_bytes())
}

/// The new key, closed for whoever holds the old one and knows what was shown for it.
pub(crate) fn close(
    new: &Secret,
    old: &Secret,
    shown: &[u8],
    nonce_seed: &Secret,
    (system_id, user_id, key_index): Holder<'_>,
) -> Secret {
    let both = Secret::new([old.expose(), shown].concat());
    let key = derive(both.expose(), "pc/renew-release");
    let associated = format!("{system_id}/{user_id}/{key_index}/renewed");
    sealing::close(&key, nonce_seed, &associated, new.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's hashlib and hmac: another implementation must arrive at the same values.
    #[test]
    fn the_published_vectors_hold() {
        let system_id: SystemId = "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap();
        let user_id: UserId = "sample-1".parse().unwrap();
        let holder = (&system_id, &user_id, KeyIndex(1));
        let requisites = Requisites::CodeWord {
            salt: vec![1; SALT_BYTES],
            verifier: Secret::new([2; VERIFIER_BYTES]),
        };
        let digest = template_digest(holder, "word", &requisites);
        assert_eq!(
            digest.to_string(),
            "21d0484825498dac1d4f45e3f068f264016515db68d7af0e71eabe56bccf0a8a"
        );
        let proof = Digest(proof(&[2; 32], holder, &Digest([3; 32])));
        assert_eq!(
            proof.to_string(),
            "5358b6141078146969c81d42a3bd088c16d357d0099a5f489bdf876a2de3bea1"
        );
        assert!(accepts(&[2; 32], holder, &Digest([3; 32]), &proof));
        assert!(!accepts(&[2; 32], holder, &Digest([4; 32]), &proof));
        assert!(!accepts(&[4; 32], holder, &Digest([3; 32]), &proof));
    }
}
