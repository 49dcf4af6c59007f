//! The devices' door, `/pc-client-api/v1/{system_id}/users/{user_id}/`. Ours; `docs/mobile-protocol.md` describes it.

pub(crate) mod activate;
pub(crate) mod autoconfirm;
pub(crate) mod autoconfirm_list;
pub(crate) mod confirm;
pub(crate) mod credentials_get;
pub(crate) mod credentials_salt;
pub(crate) mod credentials_set;
pub(crate) mod decline;
pub(crate) mod events;
pub(crate) mod fingerprint;
pub(crate) mod get_binary_data;
pub(crate) mod get_data;
pub(crate) mod get_list;
pub(crate) mod operation_data;
pub(crate) mod operation_process;
pub(crate) mod operations_list;
pub(crate) mod recovery_challenge;
pub(crate) mod recovery_requisites;
pub(crate) mod recovery_response;
pub(crate) mod recovery_set_template;
pub(crate) mod recovery_templates;
pub(crate) mod register;
pub(crate) mod scoring_settings;
pub(crate) mod theme;

use schemas::{Digest, Secret};
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::device_request;
use crate::error::ApiError;
use crate::json::SecretText;

device_request! {
    /// A body that asks nothing.
    PlainDeviceRequest {}
}

/// An answer without substance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {}

/// The access key of a password, closed for whoever knows the password.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClosedAccessKey {
    /// Nonce (12 bytes), AES-256-GCM ciphertext and tag (48 bytes), hex.
    access_key: String,
}

impl ClosedAccessKey {
    fn of(closed: &Secret) -> Self {
        Self {
            access_key: hex::encode(closed.expose()),
        }
    }
}

/// A proof of a password: 32 bytes in lower-case hex.
fn password_proof(place: &str, SecretText(text): &SecretText) -> Result<Secret, ApiError> {
    let text = text.expose_text().unwrap_or_default();
    Ok(Secret::new(hex_digest(place, text)?.0))
}

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
