//! Commands about a user's device.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::ids::Digest;

commands! {
    /// About a user's device.
    DeviceCommand of Devices {
        SetFingerprint(SetFingerprint) "set_device_fingerprint" Write by Device;
        Report(ReportDevice) "report_device" Write by Device;
        GetScoringSettings(GetScoringSettings) "get_scoring_settings" Read by Device;
    }
}

/// Binds the user to the device: its fingerprint then enters every confirmation code. Once per key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetFingerprint {
    /// The fingerprint, 32 bytes.
    pub device_fingerprint: Digest,
}

/// A fact the device noticed about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDevice {
    /// What it noticed.
    pub report: DeviceReport,
}

/// Asks for what the scoring service's library on the device needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetScoringSettings {}

/// What a device reports, by the manual's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceReport {
    /// The user deleted the key from the device.
    KeyDeleted,
    /// Root or jailbreak.
    RootDetected,
    /// Applications that may do harm.
    HighRiskAppsDetected,
    /// The password of the key was wrong.
    PasswordIncorrect,
    /// The password of the key was right.
    PasswordCorrect,
    /// The password of the key was changed.
    PasswordChanged,
}

impl DeviceReport {
    /// The manual's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::KeyDeleted => "key_deleted",
            Self::RootDetected => "root_detected",
            Self::HighRiskAppsDetected => "high_risk_apps_detected",
            Self::PasswordIncorrect => "password_incorrect",
            Self::PasswordCorrect => "password_correct",
            Self::PasswordChanged => "password_changed",
        }
    }
}
