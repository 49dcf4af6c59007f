//! The one place where the device draws random bytes.

use zeroize::Zeroizing;

/// Random bytes for nonces and names.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Random bytes that are wiped when they go.
pub(crate) fn secret_bytes<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(&mut *bytes);
    bytes
}

/// A random UUID (version 4), as text.
pub(crate) fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes())
        .into_uuid()
        .to_string()
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes)
        .expect("an operating system that gives no random bytes cannot hold a key safely");
}
