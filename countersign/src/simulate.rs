//! Simulators of the services the house calls: real TCP, real TLS with a generated certificate, real HTTP/2, and faults by
//! script. What a bank tries its configuration against, and what the tests of the house run against.
//!
//! They check what the real ones check of a request's form, and nothing of what only the real ones can know.

pub mod apns;
pub mod callback;
pub mod certificate;
mod desk;
pub mod faults;
pub mod fcm;
pub mod hms;
mod jwt;
pub mod messages;
mod receipts;
pub mod server;
mod smpp;
mod sms;
mod smtp;
pub mod telegram;

pub use apns::Apns;
pub use callback::Callback;
pub use desk::{MessageFault, Received};
pub use faults::{Fault, Order};
pub use fcm::Fcm;
pub use hms::Hms;
pub use messages::{Messages, Service};
pub use receipts::MessageReceipt;
pub use server::{Answer, Asked, Behavior, Certified, ListenOptions, Simulator, StartError};
pub use telegram::Telegram;
