//! Users: the people a system asks to confirm. Creating one issues the first key; deleting one erases everything that can
//! be erased.

mod block;
mod change;
mod create;
mod delete;
mod look;
mod note_receipts;
mod state;
mod unblock;

use schemas::ErrorCode;
use schemas::commands::users::UserCommand;
use schemas::vault::VaultName;

pub(crate) use create::decide as create;
pub(crate) use delete::of_removed_system as delete_of_removed_system;
pub(crate) use look::{record, record_rows};
pub(crate) use note_receipts::decide as note_receipts;
pub(crate) use state::{Block, Life, Person};

use crate::asked::Asked;
use crate::decision::Decision;
use crate::keys;
use crate::licenses;

/// Why nothing happened to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// Nobody created the user.
    #[error("the user was never created")]
    NotFound,
    /// The user was deleted.
    #[error("the user was deleted")]
    Deleted,
    /// The id is in use.
    #[error("a user with this id is there already")]
    AlreadyThere,
    /// The command is not this caller's to give.
    #[error("the command is another caller's")]
    NotForThisCaller,
    /// A block without a reason.
    #[error("a block needs a reason")]
    ReasonMissing,
    /// The user's row in the vault does not read.
    #[error("the stored push address cannot be read")]
    PushAddressUnreadable,
    /// The system's licenses leave no place.
    #[error(transparent)]
    License(#[from] licenses::Rejection),
    /// The first key cannot be issued.
    #[error(transparent)]
    Key(#[from] keys::Rejection),
}

impl Rejection {
    /// What the caller hears.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::UserNotFound,
            Self::Deleted => ErrorCode::UserIsDeleted,
            Self::AlreadyThere | Self::ReasonMissing | Self::NotForThisCaller => {
                ErrorCode::RequestError
            }
            Self::PushAddressUnreadable => ErrorCode::PushNotFound,
            Self::License(rejection) => rejection.code(),
            Self::Key(rejection) => rejection.code(),
        }
    }
}

/// Decides a command about a user who is there.
pub(crate) fn decide(asked: &Asked<'_>, command: &UserCommand) -> Result<Decision, Rejection> {
    match command {
        UserCommand::Create(_) => Err(Rejection::AlreadyThere),
        // The house asks for this, also about users who are gone.
        UserCommand::NoteReceipts(_) => Err(Rejection::NotForThisCaller),
        UserCommand::Change(command) => Ok(change::decide(command)),
        UserCommand::Block(command) => block::decide(asked, command),
        UserCommand::Unblock(command) => Ok(unblock::decide(asked, command)),
        UserCommand::Delete(_) => Ok(delete::decide(asked)),
        UserCommand::GetInfo(_) => look::decide(asked),
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(person: &Person, command: &UserCommand) -> Vec<VaultName> {
    match command {
        UserCommand::GetInfo(_) => record_rows(person),
        UserCommand::Create(_)
        | UserCommand::Change(_)
        | UserCommand::Block(_)
        | UserCommand::Unblock(_)
        | UserCommand::NoteReceipts(_)
        | UserCommand::Delete(_) => Vec::new(),
    }
}
