//! What an operator asks: to look at a user, a transaction, a journal, and to check a confirmation once more.

use serde::{Deserialize, Serialize};

use crate::commands::commands;
use crate::ids::TransactionId;

commands! {
    /// Of an operator.
    OperatorCommand of Operators {
        UserDetails(LookAtUser) "rks_user_details" Read by Operator;
        TransactionData(LookAtTransaction) "rks_transactions_data" Read by Operator;
        Events(LookAtEvents) "rks_events_data" Read by Operator;
        CheckConfirmation(CheckConfirmation) "rks_check_confirmation" Read by Operator;
    }
}

/// Asks for a user's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookAtUser {}

/// Asks for a transaction: where it stands, and its text while that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookAtTransaction {
    /// Which one.
    pub transaction_id: TransactionId,
}

/// Journals that a user's records were looked at; the records come from the read model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookAtEvents {}

/// Asks to check again what confirmed a transaction, with whatever is still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckConfirmation {
    /// Which transaction.
    pub transaction_id: TransactionId,
}

impl OperatorCommand {
    /// The transaction it concerns.
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        match self {
            Self::TransactionData(command) => Some(&command.transaction_id),
            Self::CheckConfirmation(command) => Some(&command.transaction_id),
            Self::UserDetails(_) | Self::Events(_) => None,
        }
    }
}
