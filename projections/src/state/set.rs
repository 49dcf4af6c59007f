//! A hash of a set that grows and shrinks: the order in which members came does not matter, and one that leaves is as if it
//! had never been there.
//!
//! This is LtHash (Bellare and Micciancio): every member is stretched to 1024 numbers of 16 bits, and these are added up, each
//! modulo 2^16. What stretches is the key stream of ChaCha20 (RFC 8439) under the member's digest, from block 0 on and with a nonce
//! of zeros.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use schemas::Digest;

/// Numbers of the sum.
const NUMBERS: usize = 1024;

/// The sum over a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetHash(Vec<u16>);

impl SetHash {
    /// Of the empty set.
    pub fn new() -> Self {
        Self(vec![0; NUMBERS])
    }

    /// Adds a member, by its digest.
    pub fn add(&mut self, member: &Digest) {
        self.fold(member, u16::wrapping_add);
    }

    /// Takes a member away.
    pub fn remove(&mut self, member: &Digest) {
        self.fold(member, u16::wrapping_sub);
    }

    fn fold(&mut self, member: &Digest, step: fn(u16, u16) -> u16) {
        let mut stretched = [0; NUMBERS * size_of::<u16>()];
        let mut stream = ChaCha20::new(member.as_bytes().into(), &[0; 12].into());
        stream.apply_keystream(&mut stretched);
        for (sum, bytes) in self.0.iter_mut().zip(stretched.as_chunks().0) {
            *sum = step(*sum, u16::from_le_bytes(*bytes));
        }
    }

    /// The sum as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sum| sum.to_le_bytes()).collect()
    }

    /// The sum of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sums, rest) = bytes.as_chunks();
        let is_whole = sums.len() == NUMBERS && rest.is_empty();
        is_whole.then(|| {
            Self(
                sums.iter()
                    .map(|bytes| u16::from_le_bytes(*bytes))
                    .collect(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key stream of RFC 8439, appendix A.1, test vector 1.
    #[test]
    fn a_member_is_stretched_by_the_published_stream() {
        let mut set = SetHash::new();
        set.add(&Digest([0; 32]));
        assert!(hex::encode(set.to_bytes()).starts_with(
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7\
             da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        ));
    }

    #[test]
    fn only_the_members_matter() {
        let members: Vec<Digest> = (0_u8..20).map(|number| Digest::sha256(&[number])).collect();
        let (mut forward, mut backward) = (SetHash::new(), SetHash::new());
        for (first, last) in members.iter().zip(members.iter().rev()) {
            forward.add(first);
            backward.add(last);
        }
        assert_eq!(forward, backward);
        assert_eq!(
            SetHash::from_bytes(&forward.to_bytes()),
            Some(forward.clone())
        );
        forward.remove(&members[3]);
        assert_ne!(forward, backward);
        backward.remove(&members[3]);
        assert_eq!(forward, backward);
        for member in members.iter().filter(|member| **member != members[3]) {
            forward.remove(member);
        }
        assert_eq!(forward, SetHash::new());
        assert_eq!(SetHash::from_bytes(&[0; 100]), None);
    }
}
