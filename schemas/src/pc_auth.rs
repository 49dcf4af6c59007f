//! The header `PC-Auth`: how a device proves that a request is its own. Ours; `docs/mobile-protocol.md` describes it.
//!
//! `v1 sid=<system_id>, uid=<user_id>, kid=<key_index>, ts=<unix ms>, nonce=<32 hex>, mac=<64 hex>`

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, KeyIndex, SystemId, UserId};
use crate::time::Timestamp;

/// The header's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcAuth {
    /// The system of the user.
    pub system_id: SystemId,
    /// Who claims to ask.
    pub user_id: UserId,
    /// The key the MAC was made with.
    pub key_index: KeyIndex,
    /// The device's clock when it made the request.
    pub timestamp: Timestamp,
    /// Sixteen random bytes, new for every request.
    pub nonce: [u8; 16],
    /// HMAC-SHA256 over [`PcAuth::message`].
    pub mac: Digest,
}

/// The header is absent, doubled or not in the grammar. Deliberately silent about what exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PC-Auth header is not well-formed")]
pub struct InvalidPcAuth;

impl PcAuth {
    /// Name of the header.
    pub const HEADER: &'static str = "pc-auth";
    /// Name of the header that authenticates the answer: `v1 mac=<64 hex>`.
    pub const RESPONSE_HEADER: &'static str = "pc-auth-response";

    /// The bytes under the MAC: every line ends in LF but the last.
    ///
    /// `target` is the path with its query, exactly as sent; `body_hash` is the SHA-256 of the body.
    pub fn message(&self, method: &str, target: &str, body_hash: &Digest) -> Vec<u8> {
        format!(
            "v1\n{}\n{}\n{}\n{method}\n{target}\n{}\n{}\n{body_hash}",
            self.system_id,
            self.user_id,
            self.key_index,
            self.timestamp,
            hex::encode(self.nonce),
        )
        .into_bytes()
    }

    /// The bytes under the answer's MAC.
    pub fn response_message(nonce: &[u8; 16], status: u16, body_hash: &Digest) -> Vec<u8> {
        format!("v1-response\n{}\n{status}\n{body_hash}", hex::encode(nonce)).into_bytes()
    }
}

impl fmt::Display for PcAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "v1 sid={}, uid={}, kid={}, ts={}, nonce={}, mac={}",
            self.system_id,
            self.user_id,
            self.key_index,
            self.timestamp,
            hex::encode(self.nonce),
            self.mac
        )
    }
}

impl FromStr for PcAuth {
    type Err = InvalidPcAuth;

    fn from_str(text: &str) -> Result<Self, InvalidPcAuth> {
        let mut parts = text.strip_prefix("v1 ").ok_or(InvalidPcAuth)?.split(", ");
        let mut next = |name: &str| {
            let value = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
            Some(value)
        };
        let parsed = (|| {
            let system_id = next("sid")?.parse().ok()?;
            let user_id = next("uid")?.parse().ok()?;
            let key_index = KeyIndex(decimal(next("kid")?)?);
            let timestamp = Timestamp(decimal(next("ts")?)?);
            let nonce = lower_hex(next("nonce")?)?;
            let mac = Digest(lower_hex(next("mac")?)?);
            Some(Self {
                system_id,
                user_id,
                key_index,
                timestamp,
                nonce,
                mac,
            })
        })();
        parsed
            .filter(|_| parts.next().is_none())
            .ok_or(InvalidPcAuth)
    }
}

/// A decimal number in its one spelling: no sign, no leading zero.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Bytes in lower-case hex, exactly as many as asked for.
fn lower_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let lower = text.bytes().all(|byte| !byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "v1 sid=f13e4375-e429-496c-ad1e-0fc3c3ecfb53, uid=sample-1, kid=1, ts=1703499267298, \
        nonce=000102030405060708090a0b0c0d0e0f, mac=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_header_reads_back_from_its_text() {
        assert_eq!(
            HEADER.parse::<PcAuth>().map(|auth| auth.to_string()),
            Ok(HEADER.to_owned())
        );
    }

    #[test]
    fn only_one_spelling_is_accepted() {
        let twins = [
            HEADER.replace("v1 ", "v0 "),
            HEADER.replace("kid=1", "kid=01"),
            HEADER.replace("kid=1", "kid=+1"),
            HEADER.replace("ts=", "ts=-"),
            HEADER.replace("0a0b", "0A0B"),
            HEADER.replace(", kid", ",kid"),
            HEADER.replace("1d1e1f", "1d1e"),
            format!("{HEADER}, mac=00"),
            format!("{HEADER} "),
            HEADER.replace("sid=f13e4375", "sid=f13e/4375"),
        ];
        for twin in twins {
            assert_eq!(twin.parse::<PcAuth>(), Err(InvalidPcAuth), "{twin}");
        }
    }
}
