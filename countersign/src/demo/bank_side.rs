//! What a careful bank checks itself, with nothing of the server's: the webhook signatures and the user's signature.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use schemas::canonical::{Shown, TextType, canonical_bytes};
use serde_json::Value;

/// The last 65 bytes of a P-256 SubjectPublicKeyInfo are the point.
const POINT_BYTES: usize = 65;

/// Is this the user's signature of exactly that text?
///
/// `data` is the transaction's data as the bank fetched it before the confirmation.
pub fn user_signed(
    public_key_hex: &str,
    signature_hex: &str,
    system_id: &str,
    user_id: &str,
    data: &Value,
) -> bool {
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let Ok(salt) = hex::decode(text("salt")) else {
        return false;
    };
    let (Ok(spki), Ok(signature)) = (hex::decode(public_key_hex), hex::decode(signature_hex))
    else {
        return false;
    };
    let shown = Shown {
        system_id,
        user_id,
        transaction_id: text("transaction_id"),
        salt: &salt,
        text_type: TextType::Raw,
        text: text("text"),
        binary_sha256: None,
    };
    let Some(point) = spki.len().checked_sub(POINT_BYTES).map(|at| &spki[at..]) else {
        return false;
    };
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&canonical_bytes(&shown), &signature)
        .is_ok()
}
