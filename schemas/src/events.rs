//! Events: what happened. A fact carries everything a reader needs, nothing secret and nothing erasable.
//!
//! The word and the version stand outside the body, so a reader can route without decoding. Bodies are MessagePack maps:
//! add optional fields freely; for anything else raise the version and write the upcaster in `codec.rs`.

pub mod access;
pub mod devices;
pub mod keys;
pub mod systems;
pub mod transactions;
pub mod users;

use serde::{Deserialize, Serialize};

use crate::errors::ErrorCode;

macro_rules! events {
    ($($module:ident::$name:ident $word:literal $version:literal $aggregate:literal $origin:ident;)*) => {
        /// Every event of the house.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $(#[doc = concat!("`", $word, "`")] $name($module::$name),)*
            /// A read or a report: the word says which.
            Looked(access::Looked),
            /// A command was refused: the word says which, the envelope's result says why.
            Refused(Refused),
        }

        /// The words with a body of their own: word, version, aggregate, origin.
        pub const EVENT_KINDS: &[EventKind] = &[
            $(EventKind { word: $word, version: $version, aggregate: $aggregate, origin: Origin::$origin },)*
        ];

        impl Event {
            /// The word on the wire.
            pub fn word(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $word,)*
                    Self::Looked(event) => event.word,
                    Self::Refused(event) => event.word,
                }
            }

            /// Version of the body's shape.
            pub fn version(&self) -> u16 {
                match self {
                    $(Self::$name(_) => $version,)*
                    Self::Looked(_) | Self::Refused(_) => 1,
                }
            }

            /// The aggregate the event belongs to.
            pub fn aggregate(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $aggregate,)*
                    Self::Looked(event) => access::aggregate_of(event.word),
                    Self::Refused(event) => access::aggregate_of(event.word),
                }
            }

            pub(crate) fn encode_body(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
                match self {
                    $(Self::$name(event) => rmp_serde::to_vec_named(event),)*
                    Self::Looked(event) => rmp_serde::to_vec_named(event),
                    Self::Refused(event) => rmp_serde::to_vec_named(event),
                }
            }

            pub(crate) fn decode_body(word: &str, body: &[u8]) -> Option<Result<Self, rmp_serde::decode::Error>> {
                Self::deserialize_body(word, &mut rmp_serde::Deserializer::from_read_ref(body))
            }

            /// The body of a word, read from any format in today's shape; `None` when no event has that word.
            pub fn deserialize_body<'de, D: serde::Deserializer<'de>>(
                word: &str,
                body: D,
            ) -> Option<Result<Self, D::Error>> {
                match word {
                    $($word => Some($module::$name::deserialize(body).map(Self::$name)),)*
                    _ => {
                        let word = access::looked_word(word)?;
                        let looked = access::Looked::deserialize(body);
                        Some(looked.map(|looked| Self::Looked(access::Looked { word, ..looked })))
                    }
                }
            }
        }

        $(impl From<$module::$name> for Event {
            fn from(event: $module::$name) -> Self {
                Self::$name(event)
            }
        })*
    };
}

/// A word with a body of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// The word on the wire.
    pub word: &'static str,
    /// Today's version of its body.
    pub version: u16,
    /// The aggregate it belongs to.
    pub aggregate: &'static str,
    /// Whose word it is.
    pub origin: Origin,
}

/// Whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The reference manual's.
    Manual,
    /// Ours, in the manual's grammar.
    House,
}

events! {
    systems::SystemRegistered "register_system" 1 "systems" Manual;
    systems::SystemChanged "change_system" 1 "systems" Manual;
    systems::SystemRemoved "remove_system" 1 "systems" Manual;
    users::UserCreated "create_user" 1 "users" Manual;
    users::UserChanged "change_user" 1 "users" Manual;
    users::UserDeleted "delete_user" 1 "users" Manual;
    keys::KeyUpdated "update_user_key" 1 "keys" Manual;
    keys::ActivationAttempted "activate_key_attempt" 1 "keys" House;
    keys::KeyActivated "activate_key" 1 "keys" House;
    keys::ActivationFailed "activate_key_failure" 1 "keys" House;
    keys::PublicKeyRegistered "register_public_key" 1 "keys" House;
    devices::FingerprintSet "set_device_fingerprint" 1 "devices" House;
    transactions::TransactionCreated "create_transaction" 1 "transactions" Manual;
    transactions::TransactionServed "get_transaction_data" 1 "transactions" Manual;
    transactions::TransactionConfirmed "confirm_transaction" 1 "transactions" Manual;
    transactions::TransactionDeclined "decline_transaction" 1 "transactions" Manual;
    transactions::TransactionExpired "expire_transaction" 1 "transactions" House;
    transactions::TransactionCleaned "clean_transaction" 1 "transactions" House;
    transactions::TransactionDeleted "delete_transaction" 1 "transactions" House;
}

/// A command that was refused. The envelope's `result` says why, in the error table's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The command's word.
    #[serde(skip, default)]
    pub word: &'static str,
    /// Which transaction it concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<crate::ids::TransactionId>,
}

impl Event {
    /// The result code a reader sees beside the event, unless the command was refused.
    pub fn result(&self) -> ErrorCode {
        match self {
            Self::ActivationFailed(event) => event.result,
            _ => ErrorCode::Normal,
        }
    }

    /// The transaction the event concerns.
    pub fn transaction_id(&self) -> Option<&crate::ids::TransactionId> {
        match self {
            Self::TransactionCreated(event) => Some(&event.transaction_id),
            Self::TransactionServed(event) => Some(&event.transaction_id),
            Self::TransactionConfirmed(event) => Some(&event.transaction_id),
            Self::TransactionDeclined(event) => Some(&event.transaction_id),
            Self::TransactionExpired(event) => Some(&event.transaction_id),
            Self::TransactionCleaned(event) => Some(&event.transaction_id),
            Self::TransactionDeleted(event) => Some(&event.transaction_id),
            Self::Looked(event) => event.transaction_id.as_ref(),
            Self::Refused(event) => event.transaction_id.as_ref(),
            Self::SystemRegistered(_)
            | Self::SystemChanged(_)
            | Self::SystemRemoved(_)
            | Self::UserCreated(_)
            | Self::UserChanged(_)
            | Self::UserDeleted(_)
            | Self::KeyUpdated(_)
            | Self::ActivationAttempted(_)
            | Self::KeyActivated(_)
            | Self::ActivationFailed(_)
            | Self::PublicKeyRegistered(_)
            | Self::FingerprintSet(_) => None,
        }
    }
}
