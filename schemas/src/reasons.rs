//! Why something was not agreed to, or why a user was blocked: words that a person has typed. They lie in the vault, one row
//! for the command that brought them; the event keeps only their digests.

use serde::{Deserialize, Serialize};

use crate::canonical::length_prefixed;
use crate::ids::{Digest, Owner, TransactionId};
use crate::sealed::Secret;

/// The first field of a reason's canonical bytes: what they are, and their version.
pub const DOMAIN: &str = "pc-reason-v1";

/// A reason, as the vault keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReason {
    /// Thirty-two random bytes: without them the digest says nothing about the words.
    #[serde(with = "serde_bytes")]
    pub salt: Vec<u8>,
    /// The words, exactly as received.
    pub words: Secret,
}

impl KeptReason {
    /// What the digest is over: domain, owner, the transaction (nothing where it is about the user), salt and words, each
    /// preceded by its length as 4 bytes, big endian.
    pub fn canonical(&self, owner: &Owner, about: Option<&TransactionId>) -> Vec<u8> {
        length_prefixed(&[
            DOMAIN.as_bytes(),
            owner.to_string().as_bytes(),
            about.map_or("", TransactionId::as_str).as_bytes(),
            &self.salt,
            self.words.expose(),
        ])
    }

    /// SHA-256 of the canonical bytes: what the event keeps.
    pub fn digest(&self, owner: &Owner, about: Option<&TransactionId>) -> Digest {
        Digest::sha256(&self.canonical(owner, about))
    }

    /// The words as text; `None` when they are none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.words.expose()).ok()
    }
}

/// The reasons that one command brought: a row of the vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasons(pub Vec<KeptReason>);

impl Reasons {
    /// The row.
    pub fn encode(&self) -> Secret {
        Secret::new(rmp_serde::to_vec_named(self).expect("bytes are nothing MessagePack cannot"))
    }

    /// What a row holds; `None` when it is no such row.
    pub fn decode(row: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(row).ok()
    }

    /// The reason of which the event keeps that digest: nobody is told what somebody else put there.
    pub fn find(
        &self,
        digest: &Digest,
        owner: &Owner,
        about: Option<&TransactionId>,
    ) -> Option<&KeptReason> {
        let mut reasons = self.0.iter();
        reasons.find(|reason| reason.digest(owner, about) == *digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(salt: u8, words: &str) -> KeptReason {
        KeptReason {
            salt: vec![salt; 32],
            words: Secret::new(words),
        }
    }

    fn owner(id: &str) -> Owner {
        Owner::User("system".parse().unwrap(), id.parse().unwrap())
    }

    #[test]
    fn a_digest_is_of_one_reason_about_one_thing_of_one_user() {
        let kept = reason(1, "не моя операция");
        let (of, about) = (owner("user"), "t-1".parse().unwrap());
        let digest = kept.digest(&of, Some(&about));
        let other = "t-2".parse().unwrap();
        assert_ne!(kept.digest(&of, Some(&other)), digest);
        assert_ne!(kept.digest(&of, None), digest);
        assert_ne!(kept.digest(&owner("use"), Some(&about)), digest);
        assert_ne!(
            reason(2, "не моя операция").digest(&of, Some(&about)),
            digest,
            "whoever guesses the words must not be able to check the guess"
        );
        assert_ne!(
            reason(1, "не моя операци").digest(&of, Some(&about)),
            digest
        );
    }

    #[test]
    fn the_published_vector_holds() {
        let kept = KeptReason {
            salt: (0..32).collect(),
            words: Secret::new("не моя операция"),
        };
        let owner = Owner::User(
            "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse().unwrap(),
            "sample-1".parse().unwrap(),
        );
        let digest = kept.digest(&owner, Some(&"invoice-42".parse().unwrap()));
        assert_eq!(
            digest.to_string(),
            "014d2c080da6a4f45922c27eba535e11327e8a36627e8036d0a3f3e7fba91f0a"
        );
    }

    #[test]
    fn a_reason_is_found_by_its_digest_alone() {
        let (of, about) = (owner("user"), "t-1".parse().unwrap());
        let reasons = Reasons(vec![reason(1, "no"), reason(2, "not me")]);
        let digest = reasons.0[1].digest(&of, Some(&about));
        let read = Reasons::decode(reasons.encode().expose()).unwrap();
        let found = read.find(&digest, &of, Some(&about)).unwrap();
        assert_eq!(found.text(), Some("not me"));
        assert_eq!(read.find(&digest, &of, None), None);
        let altered = Reasons(vec![reason(2, "agreed")]);
        assert_eq!(altered.find(&digest, &of, Some(&about)), None);
        assert_eq!(Reasons::decode(b"\xc1"), None);
    }
}
