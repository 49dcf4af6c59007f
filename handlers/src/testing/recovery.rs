//! A user who can recover the key.

use schemas::answers::{AnswerBody, RecoveryChallenge};
use schemas::commands::keys::KeyParts;
use schemas::commands::recovery::{
    ChallengeRenewal, Requisites, RespondToChallenge, Response, SetRecoveryTemplate,
};
use schemas::flags::{Flag, REMOTE_UPDATE_ENABLED};
use schemas::{Digest, Secret};

use super::{Story, key_request};
use crate::crypto::recovery::{proof, template_digest};

pub(crate) const VERIFIER: [u8; 32] = [5; 32];
pub(crate) const TEMPLATES: &str = r#"{"templates":[
    {"id":"word","title":"A word","type":"code_word"},
    {"id":"bank","title":"The bank","type":"http","url":"https://bank.example/check"},
    {"id":"palm","title":"A palm","type":"palm"}]}"#;

pub(crate) fn code_word() -> Requisites {
    Requisites::CodeWord {
        salt: vec![9; 16],
        verifier: Secret::new(VERIFIER),
    }
}

pub(crate) fn text() -> Requisites {
    Requisites::Text(Secret::new("+7 900 000-00-00"))
}

/// What the device's user signs to set this up.
pub(crate) fn set_up(
    story: &Story,
    template_id: &str,
    requisites: Requisites,
) -> SetRecoveryTemplate {
    let holder = (&story.system_id, &story.user_id, story.device.key_index);
    let digest = template_digest(holder, template_id, &requisites);
    SetRecoveryTemplate {
        template_id: template_id.to_owned(),
        requisites,
        signature: story.device.sign(&digest),
    }
}

/// A user whose key can be recovered, but for this flag.
pub(crate) fn user_with(flag: &Flag, value: u32) -> Story {
    let mut request = key_request(KeyParts::Whole);
    request.flags.set(&REMOTE_UPDATE_ENABLED, 1);
    request.flags.set(flag, value);
    let mut story = Story::of_a_user_with(request);
    story.set("EXT_AUTH_SETTINGS", TEMPLATES);
    story
}

pub(crate) fn story_without_template() -> Story {
    let mut story = user_with(&REMOTE_UPDATE_ENABLED, 1);
    story.register_device();
    story
}

pub(crate) fn story_of(template_id: &str, requisites: Requisites) -> Story {
    let mut story = story_without_template();
    let command = set_up(&story, template_id, requisites);
    story
        .device_asks(command)
        .happens(&["remote_update_set_template"]);
    story
}

pub(crate) fn story() -> Story {
    story_of("word", code_word())
}

pub(crate) fn challenge(story: &mut Story) -> RecoveryChallenge {
    let heard = story.device_asks(ChallengeRenewal {});
    heard.happens(&["renew_key_challenge"]);
    match heard.answer() {
        AnswerBody::RecoveryChallenge(challenge) => *challenge,
        other => panic!("a challenge was expected: {other:?}"),
    }
}

pub(crate) fn right(story: &mut Story) -> RespondToChallenge {
    let challenge = challenge(story).challenge;
    let holder = (&story.system_id, &story.user_id, story.device.key_index);
    RespondToChallenge {
        challenge,
        response: Response::Proof(Digest(proof(&VERIFIER, holder, &challenge))),
    }
}

pub(crate) fn wrong(story: &mut Story) -> RespondToChallenge {
    RespondToChallenge {
        challenge: challenge(story).challenge,
        response: Response::Proof(Digest([0; 32])),
    }
}

pub(crate) fn spoken(story: &mut Story) -> RespondToChallenge {
    RespondToChallenge {
        challenge: challenge(story).challenge,
        response: Response::Text(Secret::new("492817")),
    }
}
