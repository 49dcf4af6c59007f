//! Confirmations without the user: what callers do, and what the rules say they hear.

use schemas::answers::{AnswerBody, AutoconfirmOffer};
use schemas::commands::devices::GetScoringSettings;
use schemas::commands::transactions::{AutoconfirmTransaction, GetAttemptScoring, ListAutoconfirm};
use schemas::outside::{OutsideAnswer, Scored};
use schemas::{Digest, ErrorCode, Secret};

use super::House;
use super::rules::{Asking, Heard, Status, User};
use crate::crypto::autosign::autosign_digest;

/// The least score that confirms.
pub(super) const SCORE_MIN: u8 = 70;
const SCORINGS_MAX: u32 = 5;
const ATTEMPT_LIFE_MS: i64 = 60_000;

/// What the rules remember of a transaction's automatic confirmation.
#[derive(Clone, Debug, Default)]
pub(super) struct Automatic {
    /// The attempt that may be used, and until when.
    offered: Option<(Digest, i64)>,
    scorings: u32,
    too_risky: bool,
    /// Attempts whose score the bank can look at.
    scored: Vec<Digest>,
}

impl User {
    fn may_autosign(&self) -> Heard {
        if !self.current.scored {
            Err(ErrorCode::AutosignNotAllowed)
        } else if !self.scoring_is_set {
            Err(ErrorCode::ScoringSettingsIsNull)
        } else {
            Ok(())
        }
    }

    fn is_open(&self, id: &str) -> bool {
        let transaction = &self.transactions[id];
        let automatic = &transaction.automatic;
        transaction.operation.is_none()
            && !transaction.offline
            && !automatic.too_risky
            && automatic.scorings < SCORINGS_MAX
    }

    /// A new list makes the attempts of the one before worthless.
    fn offer(&mut self, offers: &[AutoconfirmOffer]) {
        let now = self.now;
        for transaction in self.transactions.values_mut() {
            transaction.automatic.offered = None;
        }
        for offer in offers {
            let id = offer.info.transaction_id.as_str();
            let offered = (offer.attempt_id, now + ATTEMPT_LIFE_MS);
            if let Ok(transaction) = self.transaction(id) {
                transaction.automatic.offered = Some(offered);
            }
        }
    }

    fn offered_now(&self) -> Vec<&str> {
        let pending = self.transactions.iter();
        let pending = pending
            .filter(|(id, transaction)| transaction.pending(self.now).is_ok() && self.is_open(id));
        pending.map(|(id, _)| id.as_str()).collect()
    }

    fn autoconfirm(
        &mut self,
        id: &str,
        attempt: Digest,
        is_signed: bool,
        score: Option<u8>,
    ) -> Heard {
        let now = self.now;
        self.transaction(id)?;
        self.may_autosign()?;
        self.transaction(id)?.pending(now)?;
        self.current.has_its_device()?;
        if !self.current.autosign {
            return Err(ErrorCode::PubkeyIsEmpty);
        }
        if !is_signed {
            return Err(ErrorCode::AutosingSignatureIsInvalid);
        }
        if !self.is_open(id) {
            return Err(ErrorCode::AutosignNotAllowed);
        }
        let transaction = self.transaction(id)?;
        let automatic = &mut transaction.automatic;
        match automatic.offered {
            Some((offered, until)) if offered == attempt && now < until => {}
            _ => return Err(ErrorCode::AutosignFailed),
        }
        automatic.offered = None;
        automatic.scorings += 1;
        let score = score.ok_or(ErrorCode::ScoringFailed)?;
        automatic.scored.push(attempt);
        if score < SCORE_MIN {
            automatic.too_risky = true;
            return Err(ErrorCode::HighScoringRiskLevel);
        }
        transaction.finish(Status::Confirmed);
        Ok(())
    }
}

impl House {
    pub(super) fn device_by_itself(&mut self) {
        let number = self.a_phone();
        match self.chance.below(8) {
            0 => {
                let heard = self.admitted(number, Asking::Anything, |user| {
                    if !user.current.scored {
                        return Err(ErrorCode::NotSupported);
                    }
                    user.may_autosign()
                });
                self.device(number, GetScoringSettings {}, heard);
            }
            1..=3 => self.list_autoconfirm(number),
            4 => self.look_at_an_attempt(),
            _ => self.autoconfirm(number),
        }
    }

    fn list_autoconfirm(&mut self, number: u32) {
        let heard = self.admitted(number, Asking::Anything, |user| user.may_autosign());
        if !self.device(number, ListAutoconfirm {}, heard) {
            return;
        }
        let Some(AnswerBody::AutoconfirmList(offers)) = self.answered.take() else {
            panic!("a list was expected")
        };
        let mut offered: Vec<&str> = offers
            .iter()
            .map(|offer| offer.info.transaction_id.as_str())
            .collect();
        offered.sort_unstable();
        assert_eq!(offered, self.user.offered_now(), "seed {}", self.seed);
        self.user.offer(&offers);
    }

    fn autoconfirm(&mut self, number: u32) {
        let id = self.an_id("t");
        let known = self.user.transactions.get(&id);
        let offered = known.and_then(|transaction| transaction.automatic.offered);
        let attempt_id = match offered {
            Some((offered, _)) if !self.chance.once_in(6) => offered,
            _ => Digest([3; 32]),
        };
        let is_signed = !self.chance.once_in(6);
        let score = self
            .chance
            .one_of(&[None, Some(40), Some(SCORE_MIN), Some(95)]);
        self.story.outside = match score {
            None => OutsideAnswer::Unavailable,
            Some(score) => OutsideAnswer::Scored(Scored {
                score,
                details: None,
            }),
        };
        let digest = autosign_digest(&attempt_id, &self.digest_of(&id));
        let signer = if is_signed {
            &self.story.autosigner
        } else {
            &self.strange
        };
        let command = AutoconfirmTransaction {
            transaction_id: id.parse().unwrap(),
            attempt_id,
            signature: signer.sign(&digest),
            scoring_session: Secret::new("session"),
            device_fingerprint: None,
        };
        let heard = self.admitted(number, Asking::Anything, |user| {
            user.autoconfirm(&id, attempt_id, is_signed, score)
        });
        self.device(number, command, heard);
    }

    fn look_at_an_attempt(&mut self) {
        let id = self.an_id("t");
        let known = self.user.transactions.get(&id);
        let scored = known.and_then(|transaction| transaction.automatic.scored.last().copied());
        let heard = match (known, scored) {
            (None, _) => Err(ErrorCode::TransactionIsNull),
            (Some(_), None) => Err(ErrorCode::NoResult),
            (Some(_), Some(_)) => Ok(()),
        };
        let command = GetAttemptScoring {
            transaction_id: id.parse().unwrap(),
            attempt_id: scored.unwrap_or(Digest([3; 32])),
        };
        self.bank(command, heard);
    }
}
