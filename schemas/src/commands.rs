//! Commands: what somebody asks for. Imperative here, the manual's word on the wire.
//!
//! Every aggregate declares its own commands in its own file; this file only gathers them.

pub mod code_orders;
pub mod codes;
pub mod credentials;
pub mod devices;
pub mod journal;
pub mod keys;
pub mod operations;
pub mod operators;
pub mod recovery;
pub mod server;
pub mod systems;
pub mod transactions;
pub mod users;

use serde::{Deserialize, Serialize};

use crate::context::{RequestContext, RequestPrivate};
use crate::ids::{CommandId, Digest, OperationId, Owner, RequestId, TransactionId};
use crate::pc_auth::PcAuth;
use crate::time::Timestamp;

/// Declares an aggregate's commands: variant, struct, word, whether it writes, and who may ask.
macro_rules! commands {
    (
        $(#[$doc:meta])* $commands:ident of $aggregate:ident {
            $($variant:ident($command:ident) $word:literal $kind:ident by $askers:ident;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $commands {
            $(#[doc = concat!("`", $word, "`")] $variant($command),)*
        }

        impl $commands {
            /// The word its journal record carries, and the last token of its subject.
            pub fn word(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word,)* }
            }

            /// Does it change anything, or only look?
            pub fn kind(&self) -> $crate::commands::Kind {
                match self { $(Self::$variant(_) => $crate::commands::Kind::$kind,)* }
            }

            /// Who may ask for it.
            pub fn askers(&self) -> $crate::commands::Askers {
                match self { $(Self::$variant(_) => $crate::commands::Askers::$askers,)* }
            }

            /// Every word of the aggregate's commands.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];
        }

        $(impl From<$command> for $crate::commands::Command {
            fn from(command: $command) -> Self {
                Self::$aggregate($commands::$variant(command))
            }
        })*
    };
}
pub(crate) use commands;

macro_rules! aggregates {
    ($($aggregate:ident($module:ident::$commands:ident) $name:literal;)*) => {
        /// Every command of the house.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Command {
            $(#[doc = concat!("About ", $name, ".")] $aggregate($module::$commands),)*
        }

        impl Command {
            /// The word its journal record carries, and the last token of its subject.
            pub fn word(&self) -> &'static str {
                match self { $(Self::$aggregate(command) => command.word(),)* }
            }

            /// Does it change anything, or only look?
            pub fn kind(&self) -> Kind {
                match self { $(Self::$aggregate(command) => command.kind(),)* }
            }

            /// Who may ask for it.
            pub fn askers(&self) -> Askers {
                match self { $(Self::$aggregate(command) => command.askers(),)* }
            }
        }

        /// The words of all commands, each with its aggregate.
        pub fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
            [$(($module::$commands::WORDS, $name),)*]
                .into_iter()
                .flat_map(|(words, aggregate)| words.iter().map(move |word| (*word, aggregate)))
        }
    };
}

aggregates! {
    Server(server::ServerCommand) "server";
    Operators(operators::OperatorCommand) "operators";
    Systems(systems::SystemCommand) "systems";
    Journal(journal::JournalCommand) "journal";
    Users(users::UserCommand) "users";
    Keys(keys::KeyCommand) "keys";
    Credentials(credentials::CredentialsCommand) "credentials";
    Recovery(recovery::RecoveryCommand) "recovery";
    Devices(devices::DeviceCommand) "devices";
    Transactions(transactions::TransactionCommand) "transactions";
    Operations(operations::OperationCommand) "operations";
    Codes(codes::CodeCommand) "codes";
    CodeOrders(code_orders::CodeOrderCommand) "code_orders";
}

impl Command {
    /// The transaction it concerns.
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        match self {
            Self::Transactions(command) => command.transaction_id(),
            Self::Operators(command) => command.transaction_id(),
            Self::Server(_)
            | Self::Systems(_)
            | Self::Journal(_)
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

    /// The operation it concerns.
    pub fn operation_id(&self) -> Option<&OperationId> {
        match self {
            Self::Operations(command) => command.operation_id(),
            Self::Server(_)
            | Self::Systems(_)
            | Self::Journal(_)
            | Self::Users(_)
            | Self::Keys(_)
            | Self::Credentials(_)
            | Self::Recovery(_)
            | Self::Devices(_)
            | Self::Transactions(_)
            | Self::Operators(_)
            | Self::Codes(_)
            | Self::CodeOrders(_) => None,
        }
    }
}

/// Whether a command has an effect that must happen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its effect happens once; its answer is kept for ever.
    Write,
    /// It only looks; a repetition looks again.
    Read,
}

/// Who may ask for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Askers {
    /// The application system.
    Bank,
    /// A device.
    Device,
    /// Either of the two.
    BankOrDevice,
    /// Whoever administers the server.
    Administrator,
    /// An operator of the system.
    Operator,
    /// The house itself.
    House,
}

impl Askers {
    /// Is this caller one of them?
    pub fn include(self, caller: &Caller) -> bool {
        match caller {
            Caller::System => matches!(self, Self::Bank | Self::BankOrDevice),
            Caller::Device(_) => matches!(self, Self::Device | Self::BankOrDevice),
            Caller::House => self == Self::House,
            Caller::Administrator => self == Self::Administrator,
            Caller::Operator => self == Self::Operator,
        }
    }
}

/// Who stands behind a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// The application system; the door has checked that it may speak for this system.
    System,
    /// Somebody who claims to hold a key. The decider checks the MAC.
    Device(DeviceClaim),
    /// The house itself: a timer or a policy.
    House,
    /// Whoever administers the server; the door has checked that.
    Administrator,
    /// An operator of the system; the door has checked that.
    Operator,
}

/// A device's claim: the header, and the two things its MAC covers that only the door saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClaim {
    /// The header's parameters.
    pub auth: PcAuth,
    /// The bytes under the MAC, rebuilt by the door from the request as received.
    #[serde(with = "serde_bytes")]
    pub message: Vec<u8>,
}

/// A command on its way: who, whose, what, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnvelope {
    /// Identity for ever.
    pub command_id: CommandId,
    /// Digest of what was asked: the same identity with another request is refused (219).
    pub fingerprint: Digest,
    /// Identity of this HTTP request; a redelivery on the bus keeps it.
    pub request_id: RequestId,
    /// Whose history it concerns.
    pub owner: Owner,
    /// Who asks.
    pub caller: Caller,
    /// After this moment nobody waits for the answer any more.
    pub deadline: Timestamp,
    /// For the journal.
    pub context: RequestContext,
    /// For the journal, erasable.
    pub private: RequestPrivate,
    /// `traceparent` of the caller's span (W3C Trace Context), when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What is asked.
    pub command: Command,
}
