//! A license file, looked at once: what it says, and whether its issuer said it.

use schemas::license::{self, License};

use crate::crypto::public_key;
use crate::crypto::signature::verify;
use crate::facts::SignatureCheck;

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A license, signed by the issuer.
    Vouched(License),
    /// Something that says it is a license, and is not the issuer's.
    Forged(License),
    /// No license at all.
    Illegible,
}

/// Can these bytes be the public key of an issuer?
pub fn is_issuer_key(bytes: &[u8]) -> bool {
    public_key::has_the_one_spelling(bytes)
}

/// Looks at a file. `issuer` is the issuer's public key, SubjectPublicKeyInfo DER.
pub fn check(file: &[u8], issuer: &[u8]) -> Found {
    let Ok(signed) = license::read(file) else {
        return Found::Illegible;
    };
    let question = SignatureCheck {
        public_key: issuer.to_vec(),
        digest: signed.digest,
        signature: signed.signature,
    };
    if verify(&question).valid {
        Found::Vouched(signed.license)
    } else {
        Found::Forged(signed.license)
    }
}
