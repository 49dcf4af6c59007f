//! Secrets inside the process. They print as `…`, and their bytes are wiped when they go.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Bytes that must not be printed, logged or compared carelessly.
///
/// It serializes as its bytes: only the sealed payloads of the bus and the vault may carry it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(#[serde(with = "serde_bytes")] Vec<u8>);

impl Secret {
    /// Takes the bytes in.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Opens it: name the reason at the call.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Opens it as text; `None` when it is not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_an_ellipsis() {
        assert_eq!(format!("{:?}", Secret::new("3468045516")), "…");
    }
}
