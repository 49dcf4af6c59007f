//! Facts about sending activation codes. Neither a code nor a contact is in any of them.

use serde::{Deserialize, Serialize};

use crate::commands::code_orders::{Channel, CodeReceipt, Language, SendingOutcome};
use crate::events::events;
use crate::ids::{CodeOrderId, KeyIndex};

events! {
    /// About sending activation codes.
    CodeOrderEvent of CodeOrders "code_orders" {
        Ordered(CodeOrdered) "send_activation_code" 1 House Success;
        Begun(CodeSendingBegun) "send_activation_code_attempt" 1 House Success;
        Settled(CodeSendingSettled) "send_activation_code_result" 1 House Success;
        Receipt(CodeReceiptNoted) "send_activation_code_receipt" 1 House Success;
    }
}

impl CodeOrderEvent {
    /// The key whose code it is about.
    pub fn key_index(&self) -> KeyIndex {
        match self {
            Self::Ordered(event) => event.key_index,
            Self::Begun(event) => event.key_index,
            Self::Settled(event) => event.key_index,
            Self::Receipt(event) => event.key_index,
        }
    }
}

/// The bank ordered that an activation code be sent. It is counted from here on, whatever becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeOrdered {
    /// The order.
    pub order_id: CodeOrderId,
    /// The key whose code is sent.
    pub key_index: KeyIndex,
    /// By which ways, one message each.
    pub channels: Vec<Channel>,
    /// In which language.
    pub language: Language,
}

/// An attempt to send a message begins. This stands in the log before anything leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSendingBegun {
    /// Of which order.
    pub order_id: CodeOrderId,
    /// The key whose code is sent.
    pub key_index: KeyIndex,
    /// By which way.
    pub channel: Channel,
    /// Which attempt: 1 for the first.
    pub attempt: u32,
}

/// How the sending of a message ended. It is not sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSendingSettled {
    /// Of which order.
    pub order_id: CodeOrderId,
    /// The key whose code was to be sent.
    pub key_index: KeyIndex,
    /// By which way.
    pub channel: Channel,
    /// How it went.
    pub outcome: SendingOutcome,
    /// Why, in a word of ours; `None` for a message that was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the message center says became of a message that it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeReceiptNoted {
    /// Of which order.
    pub order_id: CodeOrderId,
    /// The key whose code was sent.
    pub key_index: KeyIndex,
    /// By which way.
    pub channel: Channel,
    /// What became of it.
    pub outcome: CodeReceipt,
    /// Why, in a word of ours; `None` where there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
