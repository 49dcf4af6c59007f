//! `remote_update_set_template`: the user sets up an additional authentication.

use schemas::commands::recovery::{Requisites, SetRecoveryTemplate};
use schemas::events::recovery::TemplateSet;
use schemas::settings::ExtAuthMethod;
use schemas::vault::VaultName;
use schemas::{Secret, SystemId, UserId};

use super::{Rejection, check_renewal, template};
use crate::asked::Asked;
use crate::crypto::recovery::{SALT_BYTES, VERIFIER_BYTES, template_digest};
use crate::decision::Decision;
use crate::facts::SignatureCheck;
use crate::keys::Key;

/// Keeps what was set up, in place of what was before. The registered pair has to sign it: whoever holds nothing but the key
/// could set up an authentication that only he passes, and get a key of his own by it.
///
/// What was set up is kept like an activation code: not the word, but what follows from it, in the vault.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &SetRecoveryTemplate,
) -> Result<Decision, Rejection> {
    check_renewal(asked)?;
    let template = template(asked, &command.template_id)?;
    match (&template.method, &command.requisites) {
        (ExtAuthMethod::CodeWord, Requisites::CodeWord { salt, verifier })
            if salt.len() == SALT_BYTES && verifier.expose().len() == VERIFIER_BYTES => {}
        (ExtAuthMethod::Http(_), Requisites::Text(_)) => {}
        _ => return Err(Rejection::RequestWrong),
    }
    if asked.key.registered.is_none() {
        return Err(Rejection::NotRegistered);
    }
    let question = question(asked.key, (asked.system_id, asked.user_id), command);
    if !question.is_some_and(|question| asked.is_signed(&question)) {
        return Err(Rejection::SignatureWrong);
    }
    let set = TemplateSet {
        key_index: asked.key.index,
        template_id: command.template_id.clone(),
        method: command.requisites.word().to_owned(),
    };
    let kept = rmp_serde::to_vec_named(&command.requisites)
        .expect("requisites hold nothing MessagePack cannot");
    Ok(Decision {
        vault: vec![(VaultName::recovery_requisites(), Secret::new(kept))],
        ..Decision::happened(vec![set.into()])
    })
}

/// The question whether the registered pair signed it; `None` when no pair is registered.
pub(crate) fn question(
    key: &Key,
    (system_id, user_id): (&SystemId, &UserId),
    command: &SetRecoveryTemplate,
) -> Option<SignatureCheck> {
    let holder = (system_id, user_id, key.index);
    Some(SignatureCheck {
        public_key: key.registered.as_ref()?.public_key.clone(),
        digest: template_digest(holder, &command.template_id, &command.requisites),
        signature: command.signature.clone(),
    })
}

#[cfg(test)]
mod tests {
    use schemas::commands::recovery::ChallengeRenewal;
    use schemas::flags::{DENY_RENEW_PUBLIC_KEY, REMOTE_UPDATE_ENABLED};
    use schemas::{Digest, ErrorCode};

    use super::*;
    use crate::testing::Device;
    use crate::testing::recovery::{
        VERIFIER, code_word, set_up, story_without_template, text, user_with,
    };

    #[test]
    fn only_the_registered_pair_sets_anything_up() {
        let mut story = story_without_template();
        let right = set_up(&story, "word", code_word());
        let other = Device::stranger(&story.system_id, &story.user_id);
        let mut by_other = right.clone();
        by_other.signature = other.sign(&Digest([1; 32]));
        let mut moved = right.clone();
        moved.template_id = "bank".to_owned();
        moved.requisites = text();
        for command in [by_other, moved] {
            story
                .device_asks(command)
                .is_refused(ErrorCode::SignatureIsInvalid);
        }
        let mut unregistered = user_with(&REMOTE_UPDATE_ENABLED, 1);
        let command = set_up(&unregistered, "word", code_word());
        unregistered
            .device_asks(command)
            .is_refused(ErrorCode::PubkeyIsEmpty);
        story
            .device_asks(right)
            .happens(&["remote_update_set_template"]);
    }

    #[test]
    fn what_is_not_offered_or_does_not_fit_is_not_set_up() {
        let mut story = story_without_template();
        let short = Requisites::CodeWord {
            salt: vec![9; 15],
            verifier: Secret::new(VERIFIER),
        };
        for (template_id, requisites, code) in [
            ("none", code_word(), ErrorCode::ExtAuthTemplateNotFound),
            ("palm", text(), ErrorCode::ExtAuthTypeNotSupported),
            ("word", text(), ErrorCode::RequestError),
            ("bank", code_word(), ErrorCode::RequestError),
            ("word", short, ErrorCode::RequestError),
        ] {
            let command = set_up(&story, template_id, requisites);
            story.device_asks(command).is_refused(code);
        }
        story
            .device_asks(ChallengeRenewal {})
            .is_refused(ErrorCode::ExtAuthTemplateNotFound);
    }

    #[test]
    fn a_key_that_denies_another_public_key_brings_none_this_way_either() {
        let mut story = user_with(&DENY_RENEW_PUBLIC_KEY, 1);
        story.register_device();
        let command = set_up(&story, "word", code_word());
        story
            .device_asks(command)
            .is_refused(ErrorCode::PubkeyIsNotEmpty);
        story
            .device_asks(ChallengeRenewal {})
            .is_refused(ErrorCode::PubkeyIsNotEmpty);
    }
}
