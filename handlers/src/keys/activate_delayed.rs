//! `change_user`, as the bank puts the delayed key in force.

use schemas::answers::AnswerBody;
use schemas::commands::keys::ActivateDelayedKey;
use schemas::events::users::{UserChange, UserChanged};

use super::{Found, Rejection, put_in_force};
use crate::asked::Asked;
use crate::decision::Decision;

/// Puts the delayed key in force. One in two parts may still wait for its code: its device is activated afterwards.
///
/// A bank that names the key it means is told when that key was replaced meanwhile.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &ActivateDelayedKey,
) -> Result<Decision, Rejection> {
    let ring = &asked.person.keys;
    let delayed = match command.key_index.map(|key_index| ring.find(key_index)) {
        None => ring.delayed.as_ref().ok_or(Rejection::NothingDelayed)?,
        Some(Found::Delayed(delayed)) => delayed,
        Some(Found::Current(_)) => return Err(Rejection::NothingDelayed),
        Some(Found::Replaced) => return Err(Rejection::Replaced),
        Some(Found::Unknown) => return Err(Rejection::Unknown),
    };
    if delayed.is_blocked() {
        return Err(Rejection::Blocked);
    }
    if delayed.is_expired(asked.facts.now) {
        return Err(Rejection::Expired);
    }
    let changed = UserChanged {
        change: Some(UserChange::DelayedKeyActivated),
        reason: None,
        reason_digest: None,
    };
    let mut decision = Decision::happened(vec![changed.into()]);
    let is_registered = delayed.registered.is_some();
    put_in_force(
        ring,
        delayed,
        asked.facts.vault,
        is_registered,
        &mut decision,
    );
    Ok(decision.answering(AnswerBody::KeyPutInForce {
        key_index: delayed.index,
    }))
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::{ActivateKey, KeyParts};
    use schemas::commands::transactions::ListTransactions;
    use schemas::vault::VaultName;
    use schemas::{Digest, ErrorCode, KeyIndex};

    use super::*;
    use crate::testing::{Story, delayed};

    const ACTIVATE: ActivateDelayedKey = ActivateDelayedKey { key_index: None };
    const DONE: &[&str] = &["change_user", "put_key_in_force"];
    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    #[test]
    fn the_bank_puts_the_delayed_key_in_force() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        let old = story.device.clone();
        story
            .bank_asks(delayed(KeyParts::Whole))
            .happens(&["update_user_key"]);
        let new = std::mem::replace(&mut story.device, old.clone());
        story.device_asks(LOOK).happens(&["get_transactions"]);
        let heard = story.bank_asks(ACTIVATE);
        heard.happens(DONE);
        let key_index = KeyIndex(2);
        assert_eq!(heard.answer(), AnswerBody::KeyPutInForce { key_index });
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyIndexObsoleted);
        assert_eq!(
            story.vault.get(&VaultName::key_first_part(KeyIndex(1))),
            None
        );
        assert_eq!(story.vault.get(&VaultName::push_address()), None);
        story.device = new;
        story.register_device();
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
    }

    #[test]
    fn a_key_in_two_parts_may_wait_for_its_code_in_force() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(delayed(KeyParts::TwoDrawCode { digits: 6 }))
            .happens(&["update_user_key"]);
        story.bank_asks(ACTIVATE).happens(DONE);
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyNotActivated);
        story.activate_device();
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn without_a_delayed_key_there_is_nothing_to_activate() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(ACTIVATE)
            .is_refused(ErrorCode::KeyInfoNotFound);
        story
            .bank_asks(delayed(KeyParts::Whole))
            .happens(&["update_user_key"]);
        story.bank_asks(ACTIVATE).happens(DONE);
        story
            .bank_asks(ACTIVATE)
            .is_refused(ErrorCode::KeyInfoNotFound);
    }

    #[test]
    fn a_bank_that_names_another_key_is_told_what_became_of_it() {
        let mut story = Story::of_a_user();
        for _ in 0..2 {
            story
                .bank_asks(delayed(KeyParts::Whole))
                .happens(&["update_user_key"]);
        }
        for (number, code) in [
            (0, ErrorCode::KeyIndexObsoleted),
            (1, ErrorCode::KeyInfoNotFound),
            (2, ErrorCode::KeyIndexObsoleted),
            (4, ErrorCode::KeyIndexWrong),
        ] {
            let key_index = Some(KeyIndex(number));
            story
                .bank_asks(ActivateDelayedKey { key_index })
                .is_refused(code);
        }
        let key_index = Some(KeyIndex(3));
        story
            .bank_asks(ActivateDelayedKey { key_index })
            .happens(DONE);
    }

    #[test]
    fn a_blocked_or_expired_key_is_not_put_in_force() {
        let mut story = Story::of_a_user();
        story.set("ONLINE_ACTIVATION_ATTEMPTS", "1");
        story
            .bank_asks(delayed(KeyParts::TwoDrawCode { digits: 6 }))
            .happens(&["update_user_key"]);
        let proof = Digest([1; 32]);
        let wrong = story.device_asks(ActivateKey { proof });
        assert_eq!(wrong.code(), ErrorCode::ActivationAttemptsExceeded);
        story
            .bank_asks(ACTIVATE)
            .is_refused(ErrorCode::UserIsBlocked);
        story
            .bank_asks(delayed(KeyParts::Whole))
            .happens(&["update_user_key"]);
        story.at(story.key_valid_to());
        story.bank_asks(ACTIVATE).is_refused(ErrorCode::KeyExpired);
    }
}
