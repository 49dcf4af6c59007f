//! Tokens that we sign ourselves: ES256 for Apple, RS256 for Google (RFC 7515, RFC 7518).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key that signs tokens.
pub(crate) enum SigningKey {
    /// ECDSA P-256.
    Es256(Box<EcdsaKeyPair>),
    /// RSA, PKCS#1 1.5.
    Rs256(Box<RsaKeyPair>),
}

/// The key is no PKCS#8 key of its kind in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no PKCS#8 key of the right kind in PEM")]
pub(crate) struct WrongKey;

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl SigningKey {
    /// Apple's key.
    pub(crate) fn es256(pem: &str) -> Result<Self, WrongKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der(pem)?);
        Ok(Self::Es256(Box::new(pair.map_err(|_| WrongKey)?)))
    }

    /// Google's key.
    pub(crate) fn rs256(pem: &str) -> Result<Self, WrongKey> {
        let pair = RsaKeyPair::from_pkcs8(&der(pem)?);
        Ok(Self::Rs256(Box::new(pair.map_err(|_| WrongKey)?)))
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, key_id: Option<&str>, claims: &Value) -> String {
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        if let Some(key_id) = key_id {
            header["kid"] = key_id.into();
        }
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(pair) => {
                let signature = pair.sign(&random, message.as_bytes());
                signature.map(|signature| signature.as_ref().to_vec())
            }
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_key().modulus_len()];
                let signed = pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                );
                signed.map(|()| signature)
            }
        };
        let signature = signature.expect("a key that was read can sign");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }
}

fn der(pem: &str) -> Result<Vec<u8>, WrongKey> {
    let body = pem
        .split_once("-----BEGIN PRIVATE KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"));
    let (body, _) = body.ok_or(WrongKey)?;
    let body: String = body.split_whitespace().collect();
    BASE64_STANDARD.decode(body).map_err(|_| WrongKey)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa;
    use aws_lc_rs::signature::{self, UnparsedPublicKey};

    use super::*;

    fn pem(der: &[u8]) -> String {
        let text = BASE64_STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    fn parts(token: &str) -> (String, Value, Value, Vec<u8>) {
        let open = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = message.split_once('.').unwrap();
        let json = |part| serde_json::from_slice(&open(part)).unwrap();
        (
            message.to_owned(),
            json(header),
            json(claims),
            open(signature),
        )
    }

    #[test]
    fn apples_token_is_signed_by_the_key() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = SigningKey::es256(&pem(pair.to_pkcs8v1().unwrap().as_ref())).unwrap();
        let (message, header, claims, signature) =
            parts(&key.sign(Some("K"), &json!({"iss": "T", "iat": 1})));
        assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "K"}));
        assert_eq!(claims, json!({"iss": "T", "iat": 1}));
        let public = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, pair.public_key());
        public.verify(message.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn googles_token_is_signed_by_the_key() {
        let pair = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let key = SigningKey::rs256(&pem(pair.as_der().unwrap().as_ref())).unwrap();
        let (message, header, _, signature) = parts(&key.sign(None, &json!({"iss": "e"})));
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
        let public = UnparsedPublicKey::new(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            pair.public_key().as_ref(),
        );
        public.verify(message.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in [
            "",
            "hidden",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(SigningKey::es256(wrong).unwrap_err(), WrongKey);
            assert_eq!(SigningKey::rs256(wrong).unwrap_err(), WrongKey);
        }
    }
}
