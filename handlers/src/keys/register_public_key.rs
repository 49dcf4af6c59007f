//! `register_public_key`: a device brings its public key, and where pushes reach it.

use schemas::commands::keys::{KeptPushAddress, KeptTelegramChat, PushAddress, RegisterPublicKey};
use schemas::events::keys::{PublicKeyRegistered, PushRegistered};
use schemas::flags::{AUTOSIGN_ENABLED, DENY_RENEW_PUBLIC_KEY, TELEGRAM_ENABLED};
use schemas::vault::VaultName;
use schemas::{Secret, SystemId, Timestamp, UserId};

use super::{Key, Rejection, put_in_force};
use crate::asked::Asked;
use crate::crypto::public_key::{Purpose, is_well_formed, renewal_digest};
use crate::decision::Decision;
use crate::facts::SignatureCheck;

/// Registers the first public key of a key, the same one again, or another that the one before has signed. With the delayed
/// key, this puts it in force.
///
/// Source: reference manual, "denyRenewPublicKey": with that flag, the first public key is the only one. What holds for the
/// pair that signs for the user holds for the pair of automatic confirmations by itself.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &RegisterPublicKey,
) -> Result<Decision, Rejection> {
    let key = asked.key;
    if !is_well_formed(&command.public_key) {
        return Err(Rejection::PublicKeyMalformed);
    }
    let ids = (asked.system_id, asked.user_id);
    check_autosign(asked, command)?;
    check_renewal(asked, &Renewal::of_the_user(key, command), ids)?;
    check_renewal(asked, &Renewal::of_autosign(key, command), ids)?;
    let (push, chat) = (command.push.as_ref(), command.telegram_chat_id.as_ref());
    if chat.is_some() && !key.flags.has(&TELEGRAM_ENABLED) {
        return Err(Rejection::TelegramForbidden);
    }
    let push_row = push.map(|push| push_row(push, asked.facts.now)).into_iter();
    let chat_row = chat.map(|chat| chat_row(chat, push));
    let event = PublicKeyRegistered {
        key_index: key.index,
        public_key: command.public_key.clone(),
        autosign_public_key: command.autosign_public_key.clone(),
        push: command.push.as_ref().map(registered),
        callback_url: asked.system.callback_url(),
    };
    let mut decision = Decision {
        vault: push_row.chain(chat_row).collect(),
        ..Decision::happened(vec![event.into()])
    };
    if let Some(delayed) = asked.delayed() {
        let ring = &asked.person.keys;
        put_in_force(ring, delayed, asked.facts.vault, true, &mut decision);
    }
    Ok(decision)
}

/// The question whether a registered public key has signed the new one; `None` when there is nothing to ask. Where both
/// pairs change at once, the other question is answered in the decision itself.
pub(crate) fn question(
    key: &Key,
    system_id: &SystemId,
    user_id: &UserId,
    command: &RegisterPublicKey,
) -> Option<SignatureCheck> {
    let ids = (system_id, user_id);
    let of_the_user = Renewal::of_the_user(key, command).question(ids);
    of_the_user.or_else(|| Renewal::of_autosign(key, command).question(ids))
}

/// A pair for automatic confirmations is one of its own, and only for keys that confirm automatically.
fn check_autosign(asked: &Asked<'_>, command: &RegisterPublicKey) -> Result<(), Rejection> {
    let Some(public_key) = &command.autosign_public_key else {
        return Ok(());
    };
    if !asked.key.flags.has(&AUTOSIGN_ENABLED) {
        return Err(Rejection::AutosignForbidden);
    }
    if !is_well_formed(public_key) {
        return Err(Rejection::PublicKeyMalformed);
    }
    if *public_key == command.public_key {
        return Err(Rejection::AutosignSamePair);
    }
    Ok(())
}

fn check_renewal(
    asked: &Asked<'_>,
    renewal: &Renewal<'_>,
    ids: (&SystemId, &UserId),
) -> Result<(), Rejection> {
    if !renewal.is_another() {
        return Ok(());
    }
    if renewal.is_denied() {
        return Err(Rejection::RenewalForbidden);
    }
    let question = renewal.question(ids);
    let question = question.ok_or(match renewal.purpose {
        Purpose::User => Rejection::RenewalUnsigned,
        Purpose::Autosign => Rejection::AutosignRenewalUnsigned,
    })?;
    if asked.is_signed(&question) {
        return Ok(());
    }
    Err(match renewal.purpose {
        Purpose::User => Rejection::RenewalSignatureWrong,
        Purpose::Autosign => Rejection::AutosignRenewalSignatureWrong,
    })
}

/// A public key that may take the place of another.
struct Renewal<'a> {
    key: &'a Key,
    purpose: Purpose,
    old: Option<&'a Vec<u8>>,
    new: Option<&'a Vec<u8>>,
    signature: Option<&'a Vec<u8>>,
}

impl<'a> Renewal<'a> {
    fn of_the_user(key: &'a Key, command: &'a RegisterPublicKey) -> Self {
        Self {
            key,
            purpose: Purpose::User,
            old: key.registered.as_ref().map(|old| &old.public_key),
            new: Some(&command.public_key),
            signature: command.public_key_signature.as_ref(),
        }
    }

    fn of_autosign(key: &'a Key, command: &'a RegisterPublicKey) -> Self {
        let old = key.registered.as_ref();
        Self {
            key,
            purpose: Purpose::Autosign,
            old: old.and_then(|old| old.autosign_public_key.as_ref()),
            new: command.autosign_public_key.as_ref(),
            signature: command.autosign_public_key_signature.as_ref(),
        }
    }

    /// Is a public key registered, and this is not it?
    fn is_another(&self) -> bool {
        matches!((self.old, self.new), (Some(old), Some(new)) if old != new)
    }

    fn is_denied(&self) -> bool {
        self.key.flags.has(&DENY_RENEW_PUBLIC_KEY)
    }

    fn question(&self, (system_id, user_id): (&SystemId, &UserId)) -> Option<SignatureCheck> {
        if !self.is_another() || self.is_denied() {
            return None;
        }
        let new = self.new?;
        Some(SignatureCheck {
            public_key: self.old?.clone(),
            digest: renewal_digest(self.purpose, system_id, user_id, self.key.index, new),
            signature: self.signature?.clone(),
        })
    }
}

/// What the event says of a push address: not the token.
fn registered(push: &PushAddress) -> PushRegistered {
    PushRegistered {
        device_type: push.device_type,
        app_id: push.app_id.clone(),
    }
}

fn push_row(push: &PushAddress, now: Timestamp) -> (VaultName, Secret) {
    let kept = KeptPushAddress {
        device_push_id: push.device_push_id.clone(),
        device_type: push.device_type,
        app_id: push.app_id.clone(),
        registered_at: Some(now),
    };
    let bytes =
        rmp_serde::to_vec_named(&kept).expect("a push address holds nothing MessagePack cannot");
    (VaultName::push_address(), Secret::new(bytes))
}

fn chat_row(chat: &Secret, push: Option<&PushAddress>) -> (VaultName, Secret) {
    let kept = KeptTelegramChat {
        chat_id: chat.clone(),
        app_id: push.and_then(|push| push.app_id.clone()),
    };
    let bytes = rmp_serde::to_vec_named(&kept).expect("a chat holds nothing MessagePack cannot");
    (VaultName::telegram_chat(), Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::AnswerBody;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::users::GetUserInfo;
    use schemas::events::Event;
    use schemas::events::keys::KeyEvent;

    use super::*;
    use crate::facts::Verified;
    use crate::testing::{Device, Story, key_request, push_address};

    #[test]
    fn the_first_public_key_of_a_key_is_taken() {
        let mut story = Story::of_a_user();
        let command = story.device.registration();
        let registered = story.device_asks(command);
        registered.happens(&["register_public_key"]);
        let [Event::Keys(KeyEvent::PublicKeyRegistered(event))] = &registered.decision().events[..]
        else {
            panic!("a registration was expected");
        };
        assert_eq!(
            event.callback_url.as_deref(),
            Some("https://bank.example/callback")
        );
        let row = story.vault.get(&VaultName::push_address()).unwrap();
        assert_eq!(
            rmp_serde::from_slice::<PushAddress>(row).unwrap(),
            push_address()
        );
    }

    #[test]
    fn the_same_public_key_comes_again_without_ado() {
        for deny in [0, 1] {
            let mut request = key_request(KeyParts::Whole);
            request.flags.set(&DENY_RENEW_PUBLIC_KEY, deny);
            let mut story = Story::of_a_user_with(request);
            story.register_device();
            let mut again = story.device.registration();
            again.push = None;
            story.device_asks(again).happens(&["register_public_key"]);
            assert!(
                story.vault.get(&VaultName::push_address()).is_some(),
                "the token stays"
            );
        }
    }

    #[test]
    fn another_public_key_needs_the_signature_of_the_one_before() {
        let mut story = Story::of_a_registered_device();
        let mut unsigned = story.device.renewal();
        unsigned.public_key_signature = None;
        story
            .device_asks(unsigned)
            .is_refused(ErrorCode::PubkeySignatureIsEmpty);
        for bad in [vec![], vec![0x30, 0x00], vec![0; 70]] {
            let mut wrong = story.device.renewal();
            wrong.public_key_signature = Some(bad);
            story
                .device_asks(wrong)
                .is_refused(ErrorCode::SignatureIsInvalid);
        }
        let renewal = story.device.renewal();
        story.device_asks(renewal).happens(&["register_public_key"]);
    }

    #[test]
    fn a_renewal_is_bound_to_its_user_and_key() {
        let mut story = Story::of_a_registered_device();
        let mut elsewhere = story.device.clone();
        elsewhere.user_id = "sample-2".parse().unwrap();
        story
            .device_asks(elsewhere.renewal())
            .is_refused(ErrorCode::SignatureIsInvalid);
        let mut elsewhere = story.device.clone();
        elsewhere.key_index = schemas::KeyIndex(2);
        story
            .device_asks(elsewhere.renewal())
            .is_refused(ErrorCode::SignatureIsInvalid);
    }

    #[test]
    fn the_flag_makes_the_first_public_key_the_only_one() {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&DENY_RENEW_PUBLIC_KEY, 1);
        let mut story = Story::of_a_user_with(request);
        story.register_device();
        let renewal = story.device.renewal();
        story
            .device_asks(renewal)
            .is_refused(ErrorCode::PubkeyIsNotEmpty);
    }

    fn story_of_autosign(deny: u32) -> Story {
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&AUTOSIGN_ENABLED, 1);
        request.flags.set(&DENY_RENEW_PUBLIC_KEY, deny);
        Story::of_a_user_with(request)
    }

    /// A registration of the device's own pair, with a pair for automatic confirmations beside it.
    fn with_autosign(story: &Story, pair: &Device) -> RegisterPublicKey {
        RegisterPublicKey {
            autosign_public_key: Some(pair.public_key()),
            ..story.device.registration()
        }
    }

    #[test]
    fn a_pair_for_automatic_confirmations_comes_beside_the_other() {
        let mut story = story_of_autosign(0);
        let pair = Device::stranger(&story.system_id, &story.user_id);
        let command = with_autosign(&story, &pair);
        story.device_asks(command).happens(&["register_public_key"]);
        let without = story.device.registration();
        story.device_asks(without).happens(&["register_public_key"]);
        let AnswerBody::User(info) = story.bank_asks(GetUserInfo {}).answer() else {
            panic!("a user was expected");
        };
        assert_eq!(info.autosign_public_key, Some(pair.public_key()));
    }

    #[test]
    fn it_is_renewed_by_its_own_signature_and_no_other() {
        let mut story = story_of_autosign(0);
        let old = Device::stranger(&story.system_id, &story.user_id);
        let new = Device::stranger(&story.system_id, &story.user_id);
        let command = with_autosign(&story, &old);
        story.device_asks(command).happens(&["register_public_key"]);
        let mut renewal = with_autosign(&story, &new);
        story
            .device_asks(renewal.clone())
            .is_refused(ErrorCode::AutosignPubkeySignatureIsEmpty);
        for (signer, purpose) in [
            (&story.device.clone(), Purpose::Autosign),
            (&old, Purpose::User),
        ] {
            let digest = old.renewal_digest(purpose, &new.public_key());
            renewal.autosign_public_key_signature = Some(signer.sign(&digest));
            story
                .device_asks(renewal.clone())
                .is_refused(ErrorCode::AutosingSignatureIsInvalid);
        }
        let digest = old.renewal_digest(Purpose::Autosign, &new.public_key());
        renewal.autosign_public_key_signature = Some(old.sign(&digest));
        story.device_asks(renewal).happens(&["register_public_key"]);
    }

    #[test]
    fn a_pair_for_automatic_confirmations_needs_the_flag_and_is_another_one() {
        let mut story = Story::of_a_user();
        let pair = Device::stranger(&story.system_id, &story.user_id);
        let command = with_autosign(&story, &pair);
        story
            .device_asks(command)
            .is_refused(ErrorCode::AutosignNotAllowed);
        let mut story = story_of_autosign(0);
        let command = with_autosign(&story, &story.device.clone());
        story
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
        let mut command = with_autosign(&story, &pair);
        command.autosign_public_key = Some(vec![0; 91]);
        story
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
    }

    #[test]
    fn the_flag_against_renewal_counts_for_both_pairs() {
        let mut story = story_of_autosign(1);
        let old = Device::stranger(&story.system_id, &story.user_id);
        let new = Device::stranger(&story.system_id, &story.user_id);
        let command = with_autosign(&story, &old);
        story.device_asks(command).happens(&["register_public_key"]);
        let mut renewal = with_autosign(&story, &new);
        let digest = old.renewal_digest(Purpose::Autosign, &new.public_key());
        renewal.autosign_public_key_signature = Some(old.sign(&digest));
        story
            .device_asks(renewal)
            .is_refused(ErrorCode::PubkeyIsNotEmpty);
    }

    #[test]
    fn a_chat_is_kept_for_keys_that_permit_it() {
        let mut story = Story::of_a_user();
        let mut command = story.device.registration();
        command.telegram_chat_id = Some(Secret::new("4711"));
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::RequestError);
        assert_eq!(story.vault.get(&VaultName::telegram_chat()), None);
        let mut request = key_request(KeyParts::Whole);
        request.flags.set(&TELEGRAM_ENABLED, 1);
        let mut story = Story::of_a_user_with(request);
        let mut command = story.device.registration();
        command.telegram_chat_id = Some(Secret::new("4711"));
        story.device_asks(command).happens(&["register_public_key"]);
        let row = story.vault.get(&VaultName::telegram_chat()).unwrap();
        let kept: KeptTelegramChat = rmp_serde::from_slice(row).unwrap();
        assert_eq!(kept.chat_id.expose(), b"4711");
    }

    #[test]
    fn a_malformed_public_key_is_an_error_in_the_request() {
        let mut story = Story::of_a_user();
        let mut command = story.device.registration();
        command.public_key[90] ^= 1;
        story
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
    }

    #[test]
    fn an_answer_to_another_question_is_not_believed() {
        let mut story = Story::of_a_registered_device();
        let mut wrong = story.device.renewal();
        wrong.public_key_signature = Some(vec![0x30, 0x00]);
        let envelope = story.device_request(wrong);
        let mut check = crate::precheck(&story.state, &envelope).remove(0);
        check.signature = vec![0x30, 0x01];
        story.verified_beside = Some(Verified { check, valid: true });
        story
            .receive(envelope)
            .is_refused(ErrorCode::SignatureIsInvalid);
    }
}
