//! Licenses as an issuer makes them: a JSON text, and the issuer's signature over exactly that text.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::EcdsaKeyPair;
use schemas::license::{self, License, NotALicense, SIGNED_PREFIX};

/// The file of a license, signed.
pub fn signed_license(issuer: &EcdsaKeyPair, license: &License) -> Result<String, NotALicense> {
    let text = serde_json::to_string_pretty(license).expect("a license is plain JSON");
    let signed = [SIGNED_PREFIX, text.as_bytes()].concat();
    let signature = issuer
        .sign(&SystemRandom::new(), &signed)
        .expect("the operating system has a random source");
    license::write(&text, signature.as_ref())
}
