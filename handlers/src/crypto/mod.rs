//! The cryptography a decider needs, all of it pure: the same bytes in, the same answer out. The primitives are those of
//! aws-lc-rs; what is here is which of them are put together how. `docs/mobile-protocol.md` has the same in prose.

pub(crate) mod activation;
pub(crate) mod autosign;
pub(crate) mod confirm_code;
pub(crate) mod key_material;
pub(crate) mod password;
pub(crate) mod pc_auth;
pub(crate) mod public_key;
pub(crate) mod recovery;
pub(crate) mod sealing;
pub(crate) mod signature;

/// Are the bytes the same? The time it takes says nothing about where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Fields, each preceded by its length as 4 bytes, big endian, so that no byte can move from one field to the next.
pub(crate) fn length_prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 4).sum());
    for field in fields {
        let length = u32::try_from(field.len()).expect("the doors accept no body near 4 GiB");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}
