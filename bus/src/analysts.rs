//! Analysts on the bus: each grant has an account of its own in the NATS server, with one stream in it that the house fills.
//!
//! Nothing of the house's lies in such an account, so there is nothing there to be reached. The analyst may pull from the
//! consumers that were made for the grant, ask how they are, and acknowledge, and nothing else.

mod accounts;
mod consumers;
mod keys;
mod stream;

pub use accounts::{Account, Analyst, Permissions, configuration, permissions};
pub use consumers::{ConsumerState, all_of, looks_ready};
pub use keys::{KeyError, UserKey};
pub use stream::{CuratedError, CuratedMessage, CuratedStream, Heads, KEPT_FOR_MS};
