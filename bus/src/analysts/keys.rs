//! Keys of users of NATS (Ed25519). The server knows public keys only.

use nkeys::{KeyPair, KeyPairType};
use schemas::{AnalyticsName, Secret};

use crate::shell::{RootSecret, random_bytes};

/// A key that is no key of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a seed of a NATS user")]
pub struct KeyError;

/// The key of a user. It prints as its public half.
#[derive(Clone)]
pub struct UserKey {
    seed: Secret,
    public: String,
}

impl UserKey {
    /// A new one.
    pub fn random() -> Self {
        Self::from_bytes(&random_bytes::<32>())
    }

    /// The house's own key in the account of a grant. It follows from the root secret, so nobody has to keep it.
    pub fn of_the_house(root: &RootSecret, grant: &AnalyticsName) -> Self {
        Self::from_bytes(root.derive(&format!("analytics/house/{grant}")).expose())
    }

    /// From a seed as text, `SU…`.
    pub fn from_seed(seed: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_seed(seed).map_err(|_| KeyError)?;
        if pair.key_pair_type() != KeyPairType::User {
            return Err(KeyError);
        }
        Ok(Self::of(&pair))
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let bytes = <[u8; 32]>::try_from(bytes).expect("a seed has thirty-two bytes");
        let pair = KeyPair::new_from_raw(KeyPairType::User, bytes);
        Self::of(&pair.expect("any thirty-two bytes are a seed"))
    }

    fn of(pair: &KeyPair) -> Self {
        let seed = pair.seed().expect("the pair was made of its seed");
        Self {
            seed: Secret::new(seed),
            public: pair.public_key(),
        }
    }

    /// The public half, `U…`.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The seed, `SU…`.
    pub fn seed(&self) -> &Secret {
        &self.seed
    }
}

impl std::fmt::Debug for UserKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_has_another_key_in_every_account_and_finds_it_again() {
        let root = RootSecret::new([7; 32]);
        let key = |grant: &str| UserKey::of_the_house(&root, &grant.parse().unwrap());
        assert_eq!(key("risk").public(), key("risk").public());
        assert_ne!(key("risk").public(), key("fraud").public());
        let other = RootSecret::new([8; 32]);
        let other = UserKey::of_the_house(&other, &"risk".parse().unwrap());
        assert_ne!(key("risk").public(), other.public());
    }

    #[test]
    fn a_seed_reads_back_and_is_not_shown() {
        let key = UserKey::random();
        let seed = key.seed().expose_text().unwrap();
        let again = UserKey::from_seed(seed).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains(seed));
        let account = KeyPair::new_account().seed().unwrap();
        for wrong in ["", "hello", key.public(), &account] {
            assert!(UserKey::from_seed(wrong).is_err(), "{wrong}");
        }
    }
}
