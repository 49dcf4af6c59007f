//! Facts about application systems.

use serde::{Deserialize, Serialize};

use crate::commands::systems::{LettersOrder, SystemParameters};
use crate::events::events;
use crate::ids::LetterId;
use crate::lanes::Position;
use crate::time::Timestamp;

events! {
    /// About application systems.
    SystemEvent of Systems "systems" {
        Registered(SystemRegistered) "register_system" 1 Manual Success;
        Changed(SystemChanged) "change_system" 1 Manual Success;
        Removed(SystemRemoved) "remove_system" 1 Manual Success;
        BillingClosed(BillingClosed) "billing_close" 1 Manual Success;
        WebhookKeysRotated(WebhookKeysRotated) "webhook_keys_rotated" 1 House Success;
        LettersLookedAt(LettersLookedAt) "get_letters" 1 House Success;
        LettersOrdered(LettersOrdered) "letters_ordered" 1 House Success;
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

/// The bank looked at what is owed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LettersLookedAt {}

/// The bank ordered what becomes of letters to it. The outbox does it when it reads this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LettersOrdered {
    /// What.
    pub order: OrderedOfLetters,
    /// Of that letter; absent when it is of all that were put aside, or of a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter_id: Option<LetterId>,
    /// Of a time: its first moment; that of the event where one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Of what lies after an event: its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_position: Option<Position>,
    /// Of a time: the first moment that does not count any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What becomes of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderedOfLetters {
    /// What was put aside is sent again.
    Retry,
    /// What was put aside is never sent.
    Drop,
    /// What told of that time, or of what lies after an event, is sent again.
    Replay,
}

impl From<LettersOrder> for LettersOrdered {
    fn from(order: LettersOrder) -> Self {
        let of = |order, letter_id| Self {
            order,
            letter_id,
            from: None,
            from_position: None,
            until: None,
        };
        match order {
            LettersOrder::Retry { letter_id } => of(OrderedOfLetters::Retry, letter_id),
            LettersOrder::Drop { letter_id } => of(OrderedOfLetters::Drop, Some(letter_id)),
            LettersOrder::Replay {
                from,
                from_position,
                until,
            } => Self {
                from: Some(from),
                from_position,
                until: Some(until),
                ..of(OrderedOfLetters::Replay, None)
            },
        }
    }
}

impl LettersOrdered {
    /// The order; `None` when what it is of is missing.
    pub fn order(&self) -> Option<LettersOrder> {
        Some(match self.order {
            OrderedOfLetters::Retry => LettersOrder::Retry {
                letter_id: self.letter_id.clone(),
            },
            OrderedOfLetters::Drop => LettersOrder::Drop {
                letter_id: self.letter_id.clone()?,
            },
            OrderedOfLetters::Replay => LettersOrder::Replay {
                from: self.from?,
                from_position: self.from_position,
                until: self.until?,
            },
        })
    }
}
