//! Commands: what somebody asks for. Imperative here, the manual's word on the wire.

pub mod devices;
pub mod keys;
pub mod systems;
pub mod transactions;
pub mod users;

use serde::{Deserialize, Serialize};

use crate::context::{RequestContext, RequestPrivate};
use crate::ids::{CommandId, Digest, Owner, RequestId};
use crate::pc_auth::PcAuth;
use crate::time::Timestamp;

macro_rules! commands {
    ($($module:ident::$name:ident $word:literal $kind:ident;)*) => {
        /// Every command of the house.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Command {
            $(#[doc = concat!("`", $word, "`")] $name($module::$name),)*
        }

        impl Command {
            /// The word its journal record carries, and the last token of its subject.
            pub fn word(&self) -> &'static str {
                match self { $(Self::$name(_) => $word,)* }
            }

            /// Does it change anything, or only look?
            pub fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$kind,)* }
            }
        }

        $(impl From<$module::$name> for Command {
            fn from(command: $module::$name) -> Self {
                Self::$name(command)
            }
        })*
    };
}

/// Whether a command has an effect that must happen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its effect happens once; its answer is kept for ever.
    Write,
    /// It only looks; a repetition looks again.
    Read,
}

commands! {
    systems::RegisterSystem "register_system" Write;
    systems::ChangeSystem "change_system" Write;
    systems::RemoveSystem "remove_system" Write;
    systems::GetSystemInfo "get_system_info" Read;
    systems::GetEvents "get_events" Read;
    systems::GetEventInfo "get_event_info" Read;
    users::CreateUser "create_user" Write;
    users::ChangeUser "change_user" Write;
    users::DeleteUser "delete_user" Write;
    users::GetUserInfo "get_user_info" Read;
    keys::UpdateUserKey "update_user_key" Write;
    keys::ActivateKey "activate_key" Write;
    keys::RegisterPublicKey "register_public_key" Write;
    devices::SetFingerprint "set_device_fingerprint" Write;
    devices::ReportDevice "report_device" Write;
    transactions::CreateTransaction "create_transaction" Write;
    transactions::ListTransactions "get_transactions" Read;
    transactions::GetTransactionInfo "get_transaction_info" Read;
    transactions::GetTransactionData "get_transaction_data" Read;
    transactions::GetTransactionBinaryData "get_transaction_binary_data" Read;
    transactions::ConfirmTransaction "confirm_transaction" Write;
    transactions::DeclineTransaction "decline_transaction" Write;
    transactions::ExpireTransaction "expire_transaction" Write;
    transactions::DeleteTransaction "delete_transaction" Write;
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
