//! Events: what happened. A fact carries everything a reader needs, nothing secret and nothing erasable.
//!
//! The word and the version stand outside the body, so a reader can route without decoding. Bodies are MessagePack maps:
//! add optional fields freely; for anything else raise the version and write the upcaster in `codec.rs`.
//!
//! Every aggregate declares its own events in its own file; this file only gathers them.

pub mod access;
pub mod code_orders;
pub mod codes;
pub mod credentials;
pub mod devices;
pub mod journal;
pub mod keys;
pub mod operations;
pub mod recovery;
pub mod server;
pub mod systems;
pub mod transactions;
pub mod users;

use serde::{Deserialize, Serialize};

use crate::errors::ErrorCode;
use crate::ids::{OperationId, TransactionId};

/// Declares an aggregate's events: variant, body, word, version of the body, whose word it is, and what it tells of the
/// command.
macro_rules! events {
    (
        $(#[$doc:meta])* $events:ident of $aggregate:ident $name:literal {
            $($variant:ident($body:ident) $word:literal $version:literal $origin:ident $tells:ident;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $events {
            $(#[doc = concat!("`", $word, "`")] $variant($body),)*
        }

        impl $events {
            /// The words, in this order.
            pub const KINDS: &'static [$crate::events::EventKind] = &[
                $($crate::events::EventKind {
                    word: $word,
                    version: $version,
                    aggregate: $name,
                    origin: $crate::events::Origin::$origin,
                    tells: $crate::events::Tells::$tells,
                },)*
            ];

            /// Its word, version and aggregate.
            pub fn kind(&self) -> &'static $crate::events::EventKind {
                let word = match self { $(Self::$variant(_) => $word,)* };
                let kind = Self::KINDS.iter().find(|kind| kind.word == word);
                kind.expect("both lists are made of the same declarations")
            }

            pub(crate) fn encode_body(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
                match self { $(Self::$variant(event) => rmp_serde::to_vec_named(event),)* }
            }

            /// The body of one of the aggregate's words.
            pub(crate) fn deserialize_body<'de, D: serde::Deserializer<'de>>(
                kind: &$crate::events::EventKind,
                body: D,
            ) -> Result<Self, D::Error> {
                use serde::Deserialize as _;
                match kind.word {
                    $($word => $body::deserialize(body).map(Self::$variant),)*
                    word => unreachable!("{word} is not one of this aggregate's words"),
                }
            }
        }

        $(impl From<$body> for $crate::events::Event {
            fn from(event: $body) -> Self {
                Self::$aggregate($events::$variant(event))
            }
        })*
    };
}
pub(crate) use events;

macro_rules! aggregates {
    ($($aggregate:ident($module:ident::$events:ident);)*) => {
        /// Every event of the house.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $(#[doc = concat!("A fact about ", stringify!($module), ".")] $aggregate($module::$events),)*
            /// A read or a report: the word says which.
            Looked(access::Looked),
            /// A command was refused: the word says which, the envelope's result says why.
            Refused(Refused),
        }

        /// The words with a body of their own.
        pub fn kinds() -> impl Iterator<Item = &'static EventKind> {
            std::iter::empty()$(.chain($module::$events::KINDS))*
        }

        impl Event {
            /// The word on the wire.
            pub fn word(&self) -> &'static str {
                match self {
                    $(Self::$aggregate(event) => event.kind().word,)*
                    Self::Looked(event) => event.word,
                    Self::Refused(event) => event.word,
                }
            }

            /// Version of the body's shape.
            pub fn version(&self) -> u16 {
                match self {
                    $(Self::$aggregate(event) => event.kind().version,)*
                    Self::Looked(_) | Self::Refused(_) => 1,
                }
            }

            /// The aggregate the event belongs to.
            pub fn aggregate(&self) -> &'static str {
                match self {
                    $(Self::$aggregate(event) => event.kind().aggregate,)*
                    Self::Looked(event) => access::aggregate_of(event.word),
                    Self::Refused(event) => access::aggregate_of(event.word),
                }
            }

            pub(crate) fn encode_body(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
                match self {
                    $(Self::$aggregate(event) => event.encode_body(),)*
                    Self::Looked(event) => rmp_serde::to_vec_named(event),
                    Self::Refused(event) => rmp_serde::to_vec_named(event),
                }
            }

            /// The body of a word, read from any format in today's shape; `None` when no event has that word.
            pub fn deserialize_body<'de, D: serde::Deserializer<'de>>(
                word: &str,
                body: D,
            ) -> Option<Result<Self, D::Error>> {
                $(if let Some(kind) = $module::$events::KINDS.iter().find(|kind| kind.word == word) {
                    let event = $module::$events::deserialize_body(kind, body);
                    return Some(event.map(Self::$aggregate));
                })*
                let word = access::looked_word(word)?;
                let looked = access::Looked::deserialize(body);
                Some(looked.map(|looked| Self::Looked(access::Looked { word, ..looked })))
            }
        }
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
    /// What it tells of the command behind it.
    pub tells: Tells,
}

/// Whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The reference manual's.
    Manual,
    /// Ours, in the manual's grammar.
    House,
}

/// What an event tells of the command behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// The command succeeded; when it is refused, the same word carries [`Refused`].
    Success,
    /// The body holds the result itself: a wrong code is a fact, not a refusal.
    Outcome,
}

aggregates! {
    Server(server::ServerEvent);
    Journal(journal::JournalEvent);
    Systems(systems::SystemEvent);
    Users(users::UserEvent);
    Keys(keys::KeyEvent);
    Credentials(credentials::CredentialsEvent);
    Recovery(recovery::RecoveryEvent);
    Devices(devices::DeviceEvent);
    Transactions(transactions::TransactionEvent);
    Operations(operations::OperationEvent);
    Codes(codes::CodeEvent);
    CodeOrders(code_orders::CodeOrderEvent);
}

/// A command that was refused. The envelope's `result` says why, in the error table's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The command's word.
    #[serde(skip, default)]
    pub word: &'static str,
    /// Which transaction it concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// Which operation it concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
}

impl Event {
    pub(crate) fn decode_body(
        word: &str,
        body: &[u8],
    ) -> Option<Result<Self, rmp_serde::decode::Error>> {
        Self::deserialize_body(word, &mut rmp_serde::Deserializer::from_read_ref(body))
    }

    /// The result code a reader sees beside the event, unless the command was refused.
    pub fn result(&self) -> ErrorCode {
        match self {
            Self::Keys(event) => event.result(),
            Self::Credentials(event) => event.result(),
            Self::Server(_)
            | Self::Journal(_)
            | Self::Systems(_)
            | Self::Users(_)
            | Self::Devices(_)
            | Self::Recovery(_)
            | Self::Transactions(_)
            | Self::Operations(_)
            | Self::Codes(_)
            | Self::CodeOrders(_)
            | Self::Looked(_)
            | Self::Refused(_) => ErrorCode::Normal,
        }
    }

    /// The transaction the event concerns.
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        match self {
            Self::Transactions(event) => event.transaction_id(),
            Self::Looked(event) => event.transaction_id.as_ref(),
            Self::Refused(event) => event.transaction_id.as_ref(),
            Self::Server(_)
            | Self::Journal(_)
            | Self::Systems(_)
            | Self::Users(_)
            | Self::Keys(_)
            | Self::Credentials(_)
            | Self::Recovery(_)
            | Self::Devices(_)
            | Self::Operations(_)
            | Self::Codes(_)
            | Self::CodeOrders(_) => None,
        }
    }

    /// The operation the event concerns.
    pub fn operation_id(&self) -> Option<&OperationId> {
        match self {
            Self::Operations(event) => Some(event.operation_id()),
            Self::Transactions(event) => event.operation().map(|step| &step.operation_id),
            Self::Looked(event) => event.operation_id.as_ref(),
            Self::Refused(event) => event.operation_id.as_ref(),
            Self::Server(_)
            | Self::Journal(_)
            | Self::Systems(_)
            | Self::Users(_)
            | Self::Keys(_)
            | Self::Codes(_)
            | Self::CodeOrders(_)
            | Self::Credentials(_)
            | Self::Recovery(_)
            | Self::Devices(_) => None,
        }
    }
}
