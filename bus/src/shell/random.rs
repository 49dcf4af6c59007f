//! Chance, from the operating system's source by way of the cryptography library.

/// So many random bytes. A machine without a random source must not decide anything: hence the panic.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the shell: the one place that may draw"
)]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}
