//! Facts about the server itself.

use serde::{Deserialize, Serialize};

use crate::events::events;

events! {
    /// About the server.
    ServerEvent of Server "server" {
        SettingsChanged(SettingsChanged) "load_and_refresh_properties" 1 Manual Success;
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
