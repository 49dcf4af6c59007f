//! The nonces a key pair has signed with, as far as signatures show them: each as its `r`.
//!
//! An ECDSA signature with the nonce of another one, over something else, gives the private key away to whoever sees both.
//! A right signature of that kind proves nothing any more, and the key is finished with it.

use std::collections::VecDeque;

use schemas::Digest;

use crate::crypto::signature::Signature;

/// How many signatures are remembered of a key pair.
pub(crate) const REMEMBERED_MAX: usize = 256;

/// Bytes of `r` and of the digest that are kept: two numbers of a random kind that agree in them are the same number.
const KEPT_BYTES: usize = 16;

/// What the last signatures of a key pair showed, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nonces(VecDeque<Seen>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    r: [u8; KEPT_BYTES],
    digest: [u8; KEPT_BYTES],
}

impl Seen {
    fn of(signature: &Signature, digest: &Digest) -> Self {
        Self {
            r: first(signature.r()),
            digest: first(digest.as_bytes()),
        }
    }
}

impl Nonces {
    /// Does this signature use the nonce of another one again, over something else? The same over the same is the same
    /// signature, or its twin.
    pub(crate) fn are_betrayed_by(&self, signature: &Signature, digest: &Digest) -> bool {
        let now = Seen::of(signature, digest);
        let mut others = self.0.iter().filter(|seen| seen.digest != now.digest);
        others.any(|seen| seen.r == now.r)
    }

    /// Remembers a signature, and forgets the oldest when there are too many.
    pub(crate) fn remember(&mut self, signature: &Signature, digest: &Digest) {
        if self.0.len() == REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Seen::of(signature, digest));
    }
}

fn first(bytes: &[u8; 32]) -> [u8; KEPT_BYTES] {
    std::array::from_fn(|place| bytes[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature whose `r` consists of this byte, below 0x80.
    fn with_nonce(byte: u8) -> Signature {
        let der = [&[0x30, 37, 2, 32][..], &[byte; 32], &[2, 1, 1]].concat();
        Signature::parse(&der).unwrap()
    }

    #[test]
    fn the_same_nonce_over_something_else_betrays() {
        let mut nonces = Nonces::default();
        nonces.remember(&with_nonce(7), &Digest([1; 32]));
        assert!(nonces.are_betrayed_by(&with_nonce(7), &Digest([2; 32])));
        assert!(
            !nonces.are_betrayed_by(&with_nonce(7), &Digest([1; 32])),
            "its twin"
        );
        assert!(!nonces.are_betrayed_by(&with_nonce(8), &Digest([2; 32])));
    }

    #[test]
    fn the_last_ones_are_remembered_and_no_more() {
        let mut nonces = Nonces::default();
        for number in 0..=255 {
            nonces.remember(&with_nonce(1 + number / 4), &Digest([number; 32]));
        }
        assert_eq!(nonces.0.len(), REMEMBERED_MAX);
        let other = Digest([0xee; 32]);
        assert!(nonces.are_betrayed_by(&with_nonce(1), &other), "the oldest");
        for number in 0..4 {
            nonces.remember(&with_nonce(0x70), &Digest([number; 32]));
        }
        assert_eq!(nonces.0.len(), REMEMBERED_MAX);
        assert!(!nonces.are_betrayed_by(&with_nonce(1), &other), "forgotten");
    }
}
