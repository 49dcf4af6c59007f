//! The limits of this machine, measured in the same run: nothing can confirm faster than it can verify and sync.

use std::io::Write as _;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

use crate::processes;

/// How long each limit is measured.
const MEASURED_FOR: Duration = Duration::from_secs(1);

/// What the machine can do at best.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Limits {
    /// P-256 verifications per core-second, with the library the server uses.
    pub verifications_per_core_second: f64,
    /// fdatasync calls per second, one after the other, each after an append of 400 bytes.
    pub fdatasync_per_second: f64,
}

/// Measures both.
pub fn measure(folder: &std::path::Path) -> std::io::Result<Limits> {
    Ok(Limits {
        verifications_per_core_second: verifications()?,
        fdatasync_per_second: syncs(folder)?,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures time; that is its work"
)]
fn verifications() -> std::io::Result<f64> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
        .expect("the machine has a random source");
    let message = digest::digest(&digest::SHA256, b"what was shown");
    let signature = key
        .sign(&random, message.as_ref())
        .expect("the machine has a random source");
    let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key());
    let (begin, cpu_before) = (Instant::now(), processes::cpu_of_this_thread()?);
    let mut count = 0_u32;
    while begin.elapsed() < MEASURED_FOR {
        public_key
            .verify(message.as_ref(), signature.as_ref())
            .expect("the signature is the key's own");
        count += 1;
    }
    let cpu = processes::cpu_of_this_thread()?.saturating_sub(cpu_before);
    Ok(f64::from(count) / cpu.as_secs_f64())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures time; that is its work"
)]
fn syncs(folder: &std::path::Path) -> std::io::Result<f64> {
    let mut file = std::fs::File::create(folder.join("sync-limit"))?;
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed() < MEASURED_FOR {
        file.write_all(&[7; 400])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begin.elapsed().as_secs_f64())
}
