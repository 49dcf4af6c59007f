//! Facts about the server itself.

use serde::{Deserialize, Serialize};

use crate::analytics::AnalyticsName;
use crate::commands::server::ShownIdentifiers;
use crate::events::events;
use crate::ids::SystemId;
use crate::time::Timestamp;

events! {
    /// About the server.
    ServerEvent of Server "server" {
        SettingsChanged(SettingsChanged) "load_and_refresh_properties" 1 Manual Success;
        AnalyticsGranted(AnalyticsGranted) "grant_analytics" 1 House Success;
        AnalyticsRevoked(AnalyticsRevoked) "revoke_analytics" 1 House Success;
    }
}

/// Values of settings were stored or forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// What changed, by name. Empty when everything that was asked for was so already.
    pub changes: Vec<SettingChange>,
}

/// A setting before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// The manual's name.
    pub name: String,
    /// The value in force before; `***` for one that holds credentials.
    pub before: String,
    /// The stored value; `***` for one that holds credentials and therefore lies in the vault. `None`: nothing is stored
    /// any more, and the server's configuration counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// An analyst may read the curated events of some systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsGranted {
    /// Name of the grant.
    pub name: AnalyticsName,
    /// Whose events.
    pub systems: Vec<SystemId>,
    /// Names of the consumers that are made for the analyst.
    pub consumers: Vec<AnalyticsName>,
    /// How identifiers are shown.
    pub identifiers: ShownIdentifiers,
    /// Events recorded before it are not given; `None`: everything the log has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The analyst's public key, as NATS writes those of users.
    pub public_key: String,
    /// Who granted it, for people.
    pub by: String,
}

/// What an analyst was granted has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsRevoked {
    /// Name of the grant.
    pub name: AnalyticsName,
    /// Who revoked it, for people.
    pub by: String,
}
