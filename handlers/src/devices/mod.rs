//! A user's device: what binds the user to it, and what it notices about itself.

mod report;
mod scoring_settings;
mod set_fingerprint;

use schemas::ErrorCode;
use schemas::commands::devices::DeviceCommand;

use crate::asked::Asked;
use crate::decision::Decision;

/// Why nothing happened to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// The key's flags do not bind its user to a device.
    #[error("the key is not one that is bound to a device")]
    NotBound,
    /// The key is bound to another device.
    #[error("the key is bound to another device")]
    BoundElsewhere,
    /// The key's flags do not permit scoring.
    #[error("the key's flags do not permit scoring")]
    ScoringForbidden,
    /// SCORING_SETTINGS is empty.
    #[error("no scoring service is set")]
    ScoringNotSet,
    /// SCORING_SETTINGS is not of the documented form.
    #[error("the setting of the scoring service is wrong")]
    ScoringWrong,
}

impl Rejection {
    /// What the caller hears. The manual has no code for a fingerprint nobody asked for: an error in the request (219).
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotBound => ErrorCode::RequestError,
            Self::BoundElsewhere => ErrorCode::FprintIsNotEmpty,
            Self::ScoringForbidden => ErrorCode::NotSupported,
            Self::ScoringNotSet => ErrorCode::ScoringSettingsIsNull,
            Self::ScoringWrong => ErrorCode::ServerScoringSettingsIncorrect,
        }
    }
}

/// Decides a command about a user's device.
pub(crate) fn decide(asked: &Asked<'_>, command: &DeviceCommand) -> Result<Decision, Rejection> {
    match command {
        DeviceCommand::SetFingerprint(command) => set_fingerprint::decide(asked, command),
        DeviceCommand::Report(command) => Ok(report::decide(asked, command)),
        DeviceCommand::GetScoringSettings(_) => scoring_settings::decide(asked),
    }
}
