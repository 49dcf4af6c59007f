//! `autoconfirm_transaction`: the device confirms without its user, and the house asks whether it is to be trusted.
//!
//! Two steps. First everything that can be checked is checked, the attempt is used up, and the log has it. Then the outside
//! is asked for the score, beside the lane, and the second decision draws the conclusion. No score, no confirmation.

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

#[cfg(test)]
mod tests {
    use schemas::Digest;
    use schemas::commands::transactions::{GetTransactionInfo, ListAutoconfirm};
    use schemas::events::transactions::TransactionEvent;

    use super::*;
    use crate::testing::{Device, Story};

    const DONE: &[&str] = &[
        "autoconfirm_transaction_attempt",
        "autoconfirm_transaction",
        "clean_transaction",
    ];
    const TRIED: &[&str] = &["autoconfirm_transaction_attempt", "autoconfirm_transaction"];

    fn scored(score: u8) -> OutsideAnswer {
        let details = Some(Secret::new(r#"{"rule":"calm"}"#));
        OutsideAnswer::Scored(Scored { score, details })
    }

    /// A story with one transaction, and a service that gives this score.
    fn story(score: u8) -> Story {
        let mut story = Story::of_autosign();
        story.create_transaction("invoice-1");
        story.outside = scored(score);
        story
    }

    #[test]
    fn a_trusted_device_confirms_by_itself() {
        let mut story = story(70);
        let command = story.autoconfirmation("invoice-1");
        let heard = story.device_asks(command.clone());
        heard.happens(DONE);
        let Event::Transactions(TransactionEvent::Autoconfirmed(event)) =
            &heard.decision().events[0]
        else {
            panic!("a confirmation was expected");
        };
        assert_eq!((event.score, event.attempt_id), (70, command.attempt_id));
        assert_eq!(
            event.callback_url.as_deref(),
            Some("https://bank.example/callback")
        );
        let [OutsideQuestion::Score(question)] = &story.asked_outside[..] else {
            panic!("one question was expected");
        };
        assert_eq!(question.session, command.scoring_session);
        let again = story.confirmation("invoice-1");
        story
            .device_asks(again)
            .is_refused(ErrorCode::TransactionChecked);
    }

    #[test]
    fn one_point_below_the_limit_is_too_risky_for_good() {
        let mut story = story(69);
        let command = story.autoconfirmation("invoice-1");
        let heard = story.device_asks(command);
        assert_eq!(heard.code(), ErrorCode::HighScoringRiskLevel);
        heard.happens(TRIED);
        assert!(story.autoconfirm_list().is_empty());
        story.outside = scored(100);
        let command = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
        story
            .device_asks(command)
            .is_refused(ErrorCode::AutosignNotAllowed);
        let by_hand = story.confirmation("invoice-1");
        story
            .device_asks(by_hand)
            .happens(&["confirm_transaction", "clean_transaction"]);
    }

    #[test]
    fn without_a_score_nothing_is_confirmed() {
        for none in [
            OutsideAnswer::Unavailable,
            OutsideAnswer::Authenticated { accepted: true },
        ] {
            let mut story = story(0);
            story.outside = none;
            for _ in 0..5 {
                let command = story.autoconfirmation("invoice-1");
                story
                    .device_asks(command)
                    .is_refused(ErrorCode::ScoringFailed);
            }
            assert_eq!(story.asked_outside.len(), 5);
            assert!(story.autoconfirm_list().is_empty(), "five scores, no more");
        }
    }

    #[test]
    fn an_attempt_counts_once_for_one_transaction_and_one_minute() {
        let mut story = story(70);
        story.create_transaction("invoice-2");
        let offers = story.autoconfirm_list();
        let swapped = story.autoconfirmation_in("invoice-1", offers[1].attempt_id);
        story
            .device_asks(swapped)
            .is_refused(ErrorCode::AutosignFailed);
        let drawn = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
        story
            .device_asks(drawn)
            .is_refused(ErrorCode::AutosignFailed);
        let older = story.autoconfirmation("invoice-1");
        story.autoconfirm_list();
        story
            .device_asks(older)
            .is_refused(ErrorCode::AutosignFailed);
        let late = story.autoconfirmation("invoice-1");
        story.at(story.now().plus_seconds(60));
        story
            .device_asks(late)
            .is_refused(ErrorCode::AutosignFailed);
        assert!(story.asked_outside.is_empty());
        story.outside = OutsideAnswer::Unavailable;
        let used = story.autoconfirmation("invoice-1");
        story
            .device_asks(used.clone())
            .is_refused(ErrorCode::ScoringFailed);
        story.outside = scored(100);
        story
            .device_asks(used)
            .is_refused(ErrorCode::AutosignFailed);
        let in_time = story.autoconfirmation("invoice-1");
        story.at(story.now().plus_seconds(60).plus_ms(-1));
        story.device_asks(in_time).happens(DONE);
    }

    #[test]
    fn the_pairs_cannot_be_swapped() {
        let mut story = story(70);
        let right = story.autoconfirmation("invoice-1");
        let digest = autosign_digest(&right.attempt_id, &story.digest("invoice-1"));
        let wrong = [
            story.device.sign(&digest),
            story.autosigner.sign(&story.digest("invoice-1")),
            story.device.sign(&story.digest("invoice-1")),
            vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01],
        ];
        for signature in wrong {
            let command = AutoconfirmTransaction {
                signature,
                ..right.clone()
            };
            story
                .device_asks(command)
                .is_refused(ErrorCode::AutosingSignatureIsInvalid);
        }
        let mut malformed = right.clone();
        malformed.signature.push(0);
        story
            .device_asks(malformed)
            .is_refused(ErrorCode::DsStructError);
        let mut by_user = story.confirmation("invoice-1");
        by_user.signature = Some(right.signature.clone());
        story
            .device_asks(by_user)
            .is_refused(ErrorCode::SignatureIsInvalid);
        let mut by_user = story.confirmation("invoice-1");
        by_user.signature = Some(story.autosigner.sign(&story.digest("invoice-1")));
        story
            .device_asks(by_user)
            .is_refused(ErrorCode::SignatureIsInvalid);
        assert!(story.asked_outside.is_empty(), "nobody outside was asked");
        story.device_asks(right).happens(DONE);
    }

    #[test]
    fn a_nonce_of_the_second_pair_that_comes_again_costs_the_key() {
        let mut story = story(70);
        story.create_transaction("invoice-2");
        let with_nonce = |story: &mut Story, id: &str| {
            let command = story.autoconfirmation(id);
            let digest = autosign_digest(&command.attempt_id, &story.digest(id));
            AutoconfirmTransaction {
                signature: story.autosigner.sign_with_nonce(&digest, 7),
                ..command
            }
        };
        let first = with_nonce(&mut story, "invoice-1");
        // Whatever the score is: the signature was seen.
        story.outside = OutsideAnswer::Unavailable;
        story
            .device_asks(first)
            .is_refused(ErrorCode::ScoringFailed);
        let second = with_nonce(&mut story, "invoice-2");
        let heard = story.device_asks(second);
        assert_eq!(heard.code(), ErrorCode::UserIsBlocked);
        heard.happens(&["autoconfirm_transaction", "key_compromised_nonce"]);
        assert_eq!(story.asked_outside.len(), 1);
        story
            .device_asks(ListAutoconfirm {})
            .is_refused(ErrorCode::UserIsBlocked);
    }

    #[test]
    fn a_stranger_never_makes_the_house_call_anybody() {
        let mut story = story(70);
        let command = story.autoconfirmation("invoice-1");
        story.device.first_part = Secret::new([0; 32]);
        story
            .device_asks(command)
            .is_refused_silently(ErrorCode::HttpAuthCodeInvalid);
        assert!(story.asked_outside.is_empty());
    }

    #[test]
    fn a_key_without_a_second_pair_confirms_nothing_by_itself() {
        let mut story = Story::of_autosign_unregistered();
        story.create_transaction("invoice-1");
        let command = story.autoconfirmation("invoice-1");
        story
            .device_asks(command)
            .is_refused(ErrorCode::PubkeyIsEmpty);
        story.set("SCORING_SETTINGS", "{}");
        let command = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
        story
            .device_asks(command)
            .is_refused(ErrorCode::ScoringSettingsIsNull);
    }

    #[test]
    fn a_bound_key_confirms_from_its_own_device_only() {
        let mut story = Story::of_autosign_bound_to(Digest([7; 32]));
        story.create_transaction("invoice-1");
        story.outside = scored(70);
        let mut command = story.autoconfirmation("invoice-1");
        command.device_fingerprint = Some(Digest([8; 32]));
        story
            .device_asks(command.clone())
            .is_refused(ErrorCode::DeviceFingerprintMismatch);
        command.device_fingerprint = Some(Digest([7; 32]));
        story.device_asks(command).happens(DONE);
    }

    #[test]
    fn what_came_first_while_the_outside_was_asked_is_final() {
        let mut story = story(70);
        let command = story.autoconfirmation("invoice-1");
        let envelope = story.device_request(command);
        story
            .receive_first_step(envelope.clone())
            .happens(&["autoconfirm_transaction_attempt"]);
        let by_hand = story.confirmation("invoice-1");
        story
            .device_asks(by_hand)
            .happens(&["confirm_transaction", "clean_transaction"]);
        story
            .receive(envelope)
            .is_refused(ErrorCode::TransactionChecked);
    }

    #[test]
    fn a_redelivery_asks_again_and_uses_no_other_attempt() {
        let mut story = story(70);
        let command = story.autoconfirmation("invoice-1");
        let envelope = story.device_request(command);
        story
            .receive_first_step(envelope.clone())
            .happens(&["autoconfirm_transaction_attempt"]);
        story
            .receive(envelope)
            .happens(&["autoconfirm_transaction", "clean_transaction"]);
    }

    #[test]
    fn what_cannot_be_confirmed_by_hand_cannot_be_confirmed_without() {
        let mut story = story(70);
        story.create_transaction_until("invoice-2", 10);
        let command = story.autoconfirmation("invoice-2");
        story.at(story.now().plus_seconds(10));
        story
            .device_asks(command)
            .is_refused(ErrorCode::TransactionExpired);
        let unknown = story.autoconfirmation_in("invoice-9", Digest([1; 32]));
        story
            .device_asks(unknown)
            .is_refused(ErrorCode::TransactionIsNull);
        let transaction_id = "invoice-1".parse().unwrap();
        story
            .bank_asks(GetTransactionInfo { transaction_id })
            .happens(&["get_transaction_info"]);
    }

    #[test]
    fn without_the_flags_nothing_is_asked() {
        let mut story = Story::of_autosign_with(1, 0);
        story.create_transaction("invoice-1");
        let stranger = Device::stranger(&story.system_id, &story.user_id);
        story.autosigner = stranger;
        let command = story.autoconfirmation_in("invoice-1", Digest([1; 32]));
        story
            .device_asks(command)
            .is_refused(ErrorCode::AutosignNotAllowed);
        assert!(story.asked_outside.is_empty());
    }
}
