//! Everything about one event that is needed to believe it, in one file (C2SP `tlog-proof` v1): the record, its place, the
//! proof and a signed checkpoint.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <the ten lines of the record, in base64>
//! index 4210
//! <hashes, nearest first>
//!
//! <the checkpoint, with its signatures>
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::Digest;

use crate::checkpoint::{Checkpoint, InvalidCheckpoint};
use crate::hash::leaf_hash;
use crate::leaf::{InvalidLeaf, Leaf};
use crate::policy::{Policy, PolicyError};
use crate::proof::{ProofError, verify_inclusion};

/// The first line.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^63 records has no longer proof.
const HASHES_MAX: usize = 63;

/// A record, and why to believe that it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventProof {
    /// The record.
    pub leaf: Leaf,
    /// Its place in the journal, 0 for the first.
    pub index: u64,
    /// The neighbors on the way to the root, nearest first.
    pub inclusion: Vec<Digest>,
    /// The signed checkpoint, as it was published.
    pub checkpoint: String,
}

/// Why a proof is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventProofError {
    /// Not the lines of a proof.
    #[error("not a proof: expected the lines of c2sp.org/tlog-proof@v1")]
    Format,
    /// The record in it is none.
    #[error(transparent)]
    Leaf(#[from] InvalidLeaf),
    /// The checkpoint is not one that the policy accepts.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The checkpoint is none.
    #[error(transparent)]
    Checkpoint(#[from] InvalidCheckpoint),
    /// The record is not under the checkpoint's root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl EventProof {
    /// Believes the record only when it is under a checkpoint that the policy accepts.
    pub fn verify(&self, policy: &Policy) -> Result<Checkpoint, EventProofError> {
        let checkpoint = policy.accept(&self.checkpoint)?;
        let leaf = leaf_hash(self.leaf.entry().as_bytes());
        verify_inclusion(
            &leaf,
            self.index,
            checkpoint.size(),
            &self.inclusion,
            checkpoint.root(),
        )?;
        Ok(checkpoint)
    }
}

impl fmt::Display for EventProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = STANDARD.encode(self.leaf.to_string());
        write!(f, "{FORMAT}\nextra {record}\nindex {}\n", self.index)?;
        for hash in &self.inclusion {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for EventProof {
    type Err = EventProofError;

    fn from_str(text: &str) -> Result<Self, EventProofError> {
        const WRONG: EventProofError = EventProofError::Format;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(WRONG)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FORMAT) {
            return Err(WRONG);
        }
        let mut field = |name: &str| lines.next()?.strip_prefix(name);
        let record = field("extra ").ok_or(WRONG)?;
        let index = field("index ").ok_or(WRONG)?;
        let record = STANDARD.decode(record).map_err(|_| WRONG)?;
        let record = String::from_utf8(record).map_err(|_| WRONG)?;
        let hash = |line: &str| {
            let bytes = STANDARD.decode(line).ok()?;
            Some(Digest(bytes.try_into().ok()?))
        };
        let inclusion: Vec<Digest> = lines.map(hash).collect::<Option<_>>().ok_or(WRONG)?;
        let proof = Self {
            leaf: record.parse()?,
            index: index.parse().map_err(|_| WRONG)?,
            inclusion,
            checkpoint: checkpoint.to_owned(),
        };
        if proof.inclusion.len() <= HASHES_MAX && proof.to_string() == text {
            Ok(proof)
        } else {
            Err(WRONG)
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;
    use crate::leaf::tests::sample;
    use crate::note::{KeyKind, VerifierKey};
    use crate::tree::Tree;

    fn made() -> (EventProof, Policy) {
        let mut tree = Tree::default();
        for version in 1..=9 {
            let leaf = Leaf {
                version,
                ..sample()
            };
            tree.push(leaf.entry().as_bytes());
        }
        let secret = SigningKey::from_bytes(&[7; 32]);
        let public = secret.verifying_key();
        let key = VerifierKey::new("audit.test/v1", KeyKind::Log, public.as_bytes()).unwrap();
        let text = Checkpoint::new("audit.test/v1", 9, tree.root())
            .unwrap()
            .to_string();
        let line = key.line(&secret.sign(text.as_bytes()).to_bytes());
        let proof = EventProof {
            leaf: sample(),
            index: 2,
            inclusion: tree.inclusion(2, 9).unwrap(),
            checkpoint: format!("{text}\n{line}"),
        };
        (proof, format!("log {key}\nquorum none\n").parse().unwrap())
    }

    #[test]
    fn a_proof_reads_back_and_is_believed() {
        let (proof, policy) = made();
        assert_eq!(proof.to_string().parse(), Ok(proof.clone()));
        assert_eq!(proof.verify(&policy).unwrap().size(), 9);
    }

    #[test]
    fn whatever_is_altered_in_it_is_not_believed() {
        let (proof, policy) = made();
        let text = proof.to_string();
        let is_believed = |bytes: Vec<u8>| {
            let proof = String::from_utf8(bytes).ok();
            let proof = proof.and_then(|text| text.parse::<EventProof>().ok());
            proof.is_some_and(|proof| proof.verify(&policy).is_ok())
        };
        assert!(is_believed(text.clone().into_bytes()));
        for place in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[place] ^= 1;
            assert!(!is_believed(altered), "byte {place}");
            let cut = text.as_bytes()[..place].to_vec();
            assert!(!is_believed(cut), "cut at {place}");
        }
    }

    #[test]
    fn another_place_or_another_journal_is_not_believed() {
        let (proof, _) = made();
        let (_, policy) = made();
        let elsewhere = EventProof {
            index: 3,
            ..proof.clone()
        };
        assert!(matches!(
            elsewhere.verify(&policy),
            Err(EventProofError::Proof(_))
        ));
        let other = VerifierKey::new("audit.test/v1", KeyKind::Log, &[1; 32]).unwrap();
        let policy: Policy = format!("log {other}\nquorum none\n").parse().unwrap();
        assert!(matches!(
            proof.verify(&policy),
            Err(EventProofError::Policy(_))
        ));
    }
}
