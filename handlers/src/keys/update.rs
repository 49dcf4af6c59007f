//! `update_user_key`: the next key of the ring; the one before is replaced at once.

use schemas::KeyIndex;
use schemas::answers::AnswerBody;
use schemas::commands::keys::UpdateUserKey;
use schemas::events::keys::KeyUpdated;
use schemas::vault::VaultName;

use super::{Rejection, issue};
use crate::asked::Asked;
use crate::authenticate::farewell;
use crate::decision::{Decision, Erasure};

/// Issues the next key. The old one's parts are erased; only what lets its device be told 336 is kept.
///
/// Pending transactions stay: they are confirmed with the new key. A blocked or expired key is replaced like any other.
pub(crate) fn decide(asked: &Asked<'_>, command: &UpdateUserKey) -> Result<Decision, Rejection> {
    let (old, vault) = (&asked.person.key, asked.facts.vault);
    let next = old
        .index
        .0
        .checked_add(1)
        .expect("nobody is issued four billion keys");
    let name = vault.get(&VaultName::user_name());
    let name = name.map(|name| String::from_utf8_lossy(name).into_owned());
    let mut new = issue(
        &command.key,
        KeyIndex(next),
        asked.user_id,
        name,
        asked.system,
        asked.facts,
    )?;
    let farewell = farewell(old, vault);
    new.rows
        .extend(farewell.map(|key| (VaultName::key_farewell(old.index), key)));
    let erased = [
        VaultName::key_first_part(old.index),
        VaultName::key_second_part(old.index),
        VaultName::activation_verifier(old.index),
        VaultName::answer(&old.issued_by),
        VaultName::push_address(),
    ];
    let event = KeyUpdated { key: new.issued };
    Ok(Decision {
        vault: new.rows,
        erase: erased.into_iter().map(Erasure::Row).collect(),
        answer: AnswerBody::KeyIssued(Box::new(new.answer)),
        secret_answer: true,
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::users::DeleteUser;

    use super::*;
    use crate::testing::{Story, key_request};

    fn update() -> UpdateUserKey {
        UpdateUserKey {
            key: key_request(KeyParts::Whole),
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
        };
        story
            .bank_asks(command)
            .is_refused(ErrorCode::SpartLengthIsWrong);
        assert_eq!(story.device.key_index, KeyIndex(1));
    }
}
