//! A device's claim: the door checks the grammar and the place, the decider checks the MAC.

use axum::http::{HeaderMap, Method};
use schemas::commands::DeviceClaim;
use schemas::pc_auth::PcAuth;
use schemas::{Digest, ErrorCode, SystemId, UserId};

use crate::error::ApiError;

/// The claim of a request to this user's part of the mobile door.
pub(crate) fn claim(
    headers: &HeaderMap,
    system_id: &SystemId,
    user_id: &UserId,
    method: &Method,
    target: &str,
    body_hash: &Digest,
) -> Result<DeviceClaim, ApiError> {
    let refused = || ApiError::new(ErrorCode::HttpAuthCodeInvalid);
    let mut values = headers.get_all(PcAuth::HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused());
    };
    let auth: PcAuth = value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(refused)?;
    if auth.system_id != *system_id || auth.user_id != *user_id {
        return Err(refused());
    }
    let message = auth.message(method.as_str(), target, body_hash);
    Ok(DeviceClaim { auth, message })
}
