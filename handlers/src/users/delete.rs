//! `delete_user`: the user, the keys, and everything that can be erased.

use schemas::SystemId;
use schemas::events::users::UserDeleted;

use super::{Life, Person};
use crate::asked::Asked;
use crate::decision::{Decision, Erasure};
use crate::policies::{expiry_timer, operation_timer};
use crate::{licenses, systems};

/// Deletes the user and the whole of the user's part of the vault. What was confirmed stays confirmed: the events keep
/// digests and signatures, and nobody can be asked any more what the digests stood for.
pub(crate) fn decide(asked: &Asked<'_>) -> Decision {
    delete(asked.person, asked.system_id)
}

/// The house deletes the users of a removed system, and erases what was kept of those who were deleted before it; `None` while
/// the system is served: its users are the bank's to delete.
pub(crate) fn of_removed_system(
    life: &Life,
    system_id: &SystemId,
    system: &systems::State,
) -> Option<Decision> {
    if !system.is_removed() {
        return None;
    }
    Some(match life {
        Life::Present(person) => delete(person, system_id),
        Life::Missing | Life::Deleted => Decision {
            erase: vec![Erasure::Owner],
            ..Decision::happened(Vec::new())
        },
    })
}

fn delete(person: &Person, system_id: &SystemId) -> Decision {
    let transactions = person.transactions.unfinished().map(expiry_timer);
    let operations = person.operations.ids().map(operation_timer);
    Decision {
        erase: vec![Erasure::Owner],
        counts: vec![licenses::freed(system_id)],
        cancelled_timers: transactions.chain(operations).collect(),
        ..Decision::happened(vec![UserDeleted {}.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::systems::RemoveSystem;
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::{ChangeUser, DeleteUser, GetUserInfo};

    use crate::decision::Erasure;
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

    #[test]
    fn the_house_deletes_a_user_of_a_removed_system_once() {
        let mut story = Story::of_a_user();
        story.create_transaction("invoice-1");
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        assert!(!story.vault.rows.is_empty());
        let deleted = story.house_asks(DeleteUser {});
        deleted.happens(&["delete_user"]);
        assert_eq!(deleted.decision().cancelled_timers, ["expire/invoice-1"]);
        assert_eq!(deleted.decision().counts.len(), 1);
        assert_eq!(deleted.events_post_url(), None);
        assert!(story.vault.rows.is_empty());
        let again = story.house_asks(DeleteUser {});
        again.happens(&[]);
        assert_eq!(again.decision().erase, [Erasure::Owner]);
        assert_eq!(again.decision().counts, []);
    }

    #[test]
    fn the_house_erases_what_was_kept_of_a_user_after_the_deletion() {
        let mut story = Story::of_a_user();
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .house_asks(DeleteUser {})
            .is_refused_silently(ErrorCode::RequestError);
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        let erased = story.house_asks(DeleteUser {});
        erased.happens(&[]);
        assert_eq!(erased.decision().erase, [Erasure::Owner]);
    }

    #[test]
    fn the_house_deletes_no_user_of_a_system_that_is_served() {
        let mut story = Story::of_a_user();
        let rows = story.vault.rows.len();
        story
            .house_asks(DeleteUser {})
            .is_refused_silently(ErrorCode::RequestError);
        assert_eq!(story.vault.rows.len(), rows);
        story.bank_asks(GetUserInfo {}).happens(&["get_user_info"]);
    }

    #[test]
    fn everybody_else_hears_the_same_before_and_after_it() {
        let look = ListTransactions {
            statuses: Vec::new(),
        };
        let mut story = Story::of_a_user();
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .bank_asks(DeleteUser {})
            .is_refused(ErrorCode::SystemIsDeleted);
        story
            .device_asks(look.clone())
            .is_refused(ErrorCode::SystemIsDeleted);
        story.house_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(DeleteUser {})
            .is_refused(ErrorCode::SystemIsDeleted);
        // Nothing is left to know the device by.
        story
            .device_asks(look)
            .is_refused_silently(ErrorCode::SystemIsDeleted);
    }
}
