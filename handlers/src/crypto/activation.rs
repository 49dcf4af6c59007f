//! The activation code of a key in two parts: what the server keeps to check it, and what it releases for it.
//!
//! The server keeps no code, only a proof of it and a key that follows from it. The device sends the proof; for the right
//! one the server answers with the second half, closed with the key that only the holder of code and QR code can form.

use schemas::{Digest, KeyIndex, Secret, SystemId, UserId};

use super::{key_material, pc_auth, same, sealing};

/// What a proof of the activation code is compared with, and what the second half is closed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verifier {
    proof: Secret,
    release_key: Secret,
}

impl Verifier {
    /// The verifier of a code, for a key whose QR code carries `first_part`.
    pub(crate) fn new(first_part: &Secret, code: &Secret) -> Self {
        let joined = Secret::new([first_part.expose(), code.expose()].concat());
        Self {
            proof: Secret::new(proof(first_part.expose(), code.expose())),
            release_key: key_material::derive(joined.expose(), "pc/release"),
        }
    }

    /// The vault row: proof (32 bytes), release key (32 bytes).
    pub(crate) fn to_stored(&self) -> Secret {
        Secret::new([self.proof.expose(), self.release_key.expose()].concat())
    }

    /// Reads the vault row; `None` when it is not 64 bytes.
    pub(crate) fn from_stored(bytes: &[u8]) -> Option<Self> {
        let (proof, release_key) = bytes.split_at_checked(32)?;
        (release_key.len() == 32).then(|| Self {
            proof: Secret::new(proof),
            release_key: Secret::new(release_key),
        })
    }

    /// Is this the proof of the right code? Compared in constant time.
    pub(crate) fn accepts(&self, proof: &Digest) -> bool {
        same(self.proof.expose(), proof.as_bytes())
    }

    /// The second half, closed for whoever knows code and QR code: nonce (12 bytes), then AES-256-GCM.
    pub(crate) fn release(
        &self,
        second_part: &[u8],
        nonce_seed: &Secret,
        associated: &str,
    ) -> Secret {
        sealing::close(&self.release_key, nonce_seed, associated, second_part)
    }
}

/// What the released half is bound to: `<system>/<user>/<key index>`.
pub(crate) fn associated(system_id: &SystemId, user_id: &UserId, key_index: KeyIndex) -> String {
    format!("{system_id}/{user_id}/{key_index}")
}

/// The proof a device sends for its code.
pub(crate) fn proof(first_part: &[u8], code: &[u8]) -> [u8; 32] {
    let key = key_material::derive(first_part, "pc/activation-proof");
    pc_auth::sign(&key, &[code])
}

/// A code of so many decimal digits (20 at most) from random bytes; no code is likelier than another by more than 2^-61.
pub(crate) fn draw_code(random: &Secret, digits: u8) -> Secret {
    let bytes: [u8; 16] = random.expose()[..16]
        .try_into()
        .expect("a derived secret has 32 bytes");
    let number = u128::from_be_bytes(bytes) % 10_u128.pow(u32::from(digits.min(20)));
    Secret::new(format!("{number:0width$}", width = usize::from(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier() -> Verifier {
        Verifier::new(&Secret::new([1; 32]), &Secret::new("3468045516"))
    }

    #[test]
    fn only_the_right_code_has_the_right_proof() {
        let first_part = [1; 32];
        assert!(verifier().accepts(&Digest(proof(&first_part, b"3468045516"))));
        assert!(!verifier().accepts(&Digest(proof(&first_part, b"3468045517"))));
        assert!(!verifier().accepts(&Digest(proof(&[2; 32], b"3468045516"))));
    }

    /// Made with Python's hmac: another implementation must arrive at the same proof.
    #[test]
    fn the_published_vector_holds() {
        assert_eq!(
            hex::encode(proof(&[1; 32], b"3468045516")),
            "6ce8e39dc2bf35b896f176da23ad2bddb643aa2827194025c681711fbd3c8107"
        );
        assert_eq!(
            hex::encode(verifier().release_key.expose()),
            "7745f1a5740b531c3e5f081c3b39058f1c4dd797cddc0d1eaafbb34e8a942db3"
        );
    }

    #[test]
    fn a_verifier_reads_back_from_its_row() {
        let row = verifier().to_stored();
        assert_eq!(Verifier::from_stored(row.expose()), Some(verifier()));
        assert_eq!(Verifier::from_stored(&row.expose()[1..]), None);
        assert_eq!(Verifier::from_stored(&[]), None);
    }

    #[test]
    fn the_released_half_opens_with_the_release_key_and_for_this_key_only() {
        let released = verifier().release(&[9; 32], &Secret::new([5; 32]), "s/u/1");
        assert_eq!(released.expose().len(), 60);
        let open = |associated: &str| {
            sealing::open(&verifier().release_key, associated, released.expose())
        };
        assert_eq!(open("s/u/1"), Some(Secret::new([9; 32])));
        assert_eq!(open("s/u/2"), None);
    }

    #[test]
    fn a_drawn_code_has_all_its_digits() {
        for digits in 6..=20 {
            let code = draw_code(&Secret::new([0; 32]), digits);
            assert_eq!(code.expose(), "0".repeat(usize::from(digits)).as_bytes());
            let code = draw_code(&Secret::new([0xff; 32]), digits);
            assert_eq!(code.expose().len(), usize::from(digits));
            assert!(code.expose().iter().all(u8::is_ascii_digit));
        }
    }
}
