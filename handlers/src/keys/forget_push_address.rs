//! `forget_push_address`: a push service knows the token of a device no more.

use schemas::commands::keys::{ForgetPushAddress, KeptPushAddress};
use schemas::events::keys::PushAddressForgotten;
use schemas::vault::VaultName;

use crate::decision::{Decision, Erasure};
use crate::facts::Facts;
use crate::users::Person;

/// Forgets the token, if it is still the one that is kept, and was brought before the push service stopped to know it.
/// Otherwise the device was faster, and nothing happens.
pub(crate) fn decide(
    person: Option<&Person>,
    command: &ForgetPushAddress,
    facts: &Facts<'_>,
) -> Decision {
    let key = person.map(|person| &person.keys.current);
    let registration = key.and_then(|key| Some((key, key.registered.as_ref()?.push.as_ref()?)));
    let row = facts.vault.get(&VaultName::push_address());
    let kept = row.and_then(|row| rmp_serde::from_slice::<KeptPushAddress>(row).ok());
    let (Some((key, _)), Some(kept)) = (registration, kept) else {
        return Decision::happened(Vec::new());
    };
    let is_another = kept.device_push_id.as_bytes() != command.token.expose();
    let is_newer = match (kept.registered_at, command.gone_since) {
        (Some(registered_at), Some(gone_since)) => registered_at >= gone_since,
        _ => false,
    };
    if is_another || is_newer {
        return Decision::happened(Vec::new());
    }
    let event = PushAddressForgotten {
        key_index: key.index,
    };
    Decision {
        erase: vec![Erasure::Row(VaultName::push_address())],
        ..Decision::happened(vec![event.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::users::{DeleteUser, GetUserInfo};
    use schemas::{ErrorCode, Secret, Timestamp};

    use super::*;
    use crate::testing::{NOW, Story};

    fn forget(token: &str, gone_since: Option<Timestamp>) -> ForgetPushAddress {
        ForgetPushAddress {
            token: Secret::new(token),
            gone_since,
        }
    }

    #[test]
    fn a_token_that_is_gone_is_forgotten_once() {
        for gone_since in [None, Some(NOW.plus_ms(1))] {
            let mut story = Story::of_a_registered_device();
            let command = forget("token", gone_since);
            story
                .house_asks(command.clone())
                .happens(&["forget_push_address"]);
            assert!(story.vault.get(&VaultName::push_address()).is_none());
            story.house_asks(command).happens(&[]);
            story.bank_asks(GetUserInfo {}).happens(&["get_user_info"]);
        }
    }

    #[test]
    fn a_token_that_the_device_brought_since_stays() {
        for command in [forget("another", None), forget("token", Some(NOW))] {
            let mut story = Story::of_a_registered_device();
            story.house_asks(command).happens(&[]);
            assert!(story.vault.get(&VaultName::push_address()).is_some());
        }
    }

    #[test]
    fn there_is_nothing_to_forget_of_nobody() {
        let mut story = Story::of_a_user();
        story.house_asks(forget("token", None)).happens(&[]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story.house_asks(forget("token", None)).happens(&[]);
    }

    #[test]
    fn only_the_house_knows_the_word() {
        let mut story = Story::of_a_registered_device();
        story
            .bank_asks(forget("token", None))
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(forget("token", None))
            .is_refused(ErrorCode::RequestError);
    }
}
