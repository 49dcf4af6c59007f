//! Sending the activation code of a key to its user. The bank orders; an order is counted before anything is sent, and
//! counts for as long as the code is of use. The house sends each message at most once unless it knows that nobody took it.

mod begin;
mod end;
mod receipt;
mod send;
mod settle;
mod state;
#[cfg(test)]
mod testing;

use schemas::ErrorCode;
use schemas::commands::code_orders::{Channel, CodeOrderCommand};
use schemas::vault::VaultName;

pub(crate) use begin::decide as begin;
pub(crate) use end::decide as end;
pub(crate) use receipt::decide as note_receipt;
pub(crate) use settle::decide as settle;
pub(crate) use state::Orders;

use crate::asked::Asked;
use crate::decision::Decision;
use crate::users::Person;

/// What the operator permits in sending activation codes: from the configuration of the program, since the API can change
/// settings, and a limit that the API can lift is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePolicy {
    /// The ways that are configured. Without one no code is kept and no order taken.
    pub channels: Vec<Channel>,
    /// Orders for one key within an hour.
    pub orders_per_key_and_hour: usize,
    /// Messages of one system within a day, by UTC.
    pub messages_per_system_and_day: i64,
    /// Beginnings of the numbers that messages go to, as in `+7`; none permits every number.
    pub phone_prefixes: Vec<String>,
}

impl Default for CodePolicy {
    /// Nothing is sent. Three orders are a message that got lost and one mistake; ten thousand messages a day are several
    /// times what a bank with a million customers sends when each of them gets a key a year.
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            orders_per_key_and_hour: 3,
            messages_per_system_and_day: 10_000,
            phone_prefixes: Vec::new(),
        }
    }
}

impl CodePolicy {
    /// Does this house send codes at all?
    pub(crate) fn sends(&self) -> bool {
        !self.channels.is_empty()
    }

    fn permits_number(&self, number: &str) -> bool {
        let prefixes = &self.phone_prefixes;
        prefixes.is_empty() || prefixes.iter().any(|prefix| number.starts_with(prefix))
    }
}

/// Why no code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// There is neither a number nor an address.
    #[error("there is no contact")]
    ContactMissing,
    /// The operator has configured no way there.
    #[error("no such way is configured")]
    ChannelMissing,
    /// The operator does not permit the number.
    #[error("messages do not go to such numbers")]
    NumberForbidden,
    /// The bank has blocked the user, or the key is blocked.
    #[error("the user or the key is blocked")]
    Blocked,
    /// There is no key of that number.
    #[error("there is no key of that number")]
    KeyUnknown,
    /// The key was replaced.
    #[error("the key was replaced")]
    KeyReplaced,
    /// The key's life is over.
    #[error("the key's life is over")]
    KeyExpired,
    /// The key was issued whole, or is activated already.
    #[error("there is nothing to activate")]
    NothingToActivate,
    /// No try of the code is left.
    #[error("no activation attempt is left")]
    AttemptsExhausted,
    /// The code was not kept: the key is older than the sending of codes.
    #[error("the activation code is not known here")]
    CodeUnknown,
    /// Too many orders for the key within the hour.
    #[error("too many codes were ordered")]
    TooMany,
    /// A command of the house, from somebody else.
    #[error("only the house says so")]
    NotAllowed,
}

impl Rejection {
    /// What the caller hears. The manual has no code for too many messages; 339 says that such a request was made already.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::ContactMissing
            | Self::NumberForbidden
            | Self::NothingToActivate
            | Self::NotAllowed => ErrorCode::RequestError,
            Self::ChannelMissing => ErrorCode::NotSupported,
            Self::Blocked => ErrorCode::UserIsBlocked,
            Self::KeyUnknown => ErrorCode::KeyIndexWrong,
            Self::KeyReplaced => ErrorCode::KeyIndexObsoleted,
            Self::KeyExpired => ErrorCode::KeyExpired,
            Self::AttemptsExhausted => ErrorCode::ActivationAttemptsExceeded,
            Self::CodeUnknown => ErrorCode::KeyInfoNotFound,
            Self::TooMany => ErrorCode::RequestIsLockedByAnotherRequest,
        }
    }
}

/// Decides what the bank asks about sending codes.
pub(crate) fn decide(asked: &Asked<'_>, command: &CodeOrderCommand) -> Result<Decision, Rejection> {
    match command {
        CodeOrderCommand::Send(command) => send::decide(asked, command),
        CodeOrderCommand::Begin(_)
        | CodeOrderCommand::Settle(_)
        | CodeOrderCommand::End(_)
        | CodeOrderCommand::NoteReceipt(_) => Err(Rejection::NotAllowed),
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(person: &Person, command: &CodeOrderCommand) -> Vec<VaultName> {
    match command {
        // Whichever of the two it will be.
        CodeOrderCommand::Send(_) => person
            .keys
            .keys()
            .map(|key| VaultName::activation_code(key.index))
            .collect(),
        CodeOrderCommand::Begin(command) => match person.code_orders.find(&command.order_id) {
            Some(order) => vec![
                VaultName::activation_code(order.key_index),
                VaultName::code_contacts(&order.id),
            ],
            None => Vec::new(),
        },
        CodeOrderCommand::Settle(_)
        | CodeOrderCommand::End(_)
        | CodeOrderCommand::NoteReceipt(_) => Vec::new(),
    }
}
