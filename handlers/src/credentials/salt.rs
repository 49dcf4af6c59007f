//! `get_credentials_salt`: what the device's derivation of the password begins with.

use schemas::Secret;
use schemas::answers::AnswerBody;
use schemas::events::credentials::SaltGiven;
use schemas::vault::VaultName;

use super::Rejection;
use super::state::Standing;
use crate::asked::Asked;
use crate::crypto::key_material::derive;
use crate::crypto::password::SALT_BYTES;
use crate::decision::Decision;

/// Answers with the salt of the key; the first time it is drawn. It stays the same for the life of the key, so that a second
/// device with the same key and the same password comes to the same proof.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    let (key, facts) = (asked.key, asked.facts);
    let name = VaultName::password_salt(key.index);
    let key_index = key.index;
    let decision = Decision::happened(vec![SaltGiven { key_index }.into()]);
    match key.password.standing {
        Standing::Nothing => {
            let salt = derive(&facts.seed, "credentials/salt").expose()[..SALT_BYTES].to_vec();
            let row = (name, Secret::new(salt.as_slice()));
            Ok(Decision {
                vault: vec![row],
                ..decision.answering(AnswerBody::CredentialsSalt { salt })
            })
        }
        Standing::Salted | Standing::Set => {
            let salt = facts.vault.get(&name).ok_or(Rejection::MaterialMissing)?;
            let salt = salt.to_vec();
            Ok(decision.answering(AnswerBody::CredentialsSalt { salt }))
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::KeyIndex;
    use schemas::commands::credentials::GetCredentialsSalt;
    use schemas::commands::keys::{KeyParts, UpdateUserKey};
    use schemas::flags::ONLINE_CREDENTIALS;

    use super::*;
    use crate::testing::{Heard, Story, delayed, key_request};

    fn salt(heard: &Heard) -> Vec<u8> {
        heard.happens(&["get_credentials_salt"]);
        match heard.answer() {
            AnswerBody::CredentialsSalt { salt } => salt,
            other => panic!("a salt was expected: {other:?}"),
        }
    }

    #[test]
    fn a_key_has_one_salt() {
        let mut story = Story::of_online_credentials();
        let first = salt(&story.device_asks(GetCredentialsSalt {}));
        assert_eq!(first.len(), 16);
        assert_eq!(salt(&story.device_asks(GetCredentialsSalt {})), first);
        let mut key = key_request(KeyParts::Whole);
        key.flags.set(&ONLINE_CREDENTIALS, 1);
        let is_delayed = false;
        story
            .bank_asks(UpdateUserKey { key, is_delayed })
            .happens(&["update_user_key"]);
        assert_ne!(salt(&story.device_asks(GetCredentialsSalt {})), first);
        let row = VaultName::password_salt(KeyIndex(1));
        assert_eq!(story.vault.get(&row), None, "it went with its key");
    }

    #[test]
    fn a_delayed_key_gets_its_password_before_it_is_in_force() {
        let mut story = Story::of_online_credentials();
        let mut command = delayed(KeyParts::Whole);
        command.key.flags.set(&ONLINE_CREDENTIALS, 1);
        story.bank_asks(command).happens(&["update_user_key"]);
        salt(&story.device_asks(GetCredentialsSalt {}));
    }

    #[test]
    fn a_key_without_the_flag_has_no_salt() {
        let mut story = Story::of_a_user();
        story
            .device_asks(GetCredentialsSalt {})
            .is_refused(ErrorCode::RequestError);
    }

    #[test]
    fn a_salt_that_was_lost_is_not_drawn_again() {
        let mut story = Story::of_online_credentials();
        salt(&story.device_asks(GetCredentialsSalt {}));
        story
            .vault
            .rows
            .remove(&VaultName::password_salt(KeyIndex(1)));
        story
            .device_asks(GetCredentialsSalt {})
            .is_refused(ErrorCode::KeyInfoNotFound);
    }
}
