//! Confirmation codes: a MAC over what was shown and when, in full or cut to a few decimal digits.
//!
//! Source: reference manual, "T_CONFIRM_CODE" for the time step; the composition is ours, the cut is RFC 4226's.

use schemas::{Digest, Secret};

use super::{pc_auth, same};

/// What a code is made of, besides the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The key for confirmation codes.
    pub(crate) key: &'a Secret,
    /// SHA-256 of what was shown.
    pub(crate) digest: &'a Digest,
    /// The device's fingerprint, for keys bound to a device.
    pub(crate) fingerprint: Option<&'a Digest>,
    /// Decimal digits, 4 to 10; `None` means all 64 hex digits.
    pub(crate) length: Option<u8>,
}

impl Subject<'_> {
    /// The number of characters every code of this subject has.
    pub(crate) fn characters(&self) -> usize {
        self.length.map_or(64, usize::from)
    }

    /// Is the text the code of this time step, or of a neighboring one? All three are always computed, and compared in
    /// constant time.
    pub(crate) fn accepts(&self, code: &str, step: i64) -> bool {
        let steps = [step.saturating_sub(1), step, step.saturating_add(1)];
        steps.into_iter().fold(false, |accepted, step| {
            same(self.code(step).as_bytes(), code.as_bytes()) | accepted
        })
    }

    /// The code of a time step.
    pub(crate) fn code(&self, step: i64) -> String {
        let fingerprint: &[u8] = self.fingerprint.map_or(&[], |digest| digest.as_bytes());
        let parts = [
            &self.digest.as_bytes()[..],
            &step.to_be_bytes(),
            fingerprint,
        ];
        let mac = pc_auth::sign(self.key, &parts);
        match self.length {
            Some(digits) => cut(&mac, digits),
            None => Digest(mac).to_string(),
        }
    }
}

/// RFC 4226, 5.3: the last byte's low half says where the 31-bit number starts.
fn cut(mac: &[u8; 32], digits: u8) -> String {
    let offset = usize::from(mac[31] & 0x0f);
    let number = mac[offset..offset + 4]
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        & 0x7fff_ffff;
    let number = number % 10_u64.pow(u32::from(digits.min(10)));
    format!("{number:0width$}", width = usize::from(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_subject<T>(length: Option<u8>, ask: impl FnOnce(&Subject<'_>) -> T) -> T {
        ask(&Subject {
            key: &Secret::new([3; 32]),
            digest: &Digest([4; 32]),
            fingerprint: None,
            length,
        })
    }

    /// Made with Python's hmac for step 9 463 884: another implementation must arrive at the same codes.
    #[test]
    fn the_published_vectors_hold() {
        let code = |length| with_subject(length, |subject| subject.code(9_463_884));
        assert_eq!(
            code(None),
            "d982d5c94f821389ae2f0219d2686edcf9a5ff5fda942f27aa361e703a71aefe"
        );
        assert_eq!(code(Some(8)), "59975589");
        assert_eq!(code(Some(10)), "1859975589");
    }

    #[test]
    fn a_code_is_good_for_its_own_step_and_the_two_beside_it() {
        for length in [None, Some(4), Some(10)] {
            with_subject(length, |subject| {
                let code = subject.code(100);
                let accepted: Vec<i64> = (90..110)
                    .filter(|step| subject.accepts(&code, *step))
                    .collect();
                assert_eq!(accepted, [99, 100, 101]);
            });
        }
    }

    #[test]
    fn the_fingerprint_is_part_of_the_code() {
        with_subject(None, |subject| {
            let fingerprint = Digest([5; 32]);
            let bound = Subject {
                fingerprint: Some(&fingerprint),
                ..*subject
            };
            assert_ne!(subject.code(1), bound.code(1));
        });
    }

    #[test]
    fn the_cut_keeps_leading_zeros() {
        assert_eq!(cut(&[0; 32], 10), "0000000000");
        assert_eq!(cut(&[0xff; 32], 10), "2147483647");
        assert_eq!(cut(&[0xff; 32], 4), "3647");
    }
}
