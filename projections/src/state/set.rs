//! A hash of a set that grows and shrinks: the order in which members came does not matter, and one that leaves is as if it
//! had never been there.
//!
//! This is LtHash (Bellare and Micciancio): every member is stretched to 1024 numbers of 16 bits, and these are added up, each
//! modulo 2^16.

use schemas::Digest;
use sha2::Digest as _;

/// Numbers of the sum.
const NUMBERS: usize = 1024;
/// Numbers in a SHA-256.
const IN_A_DIGEST: usize = 16;

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
        for (part, sums) in (0_u8..).zip(self.0.chunks_exact_mut(IN_A_DIGEST)) {
            let mut hash = sha2::Sha256::new();
            hash.update([part]);
            hash.update(member.as_bytes());
            let stretched: [u8; 32] = hash.finalize().into();
            for (sum, bytes) in sums.iter_mut().zip(stretched.as_chunks().0) {
                *sum = step(*sum, u16::from_le_bytes(*bytes));
            }
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
