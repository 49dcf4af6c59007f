//! The shell: the only places that read the clock, draw random bytes, hold the root secret and the settings in force.

pub mod clock;
pub mod live_settings;
pub mod random;
pub mod secrets;
pub mod webhook_keys;

pub use clock::{Clock, ManualClock, SystemClock};
pub use live_settings::LiveSettings;
pub use random::random_bytes;
pub use secrets::{RootSecret, SealError};
pub use webhook_keys::WebhookKeys;
