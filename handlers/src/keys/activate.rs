//! `activate_key`: the right code releases the second half of a key in two parts.
//!
//! Two steps. First the try is counted, and the log has it before anybody looks at the code; then, in a second decision on
//! the new history, the proof is looked at. A crash between the two costs the user a try, and never gives one away.

use schemas::ErrorCode;
use schemas::answers::AnswerBody;
use schemas::commands::keys::ActivateKey;
use schemas::events::keys::{ActivationAttempted, ActivationFailed, KeyActivated};
use schemas::vault::VaultName;

use super::{Activation, Rejection};
use crate::asked::Asked;
use crate::crypto::activation::{Verifier, associated};
use crate::crypto::key_material::derive;
use crate::decision::{Decision, Erasure, Next};

/// Counts a try, or looks at the one that was counted for this command.
///
/// Tries are given back by the bank alone, when it lifts the block of the user: not by a new code, and not by time. The
/// limit holds whether or not the key's flags have `online_credentials`: a second half is released online or not at all.
pub(crate) fn decide(asked: &Asked<'_>, command: &ActivateKey) -> Result<Decision, Rejection> {
    let (key, facts) = (asked.key, asked.facts);
    let reserved = match &key.activation {
        Activation::Whole | Activation::Activated => return Err(Rejection::NothingToActivate),
        Activation::Blocked => return Err(Rejection::AttemptsExhausted),
        Activation::Waiting { reserved } => reserved,
    };
    let mut own = reserved.iter().filter(|(id, _)| *id == facts.command_id);
    if key.is_expired(facts.now) {
        return Err(Rejection::ActivationTooLate);
    }
    let attempts_max = facts.settings.activation_attempts_max();
    if let Some((_, attempt)) = own.next() {
        return evaluate(asked, command, attempts_max.saturating_sub(*attempt));
    }
    if key.tries >= attempts_max {
        return Err(Rejection::AttemptsExhausted);
    }
    let attempted = ActivationAttempted {
        key_index: key.index,
        attempt: key.tries + 1,
        command_id: facts.command_id,
    };
    Ok(Decision {
        next: Next::DecideAgain,
        ..Decision::happened(vec![attempted.into()])
    })
}

fn evaluate(
    asked: &Asked<'_>,
    command: &ActivateKey,
    attempts_left: u32,
) -> Result<Decision, Rejection> {
    let (key_index, vault) = (asked.key.index, asked.facts.vault);
    let verifier = vault
        .get(&VaultName::activation_verifier(key_index))
        .and_then(Verifier::from_stored)
        .ok_or(Rejection::MaterialMissing)?;
    let second_part = vault
        .get(&VaultName::key_second_part(key_index))
        .ok_or(Rejection::MaterialMissing)?;
    if !verifier.accepts(&command.proof) {
        return Ok(wrong(asked, attempts_left));
    }
    let released = verifier.release(
        second_part,
        &derive(&asked.facts.seed, "activate/nonce"),
        &associated(asked.system_id, asked.user_id, key_index),
    );
    Ok(Decision {
        erase: code_rows(asked),
        answer: AnswerBody::KeyActivated { released },
        secret_answer: true,
        ..Decision::happened(vec![KeyActivated { key_index }.into()])
    })
}

fn wrong(asked: &Asked<'_>, attempts_left: u32) -> Decision {
    let key_index = asked.key.index;
    let failed = |result, blocked| {
        let event = ActivationFailed {
            key_index,
            result,
            blocked,
        };
        Decision {
            code: result,
            ..Decision::happened(vec![event.into()])
        }
    };
    if attempts_left > 0 {
        let answer = AnswerBody::ActivationRefused { attempts_left };
        return failed(ErrorCode::ActivationCodeIncorrect, false).answering(answer);
    }
    // The half and what the code is checked against stay: the bank may lift the block.
    failed(ErrorCode::ActivationAttemptsExceeded, true)
}

/// The rows that are about the code: what it is checked against, the code where it is kept, and the answer that may hold it.
fn code_rows(asked: &Asked<'_>) -> Vec<Erasure> {
    let key = asked.key;
    vec![
        Erasure::Row(VaultName::activation_verifier(key.index)),
        Erasure::Row(VaultName::activation_code(key.index)),
        Erasure::Row(VaultName::answer(&key.issued_by)),
    ]
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::KeyParts;
    use schemas::commands::transactions::ListTransactions;
    use schemas::{Digest, KeyIndex};

    use super::*;
    use crate::testing::{Story, key_request};

    const TWO: KeyParts = KeyParts::TwoDrawCode { digits: 10 };
    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    fn story() -> Story {
        Story::of_a_user_with(key_request(TWO))
    }

    fn guess(number: u8) -> ActivateKey {
        ActivateKey {
            proof: Digest([number; 32]),
        }
    }

    #[test]
    fn the_right_code_completes_the_key() {
        let mut story = story();
        let code = story.drawn_code();
        let proof = story.device.proof(&code);
        let activated = story.device_asks(ActivateKey { proof });
        activated.happens(&["activate_key_attempt", "activate_key"]);
        assert!(activated.decision().secret_answer);
        assert_eq!(
            activated.response_key(),
            story.device.expected_response_key()
        );
        let AnswerBody::KeyActivated { released } = activated.answer() else {
            panic!("the second half was expected");
        };
        story.device.open_released(&code, &released);
        story.device_asks(LOOK).happens(&["get_transactions"]);
        let verifier = VaultName::activation_verifier(KeyIndex(1));
        assert_eq!(
            story.vault.get(&verifier),
            None,
            "the code is of no use any more"
        );
    }

    #[test]
    fn a_wrong_code_costs_a_try_and_the_last_one_the_key() {
        let mut story = story();
        for attempts_left in (1..=4).rev() {
            let refused = story.device_asks(guess(1));
            refused.happens(&["activate_key_attempt", "activate_key_failure"]);
            assert_eq!(refused.code(), ErrorCode::ActivationCodeIncorrect);
            assert_eq!(
                refused.answer(),
                AnswerBody::ActivationRefused { attempts_left }
            );
        }
        let last = story.device_asks(guess(1));
        last.happens(&["activate_key_attempt", "activate_key_failure"]);
        assert_eq!(last.code(), ErrorCode::ActivationAttemptsExceeded);
        let code = story.drawn_code();
        let proof = story.device.proof(&code);
        story
            .device_asks(ActivateKey { proof })
            .is_refused(ErrorCode::ActivationAttemptsExceeded);
        story.device_asks(LOOK).is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn a_crash_between_the_steps_costs_a_try() {
        let mut story = story();
        story.set("ONLINE_ACTIVATION_ATTEMPTS", "2");
        let first = story.device_request(guess(1));
        story
            .receive_first_step(first.clone())
            .happens(&["activate_key_attempt"]);
        // Another request comes first and is the last try: the key is blocked before the first is delivered again.
        story
            .device_asks(guess(2))
            .happens(&["activate_key_attempt", "activate_key_failure"]);
        story
            .receive(first)
            .is_refused(ErrorCode::ActivationAttemptsExceeded);
    }

    #[test]
    fn a_redelivery_goes_on_with_the_try_it_had() {
        let mut story = story();
        let envelope = story.device_request(guess(1));
        story
            .receive_first_step(envelope.clone())
            .happens(&["activate_key_attempt"]);
        story.receive(envelope).happens(&["activate_key_failure"]);
    }

    #[test]
    fn tries_at_the_same_moment_cost_one_each_and_are_all_looked_at() {
        let mut story = story();
        let tries: Vec<_> = (1..=6)
            .map(|number| story.device_request(guess(number)))
            .collect();
        for envelope in &tries[..5] {
            story
                .receive_first_step(envelope.clone())
                .happens(&["activate_key_attempt"]);
        }
        story
            .receive(tries[5].clone())
            .is_refused(ErrorCode::ActivationAttemptsExceeded);
        for (envelope, attempts_left) in tries[..4].iter().zip((1..=4).rev()) {
            let refused = story.receive(envelope.clone());
            refused.happens(&["activate_key_failure"]);
            assert_eq!(
                refused.answer(),
                AnswerBody::ActivationRefused { attempts_left }
            );
        }
        let last = story.receive(tries[4].clone());
        assert_eq!(last.code(), ErrorCode::ActivationAttemptsExceeded);
        story.device_asks(LOOK).is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn nothing_is_activated_twice_or_needlessly() {
        let mut story = story();
        story.activate_device();
        let code = story.drawn_code();
        let proof = story.device.proof(&code);
        story
            .device_asks(ActivateKey { proof })
            .is_refused(ErrorCode::RequestError);
        let mut whole = Story::of_a_user();
        whole
            .device_asks(guess(1))
            .is_refused(ErrorCode::RequestError);
    }

    #[test]
    fn the_end_of_the_keys_life_is_too_late() {
        let mut story = story();
        story.at(story.key_valid_to());
        story
            .device_asks(guess(1))
            .is_refused(ErrorCode::ValidDateExpired);
        story.at(story.key_valid_to().plus_ms(-1));
        assert_eq!(
            story.device_asks(guess(1)).code(),
            ErrorCode::ActivationCodeIncorrect
        );
    }

    #[test]
    fn a_lower_limit_holds_at_once_and_a_higher_one_revives_nothing() {
        let mut story = story();
        story
            .device_asks(guess(1))
            .happens(&["activate_key_attempt", "activate_key_failure"]);
        story.set("ONLINE_ACTIVATION_ATTEMPTS", "1");
        story
            .device_asks(guess(1))
            .is_refused(ErrorCode::ActivationAttemptsExceeded);
        story.set("ONLINE_ACTIVATION_ATTEMPTS", "2");
        let last = story.device_asks(guess(1));
        assert_eq!(last.code(), ErrorCode::ActivationAttemptsExceeded);
        story.set("ONLINE_ACTIVATION_ATTEMPTS", "9");
        story
            .device_asks(guess(1))
            .is_refused(ErrorCode::ActivationAttemptsExceeded);
    }

    #[test]
    fn a_stranger_costs_nobody_a_try() {
        let mut story = story();
        let own = story.device.clone();
        story.device.first_part = schemas::Secret::new([0; 32]);
        for _ in 0..10 {
            story
                .device_asks(guess(1))
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        }
        story.device = own;
        let refused = story.device_asks(guess(1));
        assert_eq!(
            refused.answer(),
            AnswerBody::ActivationRefused { attempts_left: 4 }
        );
    }

    #[test]
    fn without_its_rows_a_key_is_not_activated() {
        let mut story = story();
        story
            .vault
            .rows
            .remove(&VaultName::activation_verifier(KeyIndex(1)));
        let refused = story.device_asks(guess(1));
        assert_eq!(refused.code(), ErrorCode::KeyInfoNotFound);
    }
}
