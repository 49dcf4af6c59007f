//! Recovering a key: what devices do, and what the rules say they hear.

use schemas::answers::AnswerBody;
use schemas::commands::recovery::{
    ChallengeRenewal, GetRecoveryRequisites, GetRecoveryTemplates, RespondToChallenge, Response,
};
use schemas::outside::OutsideAnswer;
use schemas::{Digest, ErrorCode, Secret};

use super::key::{Key, Pair};
use super::rules::{Asking, Heard, User};
use super::{House, Phone};
use crate::crypto::recovery::proof;
use crate::testing::recovery::{TEMPLATES, VERIFIER, code_word, set_up, text};

pub(super) const RECOVERY_TRIES: u32 = 2;
const CHALLENGE_LIFE_MS: i64 = 600_000;

/// How far a user's recovery got.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    template: Option<&'static str>,
    tries: u32,
    exhausted: bool,
    challenge: Option<(Digest, i64)>,
}

impl User {
    fn may_recover(&self) -> Heard {
        if self.current.renewable {
            Ok(())
        } else {
            Err(ErrorCode::RemoteUpdateDisabled)
        }
    }

    fn may_have_another(&self) -> Heard {
        if self.current.deny && self.current.pair.is_some() {
            Err(ErrorCode::PubkeyIsNotEmpty)
        } else {
            Ok(())
        }
    }

    fn offers(&self, template: &str) -> Heard {
        if !self.recovery_is_set || template == "none" {
            Err(ErrorCode::ExtAuthTemplateNotFound)
        } else if template == "palm" {
            Err(ErrorCode::ExtAuthTypeNotSupported)
        } else {
            Ok(())
        }
    }

    fn set_template(&mut self, template: &'static str, fits: bool, is_signed: bool) -> Heard {
        self.may_recover()?;
        self.may_have_another()?;
        self.offers(template)?;
        if !fits {
            return Err(ErrorCode::RequestError);
        }
        match self.current.pair {
            None => return Err(ErrorCode::PubkeyIsEmpty),
            Some(Pair::Own) if is_signed => {}
            Some(Pair::Own | Pair::Strange) => return Err(ErrorCode::SignatureIsInvalid),
        }
        self.recovery = Recovery {
            template: Some(template),
            ..Recovery::default()
        };
        Ok(())
    }

    fn set_up(&self) -> Result<&'static str, ErrorCode> {
        if self.recovery.exhausted {
            return Err(ErrorCode::RemoteUpdateDisabled);
        }
        let template = self.recovery.template;
        template.ok_or(ErrorCode::ExtAuthTemplateNotFound)
    }

    fn may_try(&self) -> Heard {
        self.may_recover()?;
        self.may_have_another()?;
        self.set_up()?;
        if self.recovery.tries >= RECOVERY_TRIES {
            return Err(ErrorCode::RemoteUpdateDisabled);
        }
        Ok(())
    }

    /// `None` is the silence of the service outside.
    fn respond(&mut self, challenge: Digest, is_right: Option<bool>) -> Heard {
        self.may_try()?;
        match self.recovery.challenge {
            Some((open, until)) if open == challenge && self.now < until => {}
            _ => return Err(ErrorCode::ExtAuthNeeded),
        }
        self.recovery.challenge = None;
        let is_right = is_right.ok_or(ErrorCode::ExtAuthFailed)?;
        self.recovery.tries += 1;
        if is_right {
            self.newest += 1;
            let next = Key::like(&self.current, self.newest, self.now);
            (self.current, self.delayed) = (next, None);
            self.recovery.tries = 0;
            return Ok(());
        }
        if self.recovery.tries < RECOVERY_TRIES {
            return Err(ErrorCode::RemoteUpdateError);
        }
        (self.recovery.exhausted, self.blocked) = (true, true);
        Err(ErrorCode::RemoteUpdateErrorBlock)
    }
}

impl House {
    /// The operator offers ways of additional authentication.
    pub(super) fn offer_recovery(&mut self) {
        self.story.set("EXT_AUTH_SETTINGS", TEMPLATES);
        self.user.recovery_is_set = true;
    }

    pub(super) fn device_and_recovery(&mut self) {
        let number = self.a_phone();
        match self.chance.below(8) {
            0 => {
                let heard = self.admitted(number, Asking::Anything, |user| {
                    user.may_recover()?;
                    user.offers("word")
                });
                self.device(number, GetRecoveryTemplates {}, heard);
            }
            1 | 2 => self.set_template(number),
            3 => {
                let heard = self.admitted(number, Asking::Anything, |user| {
                    user.may_recover()?;
                    user.set_up().map(drop)
                });
                self.device(number, GetRecoveryRequisites {}, heard);
            }
            4 | 5 => self.challenge(number),
            _ => self.respond(number),
        }
    }

    fn set_template(&mut self, number: u32) {
        let template = self
            .chance
            .one_of(&["word", "word", "bank", "palm", "none"]);
        let fits = !self.chance.once_in(8);
        let is_signed = !self.chance.once_in(8);
        let takes_word = template == "word";
        let requisites = if takes_word == fits {
            code_word()
        } else {
            text()
        };
        self.story.device = self.phones[&number].device.clone();
        let mut command = set_up(&self.story, template, requisites);
        if !is_signed {
            command.signature = self.strange.sign(&Digest([7; 32]));
        }
        let heard = self.admitted(number, Asking::Anything, |user| {
            user.set_template(template, fits, is_signed)
        });
        self.device(number, command, heard);
    }

    fn challenge(&mut self, number: u32) {
        let heard = self.admitted(number, Asking::Recovery, |user| user.may_try());
        if !self.device(number, ChallengeRenewal {}, heard) {
            return;
        }
        let Some(AnswerBody::RecoveryChallenge(challenge)) = self.answered.take() else {
            panic!("a challenge was expected")
        };
        let until = self.user.now + CHALLENGE_LIFE_MS;
        self.user.recovery.challenge = Some((challenge.challenge, until));
    }

    fn respond(&mut self, number: u32) {
        let open = self.user.recovery.challenge.map(|(open, _)| open);
        let challenge = match open {
            Some(open) if !self.chance.once_in(8) => open,
            _ => Digest([4; 32]),
        };
        let by_word = self.user.recovery.template != Some("bank");
        let mut is_right = Some(self.chance.once_in(8));
        let device = self.phones[&number].device.clone();
        let response = if by_word {
            let holder = (&device.system_id, &device.user_id, device.key_index);
            let right = Digest(proof(&VERIFIER, holder, &challenge));
            let wrong = Digest([0; 32]);
            Response::Proof(if is_right == Some(true) { right } else { wrong })
        } else {
            is_right = self.chance.one_of(&[None, Some(true), Some(false)]);
            self.story.outside = match is_right {
                None => OutsideAnswer::Unavailable,
                Some(accepted) => OutsideAnswer::Authenticated { accepted },
            };
            Response::Text(Secret::new("492817"))
        };
        let heard = self.admitted(number, Asking::Recovery, |user| {
            user.respond(challenge, is_right)
        });
        let command = RespondToChallenge {
            challenge,
            response,
        };
        if self.device(number, command, heard) {
            self.take_renewed(&device, if by_word { VERIFIER } else { challenge.0 });
        }
    }

    /// The phone has the key that came for the right answer.
    fn take_renewed(&mut self, device: &crate::testing::Device, shown: [u8; 32]) {
        let Some(AnswerBody::KeyRenewed {
            key_index,
            released,
            ..
        }) = self.answered.take()
        else {
            panic!("another key was expected")
        };
        let device = device.renewed(key_index, &shown, &released);
        self.phones
            .insert(key_index.0, Phone { device, code: None });
    }
}
