//! Facts about application systems.

use serde::{Deserialize, Serialize};

use crate::commands::systems::SystemParameters;
use crate::events::events;
use crate::time::Timestamp;

events! {
    /// About application systems.
    SystemEvent of Systems "systems" {
        Registered(SystemRegistered) "register_system" 1 Manual Success;
        Changed(SystemChanged) "change_system" 1 Manual Success;
        Removed(SystemRemoved) "remove_system" 1 Manual Success;
        BillingClosed(BillingClosed) "billing_close" 1 Manual Success;
        WebhookKeysRotated(WebhookKeysRotated) "webhook_keys_rotated" 1 House Success;
    }
}

/// A system was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRegistered {
    /// What it is called.
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
    /// Scheme of its deep links.
    #[serde(default)]
    pub qr_url_scheme: Option<String>,
    /// Billing model.
    #[serde(default)]
    pub billing_type: i64,
    /// Billing period, days.
    #[serde(default)]
    pub billing_period: Option<i64>,
    /// Its changeable parameters.
    pub parameters: SystemParameters,
    /// The request as received, base64.
    #[serde(default)]
    pub register_request: String,
}

/// Parameters of a system were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemChanged {
    /// Those that were given.
    pub parameters: SystemParameters,
}

/// A system was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRemoved {}

/// A billing period was closed. Its figures follow from the events before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingClosed {
    /// The first moment of the period.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A system has new keys of callbacks. They follow from the root secret, the system and the generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookKeysRotated {
    /// Generation of the new keys; the first keys of a system are generation 0.
    pub generation: u32,
}
