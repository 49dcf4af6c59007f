//! `get_user_info`: a user's record.

use schemas::answers::{AnswerBody, UserInfo};
use schemas::commands::keys::PushAddress;
use schemas::vault::VaultName;

use super::{Block, Person, Rejection};
use crate::asked::{Asked, looked};
use crate::decision::Decision;
use crate::reasons;

/// Answers with the user's record; the name and the push address come from the vault.
pub(crate) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    let info = record(asked)?;
    let event = looked("get_user_info", None);
    Ok(Decision::happened(vec![event]).answering(AnswerBody::User(Box::new(info))))
}

/// The vault rows that belong to a user's record.
pub(crate) fn record_rows(person: &Person) -> Vec<VaultName> {
    let mut rows = vec![VaultName::user_name(), VaultName::push_address()];
    if let Some(Block::Kept(cause, _)) = &person.block {
        rows.push(VaultName::reasons(cause));
    }
    rows
}

/// Why the bank has blocked the user; no words when the reason was erased, or is not the one that was given.
fn block_reason(asked: &Asked<'_>) -> Option<String> {
    Some(match asked.person.block.as_ref()? {
        Block::Said(reason) => reason.clone(),
        Block::Kept(cause, digest) => {
            reasons::read(asked, &VaultName::reasons(cause), digest).unwrap_or_default()
        }
    })
}

/// The user's record.
pub(crate) fn record(asked: &Asked<'_>) -> Result<UserInfo, Rejection> {
    let person = asked.person;
    let key = &person.keys.current;
    let registration = key.registered.as_ref();
    let name = asked.facts.vault.get(&VaultName::user_name());
    Ok(UserInfo {
        user_id: asked.user_id.clone(),
        user_name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        created_at: person.created_at,
        key_index: key.index,
        key_flags: key.flags,
        key_valid_to: key.valid_to,
        key_status: if person.is_blocked() {
            "blocked".to_owned()
        } else {
            key.status().to_owned()
        },
        delayed_key_index: person.keys.delayed.as_ref().map(|key| key.index),
        block_reason: block_reason(asked),
        autosign_public_key: registration
            .and_then(|registration| registration.autosign_public_key.clone()),
        public_key: registration.map(|registration| registration.public_key.clone()),
        // A token without a registration under this key belongs to the device of a replaced one.
        push: match registration.and_then(|registration| registration.push.as_ref()) {
            Some(_) => push_address(asked)?,
            None => None,
        },
        device_fingerprint: key.fingerprint,
    })
}

fn push_address(asked: &Asked<'_>) -> Result<Option<PushAddress>, Rejection> {
    let (vault, name) = (asked.facts.vault, VaultName::push_address());
    if vault.is_altered(&name) {
        return Err(Rejection::PushAddressUnreadable);
    }
    let row = vault.get(&name);
    row.map(rmp_serde::from_slice)
        .transpose()
        .map_err(|_| Rejection::PushAddressUnreadable)
}

#[cfg(test)]
mod tests {
    use schemas::commands::users::GetUserInfo;
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{Story, push_address};

    fn info(story: &mut Story) -> UserInfo {
        match story.bank_asks(GetUserInfo {}).answer() {
            AnswerBody::User(info) => *info,
            other => panic!("a user was expected: {other:?}"),
        }
    }

    #[test]
    fn a_user_is_described_before_and_after_registering() {
        let mut story = Story::of_a_user();
        let before = info(&mut story);
        assert_eq!((before.key_status.as_str(), before.push), ("issued", None));
        assert_eq!(before.user_name.as_deref(), Some("Иван Иванов"));
        story.register_device();
        let after = info(&mut story);
        assert_eq!(after.key_status, "active");
        assert_eq!(after.push, Some(push_address()));
        assert_eq!(after.public_key, Some(story.device.public_key()));
    }

    #[test]
    fn a_push_address_that_does_not_read_is_not_guessed() {
        let mut story = Story::of_a_registered_device();
        story
            .vault
            .rows
            .insert(VaultName::push_address(), Secret::new([0xc1]));
        story
            .bank_asks(GetUserInfo {})
            .is_refused(ErrorCode::PushNotFound);
    }
}
