//! `update_user_key`: the next key of the ring. It replaces the one in force at once, or waits until it is activated.

use schemas::answers::AnswerBody;
use schemas::commands::keys::UpdateUserKey;
use schemas::events::keys::KeyUpdated;

use super::Rejection;
use super::next::{Replaces, next};
use crate::asked::Asked;
use crate::decision::Decision;

/// Issues the next key.
///
/// Source: reference manual, "delayed". A delayed key leaves the one in force as it is, and replaces the delayed key before
/// it; any other update makes every delayed key worthless.
///
/// Pending transactions stay: they are confirmed with the key that is in force by then. A blocked or expired key is replaced
/// like any other.
pub(super) fn decide(asked: &Asked<'_>, command: &UpdateUserKey) -> Result<Decision, Rejection> {
    let ring = &asked.person.keys;
    let replaces = if command.is_delayed {
        Replaces::Delayed
    } else {
        Replaces::Everything
    };
    let new = next(asked, &command.key, replaces)?;
    let event = KeyUpdated {
        key: new.issued,
        is_delayed: command.is_delayed,
        replaced_delayed: ring.delayed.as_ref().map(|delayed| delayed.index),
        replaced: (!command.is_delayed).then_some(ring.current.index),
    };
    Ok(Decision {
        vault: new.rows,
        erase: new.erase,
        answer: AnswerBody::KeyIssued(Box::new(new.answer)),
        secret_answer: true,
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::devices::SetFingerprint;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::DeleteUser;
    use schemas::flags::WITH_FINGERPRINT;
    use schemas::vault::VaultName;
    use schemas::{Digest, ErrorCode, KeyIndex};

    use super::*;
    use crate::testing::{Device, Story, delayed, key_request};

    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    /// The story's next delayed key; its own device keeps the old one.
    fn delay(story: &mut Story, command: UpdateUserKey) -> Device {
        let old = story.device.clone();
        story.bank_asks(command).happens(&["update_user_key"]);
        std::mem::replace(&mut story.device, old)
    }

    #[test]
    fn a_delayed_key_leaves_the_one_in_force_and_opens_nothing() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        let new = delay(&mut story, delayed(KeyParts::Whole));
        let old = std::mem::replace(&mut story.device, new);
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyNotActivated);
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .is_refused(ErrorCode::KeyNotActivated);
        story.device = old;
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
    }

    #[test]
    fn registering_with_the_delayed_key_puts_it_in_force() {
        for push in [true, false] {
            let mut story = Story::of_a_registered_device();
            let new = delay(&mut story, delayed(KeyParts::Whole));
            let old = std::mem::replace(&mut story.device, new);
            let mut command = story.device.registration();
            command.push = command.push.filter(|_| push);
            story
                .device_asks(command)
                .happens(&["register_public_key", "put_key_in_force"]);
            let row = story.vault.get(&VaultName::push_address());
            assert_eq!(row.is_some(), push, "the old device's address is gone");
            story.device_asks(LOOK).happens(&["get_transactions"]);
            story.device = old;
            story
                .device_asks(LOOK)
                .is_refused(ErrorCode::KeyIndexObsoleted);
        }
    }

    #[test]
    fn a_fingerprint_with_the_delayed_key_puts_it_in_force() {
        let mut story = Story::of_a_registered_device();
        let mut command = delayed(KeyParts::Whole);
        command.key.flags.set(&WITH_FINGERPRINT, 1);
        story.device = delay(&mut story, command);
        let device_fingerprint = Digest([1; 32]);
        story
            .device_asks(SetFingerprint { device_fingerprint })
            .happens(&["set_device_fingerprint", "put_key_in_force"]);
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn a_delayed_key_in_two_parts_is_activated_and_then_registered() {
        let mut story = Story::of_a_registered_device();
        let two = KeyParts::TwoDrawCode { digits: 10 };
        let old = story.device.clone();
        story.bank_asks(delayed(two)).happens(&["update_user_key"]);
        let command = story.device.registration();
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::KeyNotActivated);
        story.activate_device();
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyNotActivated);
        let new = std::mem::replace(&mut story.device, old);
        story.device_asks(LOOK).happens(&["get_transactions"]);
        story.device = new;
        story
            .device_asks(command)
            .happens(&["register_public_key", "put_key_in_force"]);
    }

    #[test]
    fn each_delayed_key_replaces_the_one_before() {
        let mut story = Story::of_a_registered_device();
        let first = delay(&mut story, delayed(KeyParts::Whole));
        let second = delay(&mut story, delayed(KeyParts::Whole));
        let current = std::mem::replace(&mut story.device, first);
        let command = story.device.registration();
        story
            .device_asks(command)
            .is_refused(ErrorCode::KeyIndexObsoleted);
        story.device = second;
        let command = story.device.registration();
        story
            .device_asks(command)
            .happens(&["register_public_key", "put_key_in_force"]);
        story.device = current;
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyIndexObsoleted);
    }

    #[test]
    fn an_update_without_the_flag_makes_the_delayed_key_worthless() {
        let mut story = Story::of_a_registered_device();
        let dropped = delay(&mut story, delayed(KeyParts::Whole));
        story.bank_asks(update()).happens(&["update_user_key"]);
        assert_eq!(story.device.key_index, KeyIndex(3));
        story.device_asks(LOOK).happens(&["get_transactions"]);
        story.device = dropped;
        let command = story.device.registration();
        story
            .device_asks(command)
            .is_refused(ErrorCode::KeyIndexObsoleted);
        let row = story.vault.get(&VaultName::key_first_part(KeyIndex(2)));
        assert_eq!(row, None);
    }

    fn update() -> UpdateUserKey {
        UpdateUserKey {
            key: key_request(KeyParts::Whole),
            is_delayed: false,
        }
    }

    #[test]
    fn the_next_key_replaces_the_one_before() {
        let mut story = Story::of_a_registered_device();
        story.bank_asks(update()).happens(&["update_user_key"]);
        assert_eq!(story.device.key_index, KeyIndex(2));
        assert_eq!(
            story.vault.get(&VaultName::key_first_part(KeyIndex(1))),
            None
        );
        assert!(
            story
                .vault
                .get(&VaultName::key_farewell(KeyIndex(1)))
                .is_some()
        );
    }

    #[test]
    fn a_pending_transaction_is_confirmed_with_the_new_key_only() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        let old = story.device.clone();
        story.bank_asks(update()).happens(&["update_user_key"]);
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation.clone())
            .is_refused(ErrorCode::PubkeyIsEmpty);
        let new = std::mem::replace(&mut story.device, old);
        story
            .device_asks(confirmation)
            .is_refused(ErrorCode::KeyIndexObsoleted);
        story.device = new;
        story.register_device();
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
    }

    #[test]
    fn the_name_is_in_the_new_key_too() {
        let mut story = Story::of_a_user();
        let AnswerBody::KeyIssued(key) = story.bank_asks(update()).answer() else {
            panic!("a key was expected");
        };
        assert_eq!(key.user_name.as_deref(), Some("Иван Иванов"));
    }

    #[test]
    fn nobody_gets_a_key_who_is_not_there() {
        Story::of_a_system()
            .bank_asks(update())
            .is_refused_silently(ErrorCode::UserNotFound);
        let mut story = Story::of_a_user();
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(update())
            .is_refused(ErrorCode::UserIsDeleted);
    }

    #[test]
    fn a_key_that_cannot_be_issued_replaces_nothing() {
        let mut story = Story::of_a_user();
        let command = UpdateUserKey {
            key: key_request(KeyParts::TwoDrawCode { digits: 5 }),
            is_delayed: false,
        };
        story
            .bank_asks(command)
            .is_refused(ErrorCode::SpartLengthIsWrong);
        assert_eq!(story.device.key_index, KeyIndex(1));
    }
}
