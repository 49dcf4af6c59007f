//! The server's part in the password of a key: what it keeps to check a proof of it, and the access key it cannot open.
//!
//! The device sends a proof that follows from the password by a slow derivation with the server's salt. From the proof follow
//! two things that say nothing about each other: what a later proof is compared with, and the key under which the access key
//! is closed. The server forgets the proof, so the access key is closed for it, too.

use schemas::{KeyIndex, Secret, SystemId, UserId};

use super::key_material::derive;
use super::{same, sealing};

/// Length of a salt, bytes.
pub(crate) const SALT_BYTES: usize = 16;

/// What is kept of a proof.
pub(crate) fn verifier(proof: &Secret) -> Secret {
    derive(proof.expose(), "pc/password-verifier")
}

/// Does the proof lead to what was kept? In constant time.
pub(crate) fn accepts(kept: &[u8], proof: &Secret) -> bool {
    same(kept, verifier(proof).expose())
}

/// What the access key is bound to: `<system>/<user>/<key index>/access`.
pub(crate) fn associated(system_id: &SystemId, user_id: &UserId, key_index: KeyIndex) -> String {
    format!("{system_id}/{user_id}/{key_index}/access")
}

/// The access key, closed for whoever can make the proof.
pub(crate) fn close(
    access_key: &Secret,
    proof: &Secret,
    nonce_seed: &Secret,
    associated: &str,
) -> Secret {
    sealing::close(
        &release_key(proof),
        nonce_seed,
        associated,
        access_key.expose(),
    )
}

/// The access key, for as long as the proof is at hand.
pub(crate) fn open(closed: &[u8], proof: &Secret, associated: &str) -> Option<Secret> {
    sealing::open(&release_key(proof), associated, closed)
}

fn release_key(proof: &Secret) -> Secret {
    derive(proof.expose(), "pc/access-release")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proof_itself_is_accepted() {
        let proof = Secret::new([7; 32]);
        let kept = verifier(&proof);
        assert!(accepts(kept.expose(), &proof));
        assert!(!accepts(kept.expose(), &Secret::new([8; 32])));
        assert!(!accepts(kept.expose(), &kept), "what is kept is no proof");
        assert!(!accepts(&[], &proof));
    }
}
