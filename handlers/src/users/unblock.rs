//! `change_user`, as the bank lifts every block of a user.

use schemas::commands::users::UnblockUser;
use schemas::events::keys::TriesRestored;
use schemas::events::users::{UserChange, UserChanged};

use crate::asked::Asked;
use crate::decision::Decision;
use crate::reasons;

/// Lifts the bank's own block, and gives every key that was blocked by wrong tries all of its tries back. Nobody but the
/// bank can do that. A user who is not blocked stays so; a key with some tries left keeps them counted.
pub(super) fn decide(asked: &Asked<'_>, command: &UnblockUser) -> Decision {
    let reason = command.reason.as_ref();
    let (kept, digest) = reason
        .map(|words| reasons::keep(asked, None, words))
        .unzip();
    let changed = UserChanged {
        change: Some(UserChange::Unblocked),
        reason: None,
        reason_digest: digest,
    };
    let mut events = vec![changed.into()];
    let settings = asked.facts.settings;
    let keys = asked.person.keys.keys();
    // No try helps a key whose private half is known to others.
    for key in keys.filter(|key| !key.is_compromised && key.has_no_try_left(settings)) {
        let restored = TriesRestored {
            key_index: key.index,
            is_registered: key.registered.is_some(),
        };
        events.push(restored.into());
    }
    Decision {
        vault: reasons::row(asked, kept.into_iter().collect())
            .into_iter()
            .collect(),
        ..Decision::happened(events)
    }
}

#[cfg(test)]
mod tests {
    use schemas::answers::AnswerBody;
    use schemas::commands::keys::{ActivateKey, KeyParts};
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::{BlockUser, GetUserInfo};
    use schemas::{Digest, ErrorCode};

    use super::*;
    use crate::testing::{Story, delayed, key_request};

    const TWO: KeyParts = KeyParts::TwoDrawCode { digits: 6 };
    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };

    fn unblock() -> UnblockUser {
        UnblockUser {
            reason: Some("found".to_owned()),
        }
    }

    fn exhaust(story: &mut Story) {
        let proof = Digest([1; 32]);
        for _ in 0..5 {
            story
                .device_asks(ActivateKey { proof })
                .happens(&["activate_key_attempt", "activate_key_failure"]);
        }
        story.device_asks(LOOK).is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn the_bank_lifts_its_block() {
        let mut story = Story::of_a_user();
        let reason = "lost phone".to_owned();
        story
            .bank_asks(BlockUser { reason })
            .happens(&["change_user"]);
        story.device_asks(LOOK).is_refused(ErrorCode::UserIsBlocked);
        for _ in 0..2 {
            story.bank_asks(unblock()).happens(&["change_user"]);
            story.device_asks(LOOK).happens(&["get_transactions"]);
        }
        let AnswerBody::User(info) = story.bank_asks(GetUserInfo {}).answer() else {
            panic!("a user was expected");
        };
        assert_eq!((info.block_reason, &*info.key_status), (None, "issued"));
    }

    #[test]
    fn a_key_whose_tries_were_used_up_gets_them_all_back_with_the_same_code() {
        let mut story = Story::of_a_user_with(key_request(TWO));
        exhaust(&mut story);
        story
            .bank_asks(unblock())
            .happens(&["change_user", "restore_key_tries"]);
        let refused = story.device_asks(ActivateKey {
            proof: Digest([1; 32]),
        });
        let expected = AnswerBody::ActivationRefused { attempts_left: 4 };
        assert_eq!(refused.answer(), expected);
        story.activate_device();
        story.device_asks(LOOK).happens(&["get_transactions"]);
    }

    #[test]
    fn tries_that_were_counted_and_never_looked_at_come_back_too() {
        let mut story = Story::of_a_user_with(key_request(TWO));
        let proof = Digest([1; 32]);
        for _ in 0..5 {
            let guess = story.device_request(ActivateKey { proof });
            story
                .receive_first_step(guess)
                .happens(&["activate_key_attempt"]);
        }
        story
            .device_asks(ActivateKey { proof })
            .is_refused(ErrorCode::ActivationAttemptsExceeded);
        story
            .bank_asks(unblock())
            .happens(&["change_user", "restore_key_tries"]);
        story.activate_device();
    }

    #[test]
    fn a_delayed_key_is_unblocked_as_well() {
        let mut story = Story::of_a_user();
        story.bank_asks(delayed(TWO)).happens(&["update_user_key"]);
        exhaust(&mut story);
        story
            .bank_asks(unblock())
            .happens(&["change_user", "restore_key_tries"]);
        story.activate_device();
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyNotActivated);
    }

    #[test]
    fn tries_that_are_left_stay_counted() {
        let mut story = Story::of_a_user_with(key_request(TWO));
        let guess = ActivateKey {
            proof: Digest([1; 32]),
        };
        story
            .device_asks(guess.clone())
            .happens(&["activate_key_attempt", "activate_key_failure"]);
        story.bank_asks(unblock()).happens(&["change_user"]);
        let expected = AnswerBody::ActivationRefused { attempts_left: 3 };
        assert_eq!(story.device_asks(guess).answer(), expected);
    }

    #[test]
    fn only_a_user_who_is_there_is_unblocked() {
        Story::of_a_system()
            .bank_asks(unblock())
            .is_refused_silently(ErrorCode::UserNotFound);
    }
}
