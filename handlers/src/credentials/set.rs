//! `set_credentials`: the first password of a key, or another.

use schemas::answers::AnswerBody;
use schemas::commands::credentials::SetCredentials;
use schemas::events::credentials::PasswordSet;
use schemas::vault::VaultName;

use super::Rejection;
use super::state::Standing;
use super::tries::{Looked, look};
use crate::asked::Asked;
use crate::crypto::key_material::derive;
use crate::crypto::password;
use crate::decision::Decision;

/// The command's word.
const WORD: &str = "set_credentials";

/// Keeps what a later proof is compared with, and closes the access key under the new password. The first password comes
/// with a new access key; another one keeps it, so that a device can close its file under both before it asks.
///
/// Another password needs the one before, and a wrong one is a try like any other.
pub(super) fn decide(asked: &Asked<'_>, command: &SetCredentials) -> Result<Decision, Rejection> {
    let (key, facts) = (asked.key, asked.facts);
    let associated = password::associated(asked.system_id, asked.user_id, key.index);
    let (access_key, is_change) = match (key.password.standing, &command.old_proof) {
        (Standing::Nothing, _) => return Err(Rejection::NotInitialized),
        (Standing::Salted, None) => (derive(&facts.seed, "credentials/access-key"), false),
        (Standing::Salted, Some(_)) => return Err(Rejection::NotSet),
        (Standing::Set, None) => return Err(Rejection::OldPasswordMissing),
        (Standing::Set, Some(old_proof)) => {
            match look(asked, old_proof, WORD)? {
                Looked::Counted(decision) | Looked::Wrong(decision) => return Ok(*decision),
                Looked::Right => {}
            }
            let closed = facts.vault.get(&VaultName::access_key(key.index));
            let opened = closed.and_then(|closed| password::open(closed, old_proof, &associated));
            (opened.ok_or(Rejection::MaterialMissing)?, true)
        }
    };
    let nonce_seed = derive(&facts.seed, "credentials/nonce");
    let closed = password::close(&access_key, &command.proof, &nonce_seed, &associated);
    let event = PasswordSet {
        key_index: key.index,
        is_change,
    };
    Ok(Decision {
        vault: vec![
            (
                VaultName::password_verifier(key.index),
                password::verifier(&command.proof),
            ),
            (VaultName::access_key(key.index), closed.clone()),
        ],
        answer: AnswerBody::AccessKey { closed },
        secret_answer: true,
        ..Decision::happened(vec![event.into()])
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::credentials::{GetCredentials, GetCredentialsSalt};
    use schemas::commands::keys::KeyParts;
    use schemas::{ErrorCode, KeyIndex, Secret};

    use super::*;
    use crate::testing::{Story, key_request};

    fn set(new: u8, old: Option<u8>) -> SetCredentials {
        SetCredentials {
            proof: Secret::new([new; 32]),
            old_proof: old.map(|old| Secret::new([old; 32])),
        }
    }

    #[test]
    fn the_first_password_comes_with_an_access_key() {
        let mut story = Story::of_online_credentials();
        story
            .device_asks(set(1, None))
            .is_refused(ErrorCode::CredentialsNotInitialized);
        story
            .device_asks(GetCredentialsSalt {})
            .happens(&["get_credentials_salt"]);
        story
            .device_asks(set(1, Some(2)))
            .is_refused(ErrorCode::PasswordNotSet);
        let heard = story.device_asks(set(1, None));
        heard.happens(&["set_credentials"]);
        assert!(heard.decision().secret_answer);
        assert_eq!(heard.response_key(), story.device.expected_response_key());
        let access_key = story.device.open_access_key(&heard, 1);
        assert_eq!(access_key.expose().len(), 32);
        let kept = VaultName::password_verifier(KeyIndex(1));
        assert_ne!(
            story.vault.get(&kept),
            Some(&[1; 32][..]),
            "never the proof"
        );
    }

    #[test]
    fn another_password_needs_the_one_before_and_keeps_the_access_key() {
        let mut story = Story::of_a_password(1);
        let first = story.access_key.clone();
        story
            .device_asks(set(2, None))
            .is_refused(ErrorCode::PinIsEmpty);
        let heard = story.device_asks(set(2, Some(1)));
        heard.happens(&["password_attempt", "set_credentials"]);
        assert_eq!(Some(story.device.open_access_key(&heard, 2)), first);
        let proof = Secret::new([1; 32]);
        let old = story.device_asks(GetCredentials { proof });
        assert_eq!(old.code(), ErrorCode::PasswordIncorrect);
    }

    #[test]
    fn a_wrong_password_before_is_a_try() {
        let mut story = Story::of_a_password(1);
        for attempts_left in (1..=9).rev() {
            let heard = story.device_asks(set(2, Some(7)));
            heard.happens(&["password_attempt", "set_credentials", "password_failure"]);
            assert_eq!(heard.code(), ErrorCode::PasswordIncorrect);
            assert_eq!(
                heard.answer(),
                AnswerBody::PasswordRefused { attempts_left }
            );
        }
        let last = story.device_asks(set(2, Some(7)));
        assert_eq!(last.code(), ErrorCode::PasswordAttemptsExceeded);
        story
            .device_asks(set(2, Some(1)))
            .is_refused(ErrorCode::PasswordAttemptsExceeded);
    }

    #[test]
    fn without_its_rows_or_its_flag_there_is_no_password() {
        let mut story = Story::of_a_password(1);
        story.vault.rows.remove(&VaultName::access_key(KeyIndex(1)));
        let heard = story.device_asks(set(2, Some(1)));
        assert_eq!(heard.code(), ErrorCode::KeyInfoNotFound);
        let mut story = Story::of_a_user_with(key_request(KeyParts::Whole));
        story
            .device_asks(set(1, None))
            .is_refused(ErrorCode::RequestError);
    }
}
