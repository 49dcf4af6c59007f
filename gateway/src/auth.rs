//! Who may speak at which door: bearer tokens for systems, the `PC-Auth` header for devices.

mod mobile;
mod tokens;

pub(crate) use mobile::claim;
pub(crate) use tokens::Scope;
pub use tokens::{InvalidTokenFile, TokenFile};
