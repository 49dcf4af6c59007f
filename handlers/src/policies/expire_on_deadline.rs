//! When the deadline of a transaction or of an operation passes, it expires.

use schemas::commands::Command;
use schemas::commands::operations::ExpireOperation;
use schemas::commands::transactions::ExpireTransaction;
use schemas::{OperationId, Owner, TransactionId};

const PREFIX: &str = "expire/";
const OPERATION_PREFIX: &str = "expire-operation/";

/// What to ask for when the deadline of that name has passed; `None` for another kind of deadline.
pub(super) fn on_deadline(owner: &Owner, timer: &str) -> Option<Command> {
    owner.user_id()?;
    if let Some(id) = timer.strip_prefix(OPERATION_PREFIX) {
        let operation_id = id.parse().ok()?;
        return Some(ExpireOperation { operation_id }.into());
    }
    let transaction_id = timer.strip_prefix(PREFIX)?.parse().ok()?;
    Some(ExpireTransaction { transaction_id }.into())
}

/// Name of a transaction's deadline.
pub(crate) fn expiry_timer(transaction_id: &TransactionId) -> String {
    format!("{PREFIX}{transaction_id}")
}

/// Name of an operation's deadline.
pub(crate) fn operation_timer(operation_id: &OperationId) -> String {
    format!("{OPERATION_PREFIX}{operation_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_asks_for_its_transaction_or_operation_to_expire() {
        let owner = Owner::User("s".parse().unwrap(), "u".parse().unwrap());
        let transaction_id: TransactionId = "invoice-1".parse().unwrap();
        assert_eq!(
            on_deadline(&owner, &expiry_timer(&transaction_id)),
            Some(ExpireTransaction { transaction_id }.into())
        );
        let operation_id: OperationId = "salaries-1".parse().unwrap();
        assert_eq!(
            on_deadline(&owner, &operation_timer(&operation_id)),
            Some(ExpireOperation { operation_id }.into())
        );
        assert_eq!(on_deadline(&owner, "remind/invoice-1"), None);
        assert_eq!(
            on_deadline(&Owner::System("s".parse().unwrap()), "expire/invoice-1"),
            None
        );
    }
}
