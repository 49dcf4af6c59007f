//! When a transaction's deadline passes, it expires.

use schemas::commands::Command;
use schemas::commands::transactions::ExpireTransaction;
use schemas::{Owner, TransactionId};

const PREFIX: &str = "expire/";

/// What to ask for when the deadline of that name has passed; `None` for a name no policy knows.
pub fn on_deadline(owner: &Owner, timer: &str) -> Option<Command> {
    owner.user_id()?;
    let transaction_id = timer.strip_prefix(PREFIX)?.parse().ok()?;
    Some(ExpireTransaction { transaction_id }.into())
}

/// Name of a transaction's deadline.
pub(crate) fn expiry_timer(transaction_id: &TransactionId) -> String {
    format!("{PREFIX}{transaction_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_asks_for_its_transaction_to_expire() {
        let owner = Owner::User("s".parse().unwrap(), "u".parse().unwrap());
        let transaction_id: TransactionId = "invoice-1".parse().unwrap();
        assert_eq!(
            on_deadline(&owner, &expiry_timer(&transaction_id)),
            Some(ExpireTransaction { transaction_id }.into())
        );
        assert_eq!(on_deadline(&owner, "remind/invoice-1"), None);
        assert_eq!(
            on_deadline(&Owner::System("s".parse().unwrap()), "expire/invoice-1"),
            None
        );
    }
}
