//! The reference mobile client: what a phone does, as a library.
//!
//! It shares with the server only the words of `schemas`; its cryptography is another family than the server's, so that
//! each checks the other. It never reads a clock: every call is told what time it is. `docs/mobile-protocol.md` describes
//! the protocol in prose, `vectors/protocol-v1.json` in numbers.

mod chance;
pub mod client;
pub mod confirm_code;
pub mod contents;
pub mod credentials;
pub mod door;
pub mod error;
pub mod key;
pub mod key_json;
pub mod password;
pub mod render;
pub mod request;
pub mod response;
pub mod secrets;
pub mod shown;
pub mod signer;
pub mod store;
pub mod transport;

#[cfg(test)]
mod fake_server;
#[cfg(test)]
mod vectors;

pub use client::Device;
pub use client::operations::Answer;
pub use client::password::UnlockError;
pub use client::transactions::Declination;
pub use credentials::OnlineLock;
pub use error::{AnswerError, Error, LocalError, Refusal};
pub use key::DeviceKey;
pub use key_json::KeyInfo;
pub use request::{DeviceEventId, HttpRequest, Prepared, Submission};
pub use response::HttpAnswer;
pub use shown::{Shown, ShownMember, ShownOperation};
pub use store::{KeyFile, LockedKey};
pub use transport::{NetworkError, ReqwestTransport, Transport};
