//! Operators: they look at a user, a transaction, a journal, and have a confirmation checked again. They change nothing, and
//! every look is journaled under its own word.

mod check;
mod transaction;
mod user;

use schemas::ErrorCode;
use schemas::commands::operators::OperatorCommand;
use schemas::vault::VaultName;

use crate::asked::{Asked, looked};
use crate::decision::Decision;
use crate::facts::Facts;
use crate::users::Person;
use crate::{transactions, users};

/// Why an operator sees nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// ARM_RKS_ENABLED is off.
    #[error("operators are not served")]
    SwitchedOff,
    /// No such transaction.
    #[error("the transaction does not exist")]
    TransactionUnknown,
    /// The transaction was not confirmed.
    #[error("the transaction was not confirmed")]
    NotConfirmed,
    /// What lies in the vault is not what the log has the digest of.
    #[error("the stored content is not the one that was created")]
    ContentAltered,
    /// What is kept of the user cannot be read.
    #[error("what is kept of the user cannot be read")]
    UserUnreadable,
    /// A user's question under a system's name.
    #[error("the command does not concern a system")]
    NotAboutSystems,
}

impl Rejection {
    /// What the caller hears.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::SwitchedOff => ErrorCode::NotSupported,
            Self::TransactionUnknown => ErrorCode::TransactionIsNull,
            Self::NotConfirmed => ErrorCode::TransactionStatusInvalid,
            Self::ContentAltered => ErrorCode::TransactionDataError,
            Self::UserUnreadable => ErrorCode::PushNotFound,
            Self::NotAboutSystems => ErrorCode::RequestError,
        }
    }
}

impl From<transactions::Rejection> for Rejection {
    fn from(rejection: transactions::Rejection) -> Self {
        if rejection == transactions::Rejection::ContentAltered {
            Self::ContentAltered
        } else {
            Self::TransactionUnknown
        }
    }
}

/// Decides an operator's question about a user.
pub(crate) fn decide(asked: &Asked<'_>, command: &OperatorCommand) -> Result<Decision, Rejection> {
    check_served(asked.facts)?;
    match command {
        OperatorCommand::UserDetails(_) => user::decide(asked),
        OperatorCommand::TransactionData(command) => transaction::decide(asked, command),
        OperatorCommand::Events(_) => Ok(Decision::happened(vec![looked(command.word(), None)])),
        OperatorCommand::CheckConfirmation(command) => check::decide(asked, command),
    }
}

/// The door found nobody to whom the transaction belongs.
pub(crate) fn nobody_knows(
    command: &OperatorCommand,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    check_served(facts)?;
    Err(match command.transaction_id() {
        Some(_) => Rejection::TransactionUnknown,
        None => Rejection::NotAboutSystems,
    })
}

fn check_served(facts: &Facts<'_>) -> Result<(), Rejection> {
    if facts.settings.serves_operators() {
        Ok(())
    } else {
        Err(Rejection::SwitchedOff)
    }
}

/// The vault rows such a decision reads.
pub(crate) fn needs(person: &Person, command: &OperatorCommand) -> Vec<VaultName> {
    match command {
        OperatorCommand::UserDetails(_) => users::record_rows(person),
        OperatorCommand::TransactionData(command) => {
            vec![VaultName::transaction_content(&command.transaction_id)]
        }
        OperatorCommand::CheckConfirmation(command) => {
            let mut rows = person.keys.current.parts();
            rows.push(VaultName::transaction_content(&command.transaction_id));
            rows
        }
        OperatorCommand::Events(_) => Vec::new(),
    }
}
