//! `autoconfirm_transaction`: the device confirms without its user, and the house asks whether it is to be trusted.
//!
//! Two steps. First everything that can be checked is checked, the attempt is used up, and the log has it. Then the outside
//! is asked for the score, beside the lane, and the second decision draws the conclusion. No score, no confirmation.

#[cfg(test)]
mod tests;

use schemas::answers::AttemptScoring;
use schemas::commands::transactions::AutoconfirmTransaction;
use schemas::events::transactions::{
    AutoconfirmAttempted, TransactionAutoconfirmed, TransactionCleaned,
};
use schemas::events::{Event, Refused};
use schemas::outside::{OutsideAnswer, OutsideQuestion, ScoreQuestion, Scored};
use schemas::settings::ScoringSettings;
use schemas::vault::VaultName;
use schemas::{ErrorCode, Secret, Timestamp};

use super::Rejection;
use super::autoconfirm_list::{check_allowed, is_open};
use super::confirm::check_device;
use super::state::{Pending, Transaction};
use crate::asked::Asked;
use crate::crypto::autosign::autosign_digest;
use crate::crypto::signature::{InvalidSignature, Signature};
use crate::decision::{Decision, Erasure, Next};
use crate::facts::SignatureCheck;
use crate::keys::{self, Betrayal, bound_fingerprint};
use crate::policies::expiry_timer;
use crate::users::Person;

/// The word under which a refusal with 302 leaves the transaction to the user.
pub(super) const WORD: &str = "autoconfirm_transaction";

/// Uses up the attempt and asks for the score, or decides with the score.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &AutoconfirmTransaction,
) -> Result<Decision, Rejection> {
    let (id, facts) = (&command.transaction_id, asked.facts);
    let transaction = asked.person.transactions.get(id)?;
    let scoring = check_allowed(asked)?;
    let pending = transaction.pending(facts.now)?;
    let fingerprint = bound_fingerprint(asked.key)?;
    check_device(command.device_fingerprint.as_ref(), fingerprint)?;
    let (signature, betrayed) = check_signature(asked, command, transaction)?;
    let question = question(asked, command);
    let mut events = Vec::new();
    if pending.is_being_scored(&facts.command_id) {
        if let Some(answer) = facts.outside.answer(&question) {
            let judged = Judged {
                asked,
                command,
                transaction,
                pending,
                scoring: &scoring,
            };
            return judged.conclude(answer, signature);
        }
    } else {
        if !is_open(transaction) {
            return Err(Rejection::AutosignForbidden);
        }
        if !pending.offers(&command.attempt_id, facts.now) {
            return Err(Rejection::AttemptWorthless);
        }
        if betrayed {
            return Ok(keys::block(
                asked,
                Betrayal {
                    word: WORD,
                    transaction_id: id,
                    operation_id: None,
                },
            ));
        }
        let attempted = AutoconfirmAttempted {
            transaction_id: id.clone(),
            attempt_id: command.attempt_id,
            command_id: facts.command_id,
            key_index: Some(asked.key.index),
            signature: Some(signature.to_low_s_der()),
            signed: Some(autosign_digest(&command.attempt_id, &transaction.digest)),
        };
        events.push(attempted.into());
    }
    Ok(Decision {
        next: Next::Ask(Box::new(question)),
        ..Decision::happened(events)
    })
}

/// The question whether the second pair signed the transaction in this attempt; `None` when there is nothing to ask.
pub(crate) fn signature_question(
    person: &Person,
    command: &AutoconfirmTransaction,
) -> Option<SignatureCheck> {
    let transaction = person.transactions.get(&command.transaction_id).ok()?;
    transaction.pending(Timestamp(i64::MIN)).ok()?;
    Signature::parse(&command.signature).ok()?;
    let registered = person.keys.current.registered.as_ref()?;
    Some(check(
        registered.autosign_public_key.as_ref()?,
        command,
        transaction,
    ))
}

fn check(
    public_key: &[u8],
    command: &AutoconfirmTransaction,
    transaction: &Transaction,
) -> SignatureCheck {
    SignatureCheck {
        public_key: public_key.to_vec(),
        digest: autosign_digest(&command.attempt_id, &transaction.digest),
        signature: command.signature.clone(),
    }
}

/// The second pair's signature, and whether it gives the pair away. The pair that signs for the user is of no use here.
fn check_signature(
    asked: &Asked<'_>,
    command: &AutoconfirmTransaction,
    transaction: &Transaction,
) -> Result<(Signature, bool), Rejection> {
    let registered = asked.key.registered.as_ref();
    let registered = registered.ok_or(Rejection::KeyNotRegistered)?;
    let public_key = registered.autosign_public_key.as_ref();
    let public_key = public_key.ok_or(Rejection::KeyNotRegistered)?;
    let signature = Signature::parse(&command.signature).map_err(|invalid| match invalid {
        InvalidSignature::Structure => Rejection::SignatureMalformed,
        InvalidSignature::Range => Rejection::AutosignSignatureWrong,
    })?;
    let check = check(public_key, command, transaction);
    if !asked.is_signed(&check) {
        return Err(Rejection::AutosignSignatureWrong);
    }
    let nonces = &registered.autosign_nonces;
    Ok((signature, nonces.are_betrayed_by(&signature, &check.digest)))
}

fn question(asked: &Asked<'_>, command: &AutoconfirmTransaction) -> OutsideQuestion {
    OutsideQuestion::Score(ScoreQuestion {
        system_id: asked.system_id.clone(),
        user_id: asked.user_id.clone(),
        key_index: asked.key.index,
        transaction_id: command.transaction_id.clone(),
        attempt_id: command.attempt_id,
        session: command.scoring_session.clone(),
    })
}

/// An attempt whose score is known, or will never be.
struct Judged<'a> {
    asked: &'a Asked<'a>,
    command: &'a AutoconfirmTransaction,
    transaction: &'a Transaction,
    pending: &'a Pending,
    scoring: &'a ScoringSettings,
}

impl Judged<'_> {
    /// Source: reference manual, "autosign_enabled": a score not below the set one confirms. A lower one leaves the
    /// transaction to the user for good: nobody may try until the score happens to be better.
    fn conclude(
        &self,
        answer: &OutsideAnswer,
        signature: Signature,
    ) -> Result<Decision, Rejection> {
        match answer {
            OutsideAnswer::Scored(scored) if scored.score >= self.scoring.score_min => {
                Ok(self.confirmed(scored, signature))
            }
            OutsideAnswer::Scored(scored) => Ok(self.too_risky(scored)),
            OutsideAnswer::Authenticated { .. } | OutsideAnswer::Unavailable => {
                Err(Rejection::ScoreUnavailable)
            }
        }
    }

    fn confirmed(&self, scored: &Scored, signature: Signature) -> Decision {
        let (asked, id) = (self.asked, &self.command.transaction_id);
        let own_url = self.pending.callback_url.clone();
        let confirmed = TransactionAutoconfirmed {
            transaction_id: id.clone(),
            key_index: asked.key.index,
            attempt_id: self.command.attempt_id,
            score: scored.score,
            signature: signature.to_low_s_der(),
            digest: self.transaction.digest,
            callback_url: own_url.or_else(|| asked.system.callback_url()),
        };
        let mut decision = Decision {
            cancelled_timers: vec![expiry_timer(id)],
            vault: vec![self.row(scored)],
            ..Decision::happened(vec![confirmed.into()])
        };
        if asked.facts.settings.clean_transaction() {
            let transaction_id = id.clone();
            decision.erase = vec![Erasure::Row(VaultName::transaction_content(id))];
            let cleaned = TransactionCleaned { transaction_id };
            decision.events.push(cleaned.into());
        }
        decision
    }

    /// A refusal that keeps what the service said, so that the bank can look at it.
    fn too_risky(&self, scored: &Scored) -> Decision {
        let refused = Event::Refused(Refused {
            word: WORD,
            transaction_id: Some(self.command.transaction_id.clone()),
            operation_id: None,
        });
        Decision {
            code: ErrorCode::HighScoringRiskLevel,
            vault: vec![self.row(scored)],
            ..Decision::happened(vec![refused])
        }
    }

    /// What the bank is shown of the score. It may be about the person, so it lies in the vault.
    fn row(&self, scored: &Scored) -> (VaultName, Secret) {
        let scoring = AttemptScoring {
            transaction_id: self.command.transaction_id.clone(),
            attempt_id: self.command.attempt_id,
            score: scored.score,
            score_min: self.scoring.score_min,
            scored_at: self.asked.facts.now,
            details: scored.details.clone(),
        };
        let bytes =
            rmp_serde::to_vec_named(&scoring).expect("a score holds nothing MessagePack cannot");
        (
            VaultName::attempt_scoring(&self.command.attempt_id),
            Secret::new(bytes),
        )
    }
}
