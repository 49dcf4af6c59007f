//! Commands about sending the activation code of a key to its user. The bank orders; the house sends, and says how it went.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::ids::{CodeOrderId, KeyIndex};
use crate::sealed::Secret;

commands! {
    /// About sending activation codes.
    CodeOrderCommand of CodeOrders {
        Send(SendActivationCode) "send_activation_code" Write by Bank;
        Begin(BeginCodeSending) "begin_code_sending" Write by House;
        Settle(SettleCodeSending) "settle_code_sending" Write by House;
        End(EndCodeOrder) "end_code_order" Write by House;
        NoteReceipt(NoteCodeReceipt) "note_code_receipt" Write by House;
    }
}

/// Orders that the activation code of a key be sent to its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendActivationCode {
    /// Which key; `None` for the newest that waits for its code.
    #[serde(default)]
    pub key_index: Option<KeyIndex>,
    /// Where to; at least one of the two. The door has parsed both.
    pub contacts: CodeContacts,
    /// In which language.
    pub language: Language,
}

/// Where a code goes: personal data, so it lies in the vault, and only until the order is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeContacts {
    /// Number of a mobile telephone: `+` and 8 to 15 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Secret>,
    /// Address of a mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Secret>,
}

impl CodeContacts {
    /// The ways that lead to them.
    pub fn channels(&self) -> Vec<Channel> {
        let sms = self.phone.as_ref().map(|_| Channel::Sms);
        sms.into_iter()
            .chain(self.email.as_ref().map(|_| Channel::Email))
            .collect()
    }

    /// The contact that a way leads to.
    pub fn at(&self, channel: Channel) -> Option<&Secret> {
        match channel {
            Channel::Sms => self.phone.as_ref(),
            Channel::Email => self.email.as_ref(),
        }
    }
}

/// A way to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A letter by e-mail.
    Email,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// The way of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

/// A language that messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Russian; text messages in Latin letters, as in the manual's sample.
    Ru,
    /// English.
    En,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

/// Begins an attempt to send a message, and asks what is to be sent. The log has it before anything leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginCodeSending {
    /// Of which order.
    pub order_id: CodeOrderId,
    /// Which of its messages.
    pub channel: Channel,
    /// Which attempt: 1 for the first.
    pub attempt: u32,
}

/// Says how the sending of a message went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleCodeSending {
    /// Of which order.
    pub order_id: CodeOrderId,
    /// Which of its messages.
    pub channel: Channel,
    /// How it went.
    pub outcome: SendingOutcome,
    /// Why, in a word of ours; `None` for a message that was taken.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How the sending of a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendingOutcome {
    /// The mail server or the gateway took it over. Whether the user has it, the house does not know.
    Sent,
    /// Nobody took it.
    Failed,
    /// It may have been taken. It is not sent again unless the bank orders again.
    Unknown,
    /// It was not sent, because it would have been of no use any more.
    Withdrawn,
}

impl SendingOutcome {
    /// The word in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// How long a message center may take to say what became of a message, seconds: longer than they let one wait.
pub const RECEIPT_LIFE_S: i64 = 4 * 24 * 3600;

/// Says what a message center says became of a message that it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteCodeReceipt {
    /// Of which order.
    pub order_id: CodeOrderId,
    /// Which of its messages.
    pub channel: Channel,
    /// What became of it.
    pub outcome: CodeReceipt,
    /// Why, in a word of ours; `None` where there is nothing to say.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of a message after it was taken, as its center says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeReceipt {
    /// The telephone has it.
    Delivered,
    /// It cannot get there.
    Undeliverable,
    /// The telephone was not reached in time.
    Expired,
    /// The network did not want it.
    Rejected,
    /// The center does not know.
    Unknown,
}

impl CodeReceipt {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Delivered,
        Self::Undeliverable,
        Self::Expired,
        Self::Rejected,
        Self::Unknown,
    ];

    /// The word in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Undeliverable => "undeliverable",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// The time of an order is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndCodeOrder {
    /// Which one.
    pub order_id: CodeOrderId,
}
