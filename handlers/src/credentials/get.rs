//! `get_credentials`: the right password releases the access key.

use schemas::Secret;
use schemas::answers::AnswerBody;
use schemas::commands::credentials::GetCredentials;
use schemas::events::credentials::AccessReleased;
use schemas::vault::VaultName;

use super::Rejection;
use super::state::Standing;
use super::tries::{Looked, look};
use crate::asked::Asked;
use crate::decision::Decision;

/// The command's word.
const WORD: &str = "get_credentials";

/// Counts a try, looks at it, and answers the right one with the access key, closed as it lies in the vault.
pub(super) fn decide(asked: &Asked<'_>, command: &GetCredentials) -> Result<Decision, Rejection> {
    match asked.key.password.standing {
        Standing::Nothing => return Err(Rejection::NotInitialized),
        Standing::Salted => return Err(Rejection::NotSet),
        Standing::Set => {}
    }
    match look(asked, &command.proof, WORD)? {
        Looked::Counted(decision) | Looked::Wrong(decision) => return Ok(*decision),
        Looked::Right => {}
    }
    let key_index = asked.key.index;
    let closed = asked.facts.vault.get(&VaultName::access_key(key_index));
    let closed = Secret::new(closed.ok_or(Rejection::MaterialMissing)?);
    Ok(Decision {
        answer: AnswerBody::AccessKey { closed },
        secret_answer: true,
        ..Decision::happened(vec![AccessReleased { key_index }.into()])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::commands::credentials::GetCredentialsSalt;
    use schemas::commands::keys::{ExportUserKey, KeyCarrier, KeyParts, UpdateUserKey};
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::UnblockUser;
    use schemas::events::Event;
    use schemas::events::credentials::CredentialsEvent;
    use schemas::{ErrorCode, KeyIndex};

    use super::*;
    use crate::testing::{Story, key_request};

    const RIGHT: &[&str] = &["password_attempt", "get_credentials"];
    const WRONG: &[&str] = &["password_attempt", "get_credentials", "password_failure"];
    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    fn get(proof: u8) -> GetCredentials {
        GetCredentials {
            proof: Secret::new([proof; 32]),
        }
    }

    #[test]
    fn the_right_password_releases_the_access_key() {
        let mut story = Story::of_a_password(1);
        let heard = story.device_asks(get(1));
        heard.happens(RIGHT);
        assert!(heard.decision().secret_answer);
        assert_eq!(heard.response_key(), story.device.expected_response_key());
        let access_key = story.device.open_access_key(&heard, 1);
        assert_eq!(Some(access_key), story.access_key);
    }

    #[test]
    fn before_there_is_a_password_there_is_nothing_to_release() {
        let mut story = Story::of_online_credentials();
        story
            .device_asks(get(1))
            .is_refused(ErrorCode::CredentialsNotInitialized);
        story
            .device_asks(GetCredentialsSalt {})
            .happens(&["get_credentials_salt"]);
        story
            .device_asks(get(1))
            .is_refused(ErrorCode::PasswordNotSet);
        Story::of_a_user()
            .device_asks(get(1))
            .is_refused(ErrorCode::RequestError);
    }

    #[test]
    fn a_wrong_password_costs_a_try_and_the_last_one_the_key() {
        let mut story = Story::of_a_password(1);
        story.set("ONLINE_PASSWORD_ATTEMPTS", "3");
        for attempts_left in [2, 1] {
            let heard = story.device_asks(get(9));
            heard.happens(WRONG);
            assert_eq!(heard.code(), ErrorCode::PasswordIncorrect);
            assert_eq!(
                heard.answer(),
                AnswerBody::PasswordRefused { attempts_left }
            );
        }
        let last = story.device_asks(get(9));
        last.happens(WRONG);
        assert_eq!(last.code(), ErrorCode::PasswordAttemptsExceeded);
        story
            .device_asks(get(1))
            .is_refused(ErrorCode::PasswordAttemptsExceeded);
        story.device_asks(LOOK).is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn a_right_password_starts_the_count_anew() {
        let mut story = Story::of_a_password(1);
        story.set("ONLINE_PASSWORD_ATTEMPTS", "2");
        for _ in 0..5 {
            story.device_asks(get(9)).happens(WRONG);
            story.device_asks(get(1)).happens(RIGHT);
        }
    }

    #[test]
    fn tries_at_the_same_moment_are_all_counted_before_one_is_looked_at() {
        let mut story = Story::of_a_password(1);
        story.set("ONLINE_PASSWORD_ATTEMPTS", "4");
        let tries: Vec<_> = (0..5).map(|_| story.device_request(get(9))).collect();
        for envelope in &tries[..4] {
            story
                .receive_first_step(envelope.clone())
                .happens(&["password_attempt"]);
        }
        story
            .receive(tries[4].clone())
            .is_refused(ErrorCode::PasswordAttemptsExceeded);
        for envelope in &tries[..3] {
            let heard = story.receive(envelope.clone());
            heard.happens(&["get_credentials", "password_failure"]);
            assert_eq!(
                heard.answer(),
                AnswerBody::PasswordRefused { attempts_left: 0 }
            );
        }
        let last = story.receive(tries[3].clone());
        assert_eq!(last.code(), ErrorCode::PasswordAttemptsExceeded);
    }

    #[test]
    fn a_try_that_a_right_one_overtook_is_counted_anew() {
        let mut story = Story::of_a_password(1);
        let overtaken = story.device_request(get(9));
        story
            .receive_first_step(overtaken.clone())
            .happens(&["password_attempt"]);
        story.device_asks(get(1)).happens(RIGHT);
        story.receive(overtaken).happens(WRONG);
    }

    #[test]
    fn the_bank_gives_tries_back_and_a_new_key_has_its_own() {
        let mut story = Story::of_a_password(1);
        story.set("ONLINE_PASSWORD_ATTEMPTS", "1");
        story.device_asks(get(9)).happens(WRONG);
        story
            .bank_asks(UnblockUser { reason: None })
            .happens(&["change_user", "restore_key_tries"]);
        story.device_asks(get(1)).happens(RIGHT);
        story.device_asks(get(9)).happens(WRONG);
        let key = key_request(KeyParts::Whole);
        let is_delayed = false;
        story
            .bank_asks(UpdateUserKey { key, is_delayed })
            .happens(&["update_user_key"]);
        story.device_asks(LOOK).happens(&["get_transactions"]);
        for name in [
            VaultName::password_verifier(KeyIndex(1)),
            VaultName::access_key(KeyIndex(1)),
        ] {
            assert_eq!(story.vault.get(&name), None, "{}", name.as_str());
        }
    }

    #[test]
    fn a_key_that_is_handed_out_anew_has_no_password() {
        let mut story = Story::of_a_password(1);
        let export = ExportUserKey {
            parts: KeyParts::Whole,
            app_extra: None,
            carrier: KeyCarrier::Text,
        };
        story.bank_asks(export).happens(&["export_user_key"]);
        story
            .device_asks(get(1))
            .is_refused(ErrorCode::CredentialsNotInitialized);
    }

    #[test]
    fn the_key_outside_the_password_opens_nothing_else() {
        let mut story = Story::of_a_password(1);
        story.device.is_locked = true;
        story.device_asks(get(1)).happens(RIGHT);
        for _ in 0..2 {
            story
                .device_asks(LOOK)
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
            story
                .device_asks(GetCredentialsSalt {})
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        }
        story.device.is_locked = false;
        let old = story.device.clone();
        let key = key_request(KeyParts::Whole);
        let is_delayed = false;
        story
            .bank_asks(UpdateUserKey { key, is_delayed })
            .happens(&["update_user_key"]);
        story.device = old;
        for is_locked in [true, false] {
            story.device.is_locked = is_locked;
            story
                .device_asks(get(1))
                .is_refused(ErrorCode::KeyIndexObsoleted);
        }
    }

    #[test]
    fn a_stranger_costs_nobody_a_try() {
        let mut story = Story::of_a_password(1);
        let own = story.device.clone();
        story.device.first_part = Secret::new([0; 32]);
        for _ in 0..20 {
            story
                .device_asks(get(9))
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        }
        story.device = own;
        story.device_asks(get(1)).happens(RIGHT);
    }

    proptest! {
        #[test]
        fn no_more_wrong_passwords_than_the_limit_are_looked_at_in_a_row(
            attempts_max in 1_u32..6,
            tries in prop::collection::vec((any::<bool>(), any::<bool>()), 1..30),
        ) {
            let mut story = Story::of_a_password(1);
            story.set("ONLINE_PASSWORD_ATTEMPTS", &attempts_max.to_string());
            for (is_right, crashes) in tries {
                let envelope = story.device_request(get(if is_right { 1 } else { 9 }));
                if crashes {
                    story.receive_first_step(envelope);
                } else {
                    story.receive(envelope);
                }
            }
            let mut in_a_row = 0;
            for recorded in &story.history {
                match &recorded.event {
                    Event::Credentials(CredentialsEvent::PasswordFailed(_)) => in_a_row += 1,
                    Event::Credentials(CredentialsEvent::AccessReleased(_)) => in_a_row = 0,
                    _ => {}
                }
                prop_assert!(in_a_row <= attempts_max);
            }
        }
    }
}
