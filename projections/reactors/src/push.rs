//! Pushes out: what the manual calls PCP. A transaction that is to be told by push is told to the user's device by Apple, by
//! Google, by Huawei, or in Telegram.
//!
//! A push is a hint and never a fact: whatever becomes of it, the transaction waits for its user. It carries identifiers and
//! what the operator's template says, and nothing of the transaction's text.
//!
//! Which pushes are owed is written down in the transaction that moves the reader's cursor, and only then is anything sent;
//! after a crash one may come twice, and collapses on the device by its template's tag. The station does the sending and keeps
//! nothing; the pusher reads the log and keeps what is owed.

mod access;
mod clients;
mod configuration;
mod crowding;
mod desk;
mod elsewhere;
mod filling;
mod intake;
mod jwt;
mod ledger;
mod performance;
mod pool;
mod pusher;
mod services;
mod station;
mod statuses;
mod verdict;

pub use configuration::{ConfigurationError, find_folder};
pub use desk::{PushOrder, Target, TargetOs};
pub use pusher::{Pusher, PusherOptions};
pub use station::{Full, PushStation};
pub use statuses::{PushState, PushStatus};
