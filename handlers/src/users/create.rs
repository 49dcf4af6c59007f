//! `create_user`: a person, and the first key.

use schemas::answers::AnswerBody;
use schemas::commands::users::CreateUser;
use schemas::events::users::UserCreated;
use schemas::flags::COLLECT_EVENTS;
use schemas::vault::VaultName;
use schemas::{KeyIndex, Secret, SystemId, UserId};

use super::Rejection;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::keys::{Holder, issue};
use crate::licenses;
use crate::systems::Registered;

const FIRST: KeyIndex = KeyIndex(1);

/// Creates a user nobody has heard of, and issues key 1. The name goes to the vault.
pub(crate) fn decide(
    (system_id, user_id): (&SystemId, &UserId),
    command: &CreateUser,
    system: &Registered,
    facts: &Facts<'_>,
) -> Result<Decision, Rejection> {
    let name = command.user_name.clone();
    let holder = Holder {
        system_id,
        user_id,
        name: name.clone(),
        system,
    };
    let seat = licenses::seat(system_id, system, facts)?;
    let mut new = issue(&command.key, FIRST, &holder, facts)?;
    let name_row = name.map(|name| (VaultName::user_name(), Secret::new(name)));
    new.rows.extend(name_row);
    let flags = new.issued.flags;
    let event = UserCreated { key: new.issued };
    Ok(Decision {
        vault: new.rows,
        counts: vec![seat],
        answer: AnswerBody::KeyIssued(Box::new(new.answer)),
        secret_answer: true,
        events_post_url: system
            .events_post_url()
            .filter(|_| facts.settings.collect_events() && flags.has(&COLLECT_EVENTS)),
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::systems::RemoveSystem;
    use schemas::commands::users::DeleteUser;

    use super::*;
    use crate::testing::{Story, create_user, key_request};

    #[test]
    fn a_user_comes_with_a_key() {
        let mut story = Story::of_a_system();
        let created = story.bank_asks(create_user(KeyParts::Whole));
        created.happens(&["create_user"]);
        let AnswerBody::KeyIssued(key) = created.answer() else {
            panic!("a key was expected");
        };
        assert!(created.decision().secret_answer);
        assert_eq!((key.key_index, key.two_parts), (KeyIndex(1), false));
        assert_eq!(key.user_name.as_deref(), Some("Иван Иванов"));
        assert_eq!(
            key.url.as_deref(),
            Some("https://bank.example/pc-client-api")
        );
        assert_eq!(key.activation_code, None);
        let stored = story.vault.get(&VaultName::key_first_part(KeyIndex(1)));
        assert_eq!(stored, Some(key.first_part.expose()));
        let name = story.vault.get(&VaultName::user_name());
        assert_eq!(name, Some("Иван Иванов".as_bytes()));
    }

    #[test]
    fn a_user_is_created_once() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(create_user(KeyParts::Whole))
            .is_refused(ErrorCode::RequestError);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story
            .bank_asks(create_user(KeyParts::Whole))
            .is_refused(ErrorCode::UserIsDeleted);
    }

    #[test]
    fn a_refused_creation_starts_no_history() {
        let mut story = Story::of_an_empty_house();
        story
            .bank_asks(create_user(KeyParts::Whole))
            .is_refused_silently(ErrorCode::SystemNotFound);
        let mut story = Story::of_a_system();
        story
            .bank_asks(create_user(KeyParts::TwoDrawCode { digits: 5 }))
            .is_refused_silently(ErrorCode::SpartLengthIsWrong);
        story
            .system_asks(RemoveSystem {})
            .happens(&["remove_system"]);
        story
            .bank_asks(create_user(KeyParts::Whole))
            .is_refused_silently(ErrorCode::SystemIsDeleted);
    }

    #[test]
    fn a_name_is_optional() {
        let mut story = Story::of_a_system();
        let command = CreateUser {
            user_name: None,
            key: key_request(KeyParts::Whole),
        };
        story.bank_asks(command).happens(&["create_user"]);
        assert_eq!(story.vault.get(&VaultName::user_name()), None);
    }
}
