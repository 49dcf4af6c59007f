//! `renew_key_response`: the right answer to a challenge brings another key.
//!
//! First the try is counted and the challenge used up, and the log has it before anybody looks at the answer. Then the house
//! compares what follows from the code word, or asks the service outside.

use schemas::answers::AnswerBody;
use schemas::commands::recovery::{Requisites, RespondToChallenge, Response};
use schemas::events::recovery::{KeyRenewed, ResponseTried};
use schemas::events::users::{UserChange, UserChanged};
use schemas::events::{Event, Refused};
use schemas::outside::{ExtAuthQuestion, OutsideAnswer, OutsideQuestion};
use schemas::settings::{ExtAuthMethod, ExtAuthTemplate};
use schemas::{ErrorCode, Secret};

use super::requisites::kept;
use super::state::WORD;
use super::{Rejection, check_renewal, template_of_user};
use crate::asked::{Asked, By};
use crate::crypto::key_material::derive;
use crate::crypto::recovery::{accepts, close};
use crate::decision::{Decision, Next};
use crate::keys;

/// Why a user is blocked whose tries were used up. It stands in the user's record.
const BLOCK_REASON: &str = "REMOTE_UPDATE_ERROR_BLOCK";

/// Counts a try, or looks at the one that was counted for this command.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &RespondToChallenge,
) -> Result<Decision, Rejection> {
    check_renewal(asked)?;
    let template = template_of_user(asked)?;
    let requisites = kept(asked)?;
    let (recovery, facts) = (&asked.person.recovery, asked.facts);
    let Some(attempt) = recovery.attempt_of(&facts.command_id) else {
        check_kind(&template, &requisites, &command.response)?;
        if recovery.has_no_try_left(facts.settings.ext_auth_attempts_max()) {
            return Err(Rejection::Disabled);
        }
        if !recovery.is_open(&command.challenge, facts.now) {
            return Err(Rejection::NotChallenged);
        }
        let tried = ResponseTried {
            key_index: asked.key.index,
            attempt: recovery.next_attempt(),
            challenge: command.challenge,
            command_id: facts.command_id,
        };
        let next = match question(asked, &template, &requisites, command) {
            Some(question) => Next::Ask(Box::new(question)),
            None => Next::DecideAgain,
        };
        return Ok(Decision {
            next,
            ..Decision::happened(vec![tried.into()])
        });
    };
    let accepted = match (&requisites, &command.response) {
        (Requisites::CodeWord { verifier, .. }, Response::Proof(proof)) => {
            let holder = (asked.system_id, asked.user_id, asked.key.index);
            accepts(verifier.expose(), holder, &command.challenge, proof)
        }
        (Requisites::Text(_), Response::Text(_)) => {
            let question = question(asked, &template, &requisites, command);
            let question = question.ok_or(Rejection::RequestWrong)?;
            match facts.outside.answer(&question) {
                Some(OutsideAnswer::Authenticated { accepted }) => *accepted,
                Some(OutsideAnswer::Scored(_) | OutsideAnswer::Unavailable) => {
                    return Err(Rejection::Unavailable);
                }
                None => {
                    return Ok(Decision {
                        next: Next::Ask(Box::new(question)),
                        ..Decision::happened(Vec::new())
                    });
                }
            }
        }
        // Another template was set up meanwhile.
        (Requisites::CodeWord { .. }, Response::Text(_))
        | (Requisites::Text(_), Response::Proof(_)) => false,
    };
    if accepted {
        renewed(asked, command, template, &requisites)
    } else {
        Ok(refused(asked, attempt))
    }
}

fn check_kind(
    template: &ExtAuthTemplate,
    requisites: &Requisites,
    response: &Response,
) -> Result<(), Rejection> {
    match (&template.method, requisites, response) {
        (ExtAuthMethod::CodeWord, Requisites::CodeWord { .. }, Response::Proof(_))
        | (ExtAuthMethod::Http(_), Requisites::Text(_), Response::Text(_)) => Ok(()),
        _ => Err(Rejection::RequestWrong),
    }
}

/// What the outside is asked; `None` where the house itself knows.
fn question(
    asked: &Asked<'_>,
    template: &ExtAuthTemplate,
    requisites: &Requisites,
    command: &RespondToChallenge,
) -> Option<OutsideQuestion> {
    let (Requisites::Text(requisites), Response::Text(response)) = (requisites, &command.response)
    else {
        return None;
    };
    Some(OutsideQuestion::ExtAuth(ExtAuthQuestion {
        system_id: asked.system_id.clone(),
        user_id: asked.user_id.clone(),
        template_id: template.id.clone(),
        requisites: requisites.clone(),
        challenge: command.challenge,
        response: response.clone(),
    }))
}

/// Another key in place of the one the device holds. It travels closed for whoever holds the old key and knows what was shown:
/// the code word, or else the challenge.
fn renewed(
    asked: &Asked<'_>,
    command: &RespondToChallenge,
    template: ExtAuthTemplate,
    requisites: &Requisites,
) -> Result<Decision, Rejection> {
    let By::Device(Some(old)) = asked.by else {
        return Err(Rejection::MaterialMissing);
    };
    let next = keys::next_of_same_kind(asked)?;
    let shown = match requisites {
        Requisites::CodeWord { verifier, .. } => verifier.clone(),
        Requisites::Text(_) => Secret::new(command.challenge.0),
    };
    let key_index = next.issued.key_index;
    let released = close(
        &next.answer.first_part,
        old,
        shown.expose(),
        &derive(&asked.facts.seed, "renew/nonce"),
        (asked.system_id, asked.user_id, key_index),
    );
    let answer = AnswerBody::KeyRenewed {
        key_index,
        flags: next.issued.flags,
        valid_to: next.issued.valid_to,
        released,
    };
    let ring = &asked.person.keys;
    let event = KeyRenewed {
        key: next.issued,
        replaced: ring.current.index,
        replaced_delayed: ring.delayed.as_ref().map(|delayed| delayed.index),
        template_id: template.id,
        callback_url: asked.system.callback_url(),
    };
    Ok(Decision {
        vault: next.rows,
        erase: next.erase,
        answer,
        secret_answer: true,
        ..Decision::happened(vec![event.into()])
    })
}

/// A wrong answer. After the last one the user is blocked, and the method is switched off until the user sets it up again.
fn refused(asked: &Asked<'_>, attempt: u32) -> Decision {
    let attempts_max = asked.facts.settings.ext_auth_attempts_max();
    let refused = Event::Refused(Refused {
        word: WORD,
        transaction_id: None,
        operation_id: None,
    });
    let attempts_left = attempts_max.saturating_sub(attempt);
    if attempts_left > 0 {
        return Decision {
            code: ErrorCode::RemoteUpdateError,
            ..Decision::happened(vec![refused])
                .answering(AnswerBody::RenewalRefused { attempts_left })
        };
    }
    let blocked = UserChanged {
        change: Some(UserChange::Blocked),
        reason: Some(BLOCK_REASON.to_owned()),
        reason_digest: None,
    };
    Decision {
        code: ErrorCode::RemoteUpdateErrorBlock,
        ..Decision::happened(vec![refused, blocked.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::KeyIndex;
    use schemas::commands::keys::{KeyParts, RegisterPublicKey};
    use schemas::commands::recovery::{ChallengeRenewal, GetRecoveryTemplates};
    use schemas::commands::transactions::ListTransactions;
    use schemas::commands::users::{GetUserInfo, UnblockUser};
    use schemas::events::recovery::RecoveryEvent;

    use super::*;
    use crate::testing::delayed;
    use crate::testing::recovery::{
        VERIFIER, code_word, right, set_up, spoken, story, story_of, text, wrong,
    };

    const LOOK: ListTransactions = ListTransactions {
        statuses: Vec::new(),
    };
    const RENEWED: &[&str] = &["renew_key_attempt", "renew_key_response"];

    #[test]
    fn the_code_word_brings_another_key_and_ends_the_one_before() {
        let mut story = story();
        let command = right(&mut story);
        let old = story.device.clone();
        let heard = story.device_asks(command);
        heard.happens(RENEWED);
        assert!(heard.decision().secret_answer);
        let Event::Recovery(RecoveryEvent::Renewed(event)) = &heard.decision().events[0] else {
            panic!("a renewal was expected");
        };
        assert_eq!(
            (event.replaced, event.key.key_index),
            (KeyIndex(1), KeyIndex(2))
        );
        assert_eq!(
            event.callback_url.as_deref(),
            Some("https://bank.example/callback")
        );
        let AnswerBody::KeyRenewed { released, .. } = heard.answer() else {
            panic!("a key was expected");
        };
        story
            .device_asks(LOOK)
            .is_refused(ErrorCode::KeyIndexObsoleted);
        story.device = old.renewed(KeyIndex(2), &VERIFIER, &released);
        story.device_asks(LOOK).happens(&["get_transactions"]);
        story.register_device();
        // What was set up stays, and the next key is recovered with it, too.
        let command = right(&mut story);
        story.device_asks(command).happens(RENEWED);
    }

    #[test]
    fn a_wrong_word_costs_a_try_and_the_last_one_blocks_the_user() {
        let mut story = story();
        for attempts_left in (1..=4).rev() {
            let command = wrong(&mut story);
            let heard = story.device_asks(command);
            assert_eq!(heard.code(), ErrorCode::RemoteUpdateError);
            heard.happens(RENEWED);
            assert_eq!(heard.answer(), AnswerBody::RenewalRefused { attempts_left });
        }
        let command = wrong(&mut story);
        let heard = story.device_asks(command);
        assert_eq!(heard.code(), ErrorCode::RemoteUpdateErrorBlock);
        heard.happens(&["renew_key_attempt", "renew_key_response", "change_user"]);
        story.device_asks(LOOK).is_refused(ErrorCode::UserIsBlocked);
        let AnswerBody::User(info) = story.bank_asks(GetUserInfo {}).answer() else {
            panic!("a user was expected");
        };
        assert_eq!(
            info.block_reason.as_deref(),
            Some("REMOTE_UPDATE_ERROR_BLOCK")
        );
        // The bank lifts the block; the method stays off until the user sets it up again.
        story
            .bank_asks(UnblockUser { reason: None })
            .happens(&["change_user"]);
        story.device_asks(LOOK).happens(&["get_transactions"]);
        story
            .device_asks(ChallengeRenewal {})
            .is_refused(ErrorCode::RemoteUpdateDisabled);
        let command = set_up(&story, "word", code_word());
        story
            .device_asks(command)
            .happens(&["remote_update_set_template"]);
        let command = right(&mut story);
        story.device_asks(command).happens(RENEWED);
    }

    #[test]
    fn a_right_word_gives_the_tries_back() {
        let mut story = story();
        let old = story.device.clone();
        for _ in 0..4 {
            let command = wrong(&mut story);
            assert_eq!(
                story.device_asks(command).code(),
                ErrorCode::RemoteUpdateError
            );
        }
        let command = right(&mut story);
        let heard = story.device_asks(command);
        let AnswerBody::KeyRenewed { released, .. } = heard.answer() else {
            panic!("a key was expected");
        };
        story.device = old.renewed(KeyIndex(2), &VERIFIER, &released);
        let command = wrong(&mut story);
        assert_eq!(
            story.device_asks(command).answer(),
            AnswerBody::RenewalRefused { attempts_left: 4 }
        );
    }

    #[test]
    fn a_crash_between_the_steps_costs_a_try_and_gives_none_away() {
        let mut story = story();
        story.set("EXT_AUTH_FAIL_LIMIT", "2");
        for _ in 0..2 {
            let command = wrong(&mut story);
            let envelope = story.device_request(command);
            story
                .receive_first_step(envelope)
                .happens(&["renew_key_attempt"]);
        }
        story
            .device_asks(ChallengeRenewal {})
            .is_refused(ErrorCode::RemoteUpdateDisabled);
    }

    #[test]
    fn a_service_of_the_banks_may_say_whether_it_is_the_user() {
        let mut story = story_of("bank", text());
        story.outside = OutsideAnswer::Authenticated { accepted: true };
        let command = spoken(&mut story);
        story.device_asks(command.clone()).happens(RENEWED);
        let [OutsideQuestion::ExtAuth(question)] = &story.asked_outside[..] else {
            panic!("one question was expected");
        };
        assert_eq!(question.challenge, command.challenge);
        assert_eq!(question.response, Secret::new("492817"));

        let mut story = story_of("bank", text());
        story.outside = OutsideAnswer::Authenticated { accepted: false };
        let command = spoken(&mut story);
        let heard = story.device_asks(command);
        assert_eq!(heard.code(), ErrorCode::RemoteUpdateError);
        assert_eq!(
            heard.answer(),
            AnswerBody::RenewalRefused { attempts_left: 4 }
        );
    }

    #[test]
    fn a_service_that_is_silent_costs_nobody_a_try_and_brings_nobody_a_key() {
        let mut story = story_of("bank", text());
        for _ in 0..10 {
            let command = spoken(&mut story);
            story
                .device_asks(command)
                .is_refused(ErrorCode::ExtAuthFailed);
        }
        story.outside = OutsideAnswer::Authenticated { accepted: false };
        let command = spoken(&mut story);
        assert_eq!(
            story.device_asks(command).answer(),
            AnswerBody::RenewalRefused { attempts_left: 4 }
        );
    }

    #[test]
    fn a_redelivery_goes_on_with_the_try_it_had() {
        let mut story = story_of("bank", text());
        story.outside = OutsideAnswer::Authenticated { accepted: true };
        let command = spoken(&mut story);
        let envelope = story.device_request(command);
        story
            .receive_first_step(envelope.clone())
            .happens(&["renew_key_attempt"]);
        story.receive(envelope).happens(&["renew_key_response"]);
    }

    #[test]
    fn a_stranger_neither_tries_nor_makes_the_house_call_anybody() {
        let mut story = story_of("bank", text());
        let command = spoken(&mut story);
        let own = story.device.clone();
        story.device.first_part = Secret::new([0; 32]);
        for _ in 0..10 {
            story
                .device_asks(command.clone())
                .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        }
        assert!(story.asked_outside.is_empty());
        story.device = own;
        story.outside = OutsideAnswer::Authenticated { accepted: true };
        story.device_asks(command).happens(RENEWED);
    }

    #[test]
    fn an_answer_of_the_other_kind_is_an_error_in_the_request() {
        let mut story = story();
        let command = spoken(&mut story);
        story
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
        let mut story = story_of("bank", text());
        let command = wrong(&mut story);
        story
            .device_asks(command)
            .is_refused(ErrorCode::RequestError);
    }

    #[test]
    fn a_key_whose_life_is_over_can_be_recovered_and_nothing_else() {
        let mut story = story();
        story.at(story.key_valid_to());
        story.device_asks(LOOK).is_refused(ErrorCode::KeyExpired);
        story
            .device_asks(GetRecoveryTemplates {})
            .is_refused(ErrorCode::KeyExpired);
        let command = right(&mut story);
        story.device_asks(command).happens(RENEWED);
    }

    #[test]
    fn a_delayed_key_ends_with_the_key_in_force() {
        let mut story = story();
        let own = story.device.clone();
        let old: RegisterPublicKey = own.registration();
        story
            .bank_asks(delayed(KeyParts::Whole))
            .happens(&["update_user_key"]);
        let waiting = std::mem::replace(&mut story.device, own);
        let command = right(&mut story);
        let heard = story.device_asks(command);
        let Event::Recovery(RecoveryEvent::Renewed(event)) = &heard.decision().events[0] else {
            panic!("a renewal was expected");
        };
        assert_eq!(event.replaced_delayed, Some(KeyIndex(2)));
        assert_eq!(event.key.key_index, KeyIndex(3));
        story.device = waiting;
        story
            .device_asks(old)
            .is_refused(ErrorCode::KeyIndexObsoleted);
    }
}
