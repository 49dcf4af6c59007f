//! `attempt_scoring_details`: what the service said of an attempt, for the bank.

use schemas::answers::{AnswerBody, AttemptScoring};
use schemas::commands::transactions::GetAttemptScoring;
use schemas::vault::VaultName;

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::decision::Decision;

/// Answers with the score, and with what the service said besides. An attempt that was never scored has nothing to show.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &GetAttemptScoring,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    asked.person.transactions.get(id)?;
    let name = VaultName::attempt_scoring(&command.attempt_id);
    let row = asked.facts.vault.get(&name);
    let scoring: Option<AttemptScoring> = row.and_then(|row| rmp_serde::from_slice(row).ok());
    let scoring = scoring.filter(|scoring| scoring.transaction_id == *id);
    let scoring = scoring.ok_or(Rejection::ContentMissing)?;
    let event = looked("attempt_scoring_details", Some(id.clone()));
    Ok(Decision::happened(vec![event]).answering(AnswerBody::AttemptScored(Box::new(scoring))))
}

#[cfg(test)]
mod tests {
    use schemas::outside::{OutsideAnswer, Scored};
    use schemas::{Digest, ErrorCode, Secret};

    use super::*;
    use crate::testing::Story;

    #[test]
    fn the_bank_sees_what_the_service_said_of_its_own_transaction() {
        for (score, code) in [
            (70, ErrorCode::Normal),
            (1, ErrorCode::HighScoringRiskLevel),
        ] {
            let mut story = Story::of_autosign();
            story.create_transaction("invoice-1");
            story.create_transaction("invoice-2");
            let details = Some(Secret::new(r#"{"rule":"calm"}"#));
            story.outside = OutsideAnswer::Scored(Scored {
                score,
                details: details.clone(),
            });
            let command = story.autoconfirmation("invoice-1");
            let attempt_id = command.attempt_id;
            assert_eq!(story.device_asks(command).code(), code);
            let ask = |id: &str, attempt_id| GetAttemptScoring {
                transaction_id: id.parse().unwrap(),
                attempt_id,
            };
            let seen = story.bank_asks(ask("invoice-1", attempt_id));
            seen.happens(&["attempt_scoring_details"]);
            let AnswerBody::AttemptScored(seen) = seen.answer() else {
                panic!("a score was expected");
            };
            assert_eq!(
                (seen.score, seen.score_min, seen.details),
                (score, 70, details)
            );
            for (id, attempt_id, code) in [
                ("invoice-2", attempt_id, ErrorCode::NoResult),
                ("invoice-1", Digest([1; 32]), ErrorCode::NoResult),
                ("invoice-9", attempt_id, ErrorCode::TransactionIsNull),
            ] {
                story.bank_asks(ask(id, attempt_id)).is_refused(code);
            }
        }
    }
}
