//! `delete_user`: the user, the keys, and everything that can be erased.

use schemas::events::users::UserDeleted;

use crate::asked::Asked;
use crate::decision::{Decision, Erasure};
use crate::licenses;
use crate::policies::{expiry_timer, operation_timer};

/// Deletes the user and the whole of the user's part of the vault. What was confirmed stays confirmed: the events keep
/// digests and signatures, and nobody can be asked any more what the digests stood for.
pub(crate) fn decide(asked: &Asked<'_>) -> Decision {
    let person = asked.person;
    let transactions = person.transactions.unfinished().map(expiry_timer);
    let operations = person.operations.ids().map(operation_timer);
    Decision {
        erase: vec![Erasure::Owner],
        counts: vec![licenses::freed(asked.system_id)],
        cancelled_timers: transactions.chain(operations).collect(),
        ..Decision::happened(vec![UserDeleted {}.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::users::{ChangeUser, DeleteUser, GetUserInfo};

    use crate::testing::Story;

    #[test]
    fn nothing_erasable_is_left_of_a_deleted_user() {
        let mut story = Story::of_a_user();
        story.create_transaction("invoice-1");
        assert!(!story.vault.rows.is_empty());
        let deleted = story.bank_asks(DeleteUser {});
        deleted.happens(&["delete_user"]);
        assert_eq!(deleted.decision().cancelled_timers, ["expire/invoice-1"]);
        assert!(story.vault.rows.is_empty());
    }

    #[test]
    fn a_deleted_user_stays_deleted() {
        let mut story = Story::of_a_user();
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(DeleteUser {})
            .is_refused(ErrorCode::UserIsDeleted);
        story
            .bank_asks(GetUserInfo {})
            .is_refused(ErrorCode::UserIsDeleted);
        let rename = ChangeUser {
            user_name: "Мария".to_owned(),
        };
        story.bank_asks(rename).is_refused(ErrorCode::UserIsDeleted);
    }
}
