//! Facts about devices.

use serde::{Deserialize, Serialize};

use crate::events::events;
use crate::ids::{Digest, KeyIndex};

events! {
    /// About a user's device.
    DeviceEvent of Devices "devices" {
        FingerprintSet(FingerprintSet) "set_device_fingerprint" 1 House Success;
    }
}

/// The user was bound to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FingerprintSet {
    /// With which key.
    pub key_index: KeyIndex,
    /// The device's fingerprint.
    pub device_fingerprint: Digest,
    /// Where the bank is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

impl DeviceEvent {
    /// The key it is about.
    pub fn key_index(&self) -> KeyIndex {
        match self {
            Self::FingerprintSet(event) => event.key_index,
        }
    }
}
