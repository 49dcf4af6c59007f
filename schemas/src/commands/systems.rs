//! Commands about application systems.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::ids::LetterId;
use crate::lanes::Position;
use crate::time::Timestamp;

commands! {
    /// About application systems.
    SystemCommand of Systems {
        Register(RegisterSystem) "register_system" Write by Bank;
        Change(ChangeSystem) "change_system" Write by Bank;
        Remove(RemoveSystem) "remove_system" Write by Bank;
        GetInfo(GetSystemInfo) "get_system_info" Read by Bank;
        CloseBilling(CloseBilling) "billing_close" Write by Bank;
        GetReport(GetReport) "system_report" Read by Bank;
        RotateWebhookKeys(RotateWebhookKeys) "rotate_webhook_keys" Write by Bank;
        GetLetters(GetLetters) "get_letters" Read by Bank;
        OrderLetters(OrderLetters) "order_letters" Write by Bank;
    }
}

/// Registers an application system. The door has checked the signature of the registration request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterSystem {
    /// What the system is called.
    pub name: String,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
    /// Scheme of its deep links.
    #[serde(default)]
    pub qr_url_scheme: Option<String>,
    /// Billing model of the request; carried, not interpreted here.
    #[serde(default)]
    pub billing_type: i64,
    /// Billing period, days.
    #[serde(default)]
    pub billing_period: Option<i64>,
    /// The rest of its parameters.
    pub parameters: SystemParameters,
    /// The request as received, base64.
    pub register_request: String,
}

/// Parameters a system may change later; `None` leaves a parameter as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemParameters {
    /// Lifetime of its users' keys, days.
    pub user_keys_expiration_period: Option<i64>,
    /// Address of the mobile door, as devices reach it.
    pub pc_is_external_url: Option<String>,
    /// Address of the push sender.
    pub pc_is_internal_url: Option<String>,
    /// Where events are posted; empty text switches it off.
    pub events_post_url: Option<String>,
    /// Where callbacks go unless a transaction names its own; empty text switches it off.
    pub callback_url: Option<String>,
    /// Billing period, days; before BILL_PERIOD of the server, and before what its registration said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_period: Option<i64>,
    /// Path of the report's template; before REPORT_TEMPLATE of the server. Empty text: the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_template_path: Option<String>,
}

/// Changes a system's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSystem {
    /// What to change.
    pub parameters: SystemParameters,
}

/// Removes a system: nothing of it is served afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveSystem {}

/// Asks for a system's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetSystemInfo {}

/// Closes the open billing period of a system that pays after the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseBilling {
    /// The first moment of the last day that is closed (UTC); `None` means yesterday.
    pub date: Option<Timestamp>,
}

/// Gives a system new keys of callbacks; the ones before go on signing for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateWebhookKeys {}

/// Journals that a bank looked at what is owed to it; the letters come from the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetLetters {}

/// Orders what becomes of letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLetters {
    /// What.
    pub order: LettersOrder,
}

/// What becomes of letters: callbacks and event posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LettersOrder {
    /// What was put aside is sent again.
    Retry {
        /// That one; `None` means all.
        letter_id: Option<LetterId>,
    },
    /// What was put aside is never sent.
    Drop {
        /// That one.
        letter_id: LetterId,
    },
    /// What told of that time, or of what lies after an event, is sent again, under the identities it had.
    Replay {
        /// The first moment; that of the event where one is named.
        from: Timestamp,
        /// The event that it begins with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_position: Option<Position>,
        /// The first moment that does not count any more.
        until: Timestamp,
    },
}

/// Asks which days a functional report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetReport {
    /// The first moment it is about; `None` means since the last close, or since the registration.
    pub from: Option<Timestamp>,
    /// The first moment it is not about any more; `None` means right after now.
    pub to: Option<Timestamp>,
}
