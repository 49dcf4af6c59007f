//! The shell: the only places that read the clock, draw random bytes and hold the root secret.

pub mod clock;
pub mod random;
pub mod secrets;
pub mod webhook_keys;

pub use clock::{Clock, ManualClock, SystemClock};
pub use random::random_bytes;
pub use secrets::{RootSecret, SealError};
pub use webhook_keys::WebhookKeys;
