//! What the second pair signs when a transaction is confirmed automatically: the transaction in this attempt, and nothing
//! else. The pair that signs for the user signs other bytes, so no signature of one pair is ever one of the other.

use schemas::Digest;

use super::length_prefixed;

/// Separates these signatures from all others.
const DOMAIN: &[u8] = b"pc-autosign-v1";

/// SHA-256 of three fields, each preceded by its length: the domain, the attempt, the transaction's digest.
pub(crate) fn autosign_digest(attempt_id: &Digest, digest: &Digest) -> Digest {
    Digest::sha256(&length_prefixed(&[
        DOMAIN,
        attempt_id.as_bytes(),
        digest.as_bytes(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's hashlib: another implementation must arrive at the same digest.
    #[test]
    fn the_published_vector_holds() {
        let digest = autosign_digest(&Digest([7; 32]), &Digest([9; 32]));
        let expected = "46ef91e876998ad39a2921f7dd508c32250b2dcedccddae407fc5048598afee0";
        assert_eq!(digest.to_string(), expected);
    }
}
