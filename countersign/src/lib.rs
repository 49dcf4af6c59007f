//! The program's parts: roles composed, and the bank's side as the demo, the tests and the bench play it.

pub mod bank;
pub mod camera;
pub mod evidence;
pub mod journal;
pub mod licensing;
pub mod outbox;
pub mod process;
pub mod pushes;
pub mod receiver;
pub mod registration;
pub mod simulate;

/// Makes the one cryptography provider the process-wide default for TLS; call it first thing.
///
/// `Err` when some provider was installed before: then that one stays.
pub fn install_crypto_provider() -> Result<(), AlreadyInstalled> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| AlreadyInstalled)
}

/// A provider was installed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cryptography provider is already installed")]
pub struct AlreadyInstalled;
