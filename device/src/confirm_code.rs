//! The confirmation code: proves possession of the shared secret at a time, in 64 hex digits or a few decimal ones.

use schemas::{Digest, Timestamp};

use crate::secrets::MacKey;

/// Length of a time step, seconds, unless the operator has set another (`T_CONFIRM_CODE`).
pub const STEP_S: i64 = 180;

/// Fewest decimal digits of a short code.
pub const DIGITS_MIN: u8 = 4;
/// Most decimal digits of a short code.
pub const DIGITS_MAX: u8 = 10;

/// The code for a transaction's digest at a time step; `fingerprint` only when the key is bound to its device.
///
/// `digits` = `None` gives the whole MAC as 64 lower-case hex digits.
pub fn confirm_code(
    confirm_key: &MacKey,
    digest: &Digest,
    step: u64,
    fingerprint: Option<&Digest>,
    digits: Option<u8>,
) -> String {
    let bound = fingerprint.map_or(&[][..], |fingerprint| fingerprint.as_bytes());
    let mac = confirm_key.mac(&[digest.as_bytes(), &step.to_be_bytes(), bound]);
    match digits {
        None => mac.to_string(),
        Some(digits) => truncated(&mac, digits),
    }
}

/// The number of the step a moment falls into. Before 1970 it is always the first.
pub fn step_of(now: Timestamp, step_s: i64) -> u64 {
    u64::try_from(now.step(step_s)).unwrap_or(0)
}

/// RFC 4226, section 5.3, on a MAC of 32 bytes: the low four bits of the last byte say where 31 bits are taken.
fn truncated(mac: &Digest, digits: u8) -> String {
    let bytes = mac.as_bytes();
    let offset = usize::from(bytes[31] & 0x0f);
    let four = [0, 1, 2, 3].map(|index| bytes[offset + index]);
    let number = u64::from(u32::from_be_bytes(four) & 0x7fff_ffff);
    let width = usize::from(digits);
    format!("{:0width$}", number % 10u64.pow(u32::from(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_takes_31_bits_where_the_last_byte_says() {
        let mut mac = Digest([0; 32]);
        mac.0[31] = 0xf3;
        mac.0[3..7].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        assert_eq!(truncated(&mac, 10), "2147483647");
        assert_eq!(truncated(&mac, 4), "3647");
        mac.0[3..7].copy_from_slice(&[0x80, 0, 0, 7]);
        assert_eq!(truncated(&mac, 6), "000007");
    }

    #[test]
    fn a_step_begins_on_its_first_second() {
        assert_eq!(step_of(Timestamp(359_999), STEP_S), 1);
        assert_eq!(step_of(Timestamp(360_000), STEP_S), 2);
        assert_eq!(step_of(Timestamp(-1), STEP_S), 0);
    }
}
