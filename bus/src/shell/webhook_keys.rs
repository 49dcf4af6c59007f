//! Signatures of callbacks: Standard Webhooks 1.0, with a shared secret and with a key pair, so that a receiver can choose.
//!
//! Signed is `id.timestamp.body`. Both keys follow from the root secret and the system, so the door that tells a bank what
//! to verify with and the sender that signs never have to exchange anything.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemas::{Secret, Timestamp};

use super::secrets::RootSecret;

/// How long the keys before go on signing after a rotation, ms.
pub const KEYS_BEFORE_SIGN_MS: i64 = 24 * 3_600_000;

/// The keys that callbacks to one system are signed with.
pub struct WebhookKeys {
    secret: Secret,
    hmac: hmac::Key,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl WebhookKeys {
    /// The keys of a system; its first ones are generation 0.
    pub fn of(root: &RootSecret, system_id: &str, generation: u32) -> Self {
        let place = match generation {
            0 => format!("webhook/{system_id}"),
            later => format!("webhook/{system_id}/{later}"),
        };
        let secret = root.derive(&format!("{place}/hmac"));
        let seed = root.derive(&format!("{place}/ed25519"));
        Self {
            hmac: hmac::Key::new(hmac::HMAC_SHA256, secret.expose()),
            pair: Ed25519KeyPair::from_seed_unchecked(seed.expose())
                .expect("a derived key has the thirty-two bytes of a seed"),
            secret,
        }
    }

    /// The shared secret as receivers' libraries take it: `whsec_` and base64.
    pub fn secret_text(&self) -> Secret {
        Secret::new(format!(
            "whsec_{}",
            BASE64_STANDARD.encode(self.secret.expose())
        ))
    }

    /// The public key as receivers' libraries take it: `whpk_` and base64.
    pub fn public_key_text(&self) -> String {
        format!("whpk_{}", BASE64_STANDARD.encode(self.pair.public_key()))
    }

    /// The value of `webhook-signature`, or a part of it: the signatures of several generations stand side by side.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut signed = format!("{id}.{}.", at.seconds()).into_bytes();
        signed.extend_from_slice(body);
        let shared = BASE64_STANDARD.encode(hmac::sign(&self.hmac, &signed));
        let own = BASE64_STANDARD.encode(self.pair.sign(&signed));
        format!("v1,{shared} v1a,{own}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    #[test]
    fn both_signatures_verify_with_what_the_receiver_was_given()
    -> Result<(), Box<dyn std::error::Error>> {
        let keys = WebhookKeys::of(&RootSecret::new([7; 32]), "system", 0);
        let header = keys.sign("msg_1", Timestamp(1_700_000_000_999), b"{}");
        let (shared, own) = header.split_once(' ').ok_or("two signatures")?;
        let signed = b"msg_1.1700000000.{}";
        let secret = keys.secret_text();
        let secret = secret
            .expose_text()
            .and_then(|text| text.strip_prefix("whsec_"))
            .ok_or("a secret")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(secret)?);
        let shared = BASE64_STANDARD.decode(shared.strip_prefix("v1,").ok_or("v1")?)?;
        hmac::verify(&key, signed, &shared)?;
        let public = keys.public_key_text();
        let public = BASE64_STANDARD.decode(public.strip_prefix("whpk_").ok_or("a key")?)?;
        let own = BASE64_STANDARD.decode(own.strip_prefix("v1a,").ok_or("v1a")?)?;
        UnparsedPublicKey::new(&ED25519, public).verify(signed, &own)?;
        Ok(())
    }

    #[test]
    fn systems_and_generations_do_not_share_a_key() {
        let root = RootSecret::new([7; 32]);
        let (one, two) = (
            WebhookKeys::of(&root, "one", 0),
            WebhookKeys::of(&root, "two", 0),
        );
        let later = WebhookKeys::of(&root, "one", 1);
        for other in [two, later] {
            assert_ne!(one.public_key_text(), other.public_key_text());
            assert_ne!(one.secret_text(), other.secret_text());
        }
    }
}
