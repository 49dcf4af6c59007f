//! `register_public_key`: a device brings its public key, and where pushes reach it.

use schemas::commands::keys::{PushAddress, RegisterPublicKey};
use schemas::events::keys::{PublicKeyRegistered, PushRegistered};
use schemas::flags::DENY_RENEW_PUBLIC_KEY;
use schemas::vault::VaultName;
use schemas::{Secret, SystemId, UserId};

use super::{Key, Rejection};
use crate::asked::Asked;
use crate::crypto::public_key::{is_well_formed, renewal_digest};
use crate::decision::Decision;
use crate::facts::SignatureCheck;

/// Registers the first public key of a key, the same one again, or another that the one before has signed.
///
/// Source: reference manual, "denyRenewPublicKey": with that flag, the first public key is the only one.
pub(crate) fn decide(
    asked: &Asked<'_>,
    command: &RegisterPublicKey,
) -> Result<Decision, Rejection> {
    let key = &asked.person.key;
    if !is_well_formed(&command.public_key) {
        return Err(Rejection::PublicKeyMalformed);
    }
    if is_another(key, command) {
        if key.flags.has(&DENY_RENEW_PUBLIC_KEY) {
            return Err(Rejection::RenewalForbidden);
        }
        let question = question(key, asked.system_id, asked.user_id, command)
            .ok_or(Rejection::RenewalUnsigned)?;
        if !asked.is_signed(&question) {
            return Err(Rejection::RenewalSignatureWrong);
        }
    }
    let event = PublicKeyRegistered {
        key_index: key.index,
        public_key: command.public_key.clone(),
        push: command.push.as_ref().map(registered),
        callback_url: asked.system.callback_url(),
    };
    Ok(Decision {
        vault: command.push.iter().map(push_row).collect(),
        ..Decision::happened(vec![event.into()])
    })
}

/// The question whether the registered public key has signed the new one; `None` when there is nothing to ask.
pub(crate) fn question(
    key: &Key,
    system_id: &SystemId,
    user_id: &UserId,
    command: &RegisterPublicKey,
) -> Option<SignatureCheck> {
    if !is_another(key, command) || key.flags.has(&DENY_RENEW_PUBLIC_KEY) {
        return None;
    }
    Some(SignatureCheck {
        public_key: key.registered.as_ref()?.public_key.clone(),
        digest: renewal_digest(system_id, user_id, key.index, &command.public_key),
        signature: command.public_key_signature.clone()?,
    })
}

/// Is a public key registered, and this is not it?
fn is_another(key: &Key, command: &RegisterPublicKey) -> bool {
    let registered = key.registered.as_ref();
    registered.is_some_and(|registered| registered.public_key != command.public_key)
}

/// What the event says of a push address: not the token.
fn registered(push: &PushAddress) -> PushRegistered {
    PushRegistered {
        device_type: push.device_type,
        app_id: push.app_id.clone(),
    }
}

fn push_row(push: &PushAddress) -> (VaultName, Secret) {
    let bytes =
        rmp_serde::to_vec_named(push).expect("a push address holds nothing MessagePack cannot");
    (VaultName::push_address(), Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::keys::KeyParts;
    use schemas::events::Event;
    use schemas::events::keys::KeyEvent;

    use super::*;
    use crate::facts::Verified;
    use crate::testing::{Story, key_request, push_address};

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
