//! A user's device: what binds the user to it, and what it notices about itself.

mod report;
mod set_fingerprint;

use schemas::ErrorCode;

pub(crate) use report::decide as report;
pub(crate) use set_fingerprint::decide as set_fingerprint;

/// Why nothing happened to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The key's flags do not bind its user to a device.
    #[error("the key is not one that is bound to a device")]
    NotBound,
    /// The key is bound to another device.
    #[error("the key is bound to another device")]
    BoundElsewhere,
}

impl Rejection {
    /// What the caller hears. The manual has no code for a fingerprint nobody asked for: an error in the request (219).
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotBound => ErrorCode::RequestError,
            Self::BoundElsewhere => ErrorCode::FprintIsNotEmpty,
        }
    }
}
