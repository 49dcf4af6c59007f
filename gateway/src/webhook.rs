//! Keys of a system's callbacks. They follow from the root secret, so that the doors, which tell them to the bank, and the
//! senders, which use them, never have to exchange them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::shell::RootSecret;
use schemas::{Secret, SystemId};

/// What a bank verifies its callbacks with.
#[derive(Clone, Debug)]
pub struct WebhookKeys {
    /// Key of the HMAC: the bytes behind `whsec_`.
    pub secret: Secret,
    /// Public Ed25519 key, 32 bytes.
    pub public_key: [u8; 32],
}

impl WebhookKeys {
    /// The keys of a system: HMAC key `webhook/<system_id>/hmac`, Ed25519 seed `webhook/<system_id>/ed25519`.
    pub fn of(root: &RootSecret, system_id: &SystemId) -> Self {
        let seed = root.derive(&format!("webhook/{system_id}/ed25519"));
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .expect("thirty-two bytes are an Ed25519 seed");
        Self {
            secret: root.derive(&format!("webhook/{system_id}/hmac")),
            public_key: pair
                .public_key()
                .as_ref()
                .try_into()
                .expect("an Ed25519 public key has thirty-two bytes"),
        }
    }

    /// `whsec_` and the HMAC key in base64, as Standard Webhooks writes it.
    pub fn secret_text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.secret.expose()))
    }

    /// The public key in base64.
    pub fn public_key_text(&self) -> String {
        STANDARD.encode(self.public_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_keys_of_its_own() {
        let root = RootSecret::new([7; 32]);
        let one = WebhookKeys::of(&root, &"one".parse().unwrap());
        let two = WebhookKeys::of(&root, &"two".parse().unwrap());
        assert!(one.secret_text().starts_with("whsec_"));
        assert_ne!(one.secret_text(), two.secret_text());
        assert_ne!(one.public_key_text(), two.public_key_text());
    }
}
