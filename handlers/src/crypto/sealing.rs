//! Small secrets, closed for somebody: AES-256-GCM, the nonce (12 bytes) first.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use schemas::Secret;

/// Closes bytes under a key of 32 bytes, with a nonce that is never used with this key again, bound to a text.
pub(crate) fn close(key: &Secret, nonce_seed: &Secret, associated: &str, open: &[u8]) -> Secret {
    let nonce: [u8; NONCE_LEN] = nonce_seed.expose()[..NONCE_LEN]
        .try_into()
        .expect("a derived secret has 32 bytes");
    let mut closed = open.to_vec();
    cipher(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated.as_bytes()),
            &mut closed,
        )
        .expect("a small secret is far below AES-GCM's limit");
    Secret::new([&nonce[..], &closed].concat())
}

/// Opens what was closed; `None` when key, text or bytes are others.
pub(crate) fn open(key: &Secret, associated: &str, closed: &[u8]) -> Option<Secret> {
    let (nonce, sealed) = closed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut bytes = sealed.to_vec();
    let open = cipher(key)
        .open_in_place(nonce, Aad::from(associated.as_bytes()), &mut bytes)
        .ok()?;
    Some(Secret::new(&*open))
}

fn cipher(key: &Secret) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, key.expose());
    LessSafeKey::new(key.expect("a derived secret has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::key_material::derive;

    #[test]
    fn what_was_closed_opens_with_everything_right_and_not_otherwise() {
        let (key, other) = (derive(b"a", "key"), derive(b"b", "key"));
        let closed = close(&key, &derive(b"seed", "nonce"), "user/1", b"secret");
        assert_eq!(
            open(&key, "user/1", closed.expose()),
            Some(Secret::new("secret"))
        );
        assert_eq!(open(&other, "user/1", closed.expose()), None);
        assert_eq!(open(&key, "user/2", closed.expose()), None);
        let mut bent = closed.expose().to_vec();
        bent[20] ^= 1;
        assert_eq!(open(&key, "user/1", &bent), None);
        assert_eq!(open(&key, "user/1", &bent[..7]), None);
    }
}
