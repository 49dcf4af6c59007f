//! `renew_key_challenge`: the device wants another key, and is told what to answer to.

use schemas::Digest;
use schemas::answers::{AnswerBody, RecoveryChallenge};
use schemas::commands::recovery::Requisites;
use schemas::events::recovery::ChallengeGiven;

use super::requisites::kept;
use super::{Rejection, check_renewal, template_of_user};
use crate::asked::Asked;
use crate::decision::Decision;

/// How long a challenge may be answered, seconds. Ours: as long as a person may look for a word.
const CHALLENGE_LIFE_S: i64 = 600;

/// Draws a challenge. It counts once, for ten minutes, and makes any other worthless.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    check_renewal(asked)?;
    let template = template_of_user(asked)?;
    let attempts_max = asked.facts.settings.ext_auth_attempts_max();
    if asked.person.recovery.has_no_try_left(attempts_max) {
        return Err(Rejection::Disabled);
    }
    let salt = match kept(asked)? {
        Requisites::CodeWord { salt, .. } => Some(salt),
        Requisites::Text(_) => None,
    };
    let challenge = Digest::of(&[b"renew/challenge", &asked.facts.seed]);
    let expires_at = asked.facts.now.plus_seconds(CHALLENGE_LIFE_S);
    let given = ChallengeGiven {
        key_index: asked.key.index,
        challenge,
        expires_at,
    };
    let answer = RecoveryChallenge {
        method: template.method.word().to_owned(),
        template_id: template.id,
        challenge,
        expires_at,
        salt,
    };
    Ok(Decision::happened(vec![given.into()])
        .answering(AnswerBody::RecoveryChallenge(Box::new(answer))))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;

    use crate::testing::recovery::{challenge, right, story, wrong};

    const RENEWED: &[&str] = &["renew_key_attempt", "renew_key_response"];

    #[test]
    fn a_challenge_counts_once_and_for_ten_minutes() {
        let mut story = story();
        let replayed = wrong(&mut story);
        assert_eq!(
            story.device_asks(replayed.clone()).code(),
            ErrorCode::RemoteUpdateError
        );
        story
            .device_asks(replayed)
            .is_refused(ErrorCode::ExtAuthNeeded);
        let older = right(&mut story);
        challenge(&mut story);
        story
            .device_asks(older)
            .is_refused(ErrorCode::ExtAuthNeeded);
        let late = right(&mut story);
        story.at(story.now().plus_seconds(600));
        story.device_asks(late).is_refused(ErrorCode::ExtAuthNeeded);
        let in_time = right(&mut story);
        story.at(story.now().plus_seconds(600).plus_ms(-1));
        story.device_asks(in_time).happens(RENEWED);
    }
}
