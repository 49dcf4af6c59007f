//! The devices' door, `/pc-client-api/v1/{system_id}/users/{user_id}/`. Ours; `docs/mobile-protocol.md` describes it.

pub(crate) mod activate;
pub(crate) mod confirm;
pub(crate) mod decline;
pub(crate) mod events;
pub(crate) mod fingerprint;
pub(crate) mod get_binary_data;
pub(crate) mod get_data;
pub(crate) mod get_list;
pub(crate) mod operation_data;
pub(crate) mod operation_process;
pub(crate) mod operations_list;
pub(crate) mod register;
pub(crate) mod theme;

use schemas::Digest;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::device_request;
use crate::error::ApiError;

device_request! {
    /// A body that asks nothing.
    PlainDeviceRequest {}
}

/// An answer without substance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {}

/// Thirty-two bytes in lower-case hex.
fn hex_digest(place: &str, text: &str) -> Result<Digest, ApiError> {
    hex_bytes(place, text, 32)?
        .try_into()
        .map(Digest)
        .map_err(|_| ApiError::at(format_args!("{place} is not 64 hex digits")))
}

/// Bytes in lower-case hex, at most so many.
fn hex_bytes(place: &str, text: &str, length_max: usize) -> Result<Vec<u8>, ApiError> {
    let wrong = || {
        ApiError::at(format_args!(
            "{place} is not lower-case hex of at most {length_max} bytes"
        ))
    };
    let fits = text.len() <= 2 * length_max && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if !fits {
        return Err(wrong());
    }
    hex::decode(text).map_err(|_| wrong())
}
