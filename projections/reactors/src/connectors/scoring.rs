//! The score of a device. `docs/scoring.md` describes question and answer for whoever writes the service.

use schemas::outside::{OutsideAnswer, ScoreQuestion, Scored};
use schemas::settings::Settings;
use schemas::{Digest, KeyIndex, Secret, SystemId, TransactionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::calling::{Calls, NoAnswer};

/// The highest score.
const SCORE_MAX: u8 = 100;

#[derive(Serialize)]
struct Asked<'a> {
    version: u8,
    system_id: &'a SystemId,
    user_id: &'a UserId,
    key_index: KeyIndex,
    transaction_id: &'a TransactionId,
    attempt_id: Digest,
    scoring_session: &'a str,
}

#[derive(Deserialize)]
struct Answered {
    score: u8,
    details: Option<Map<String, Value>>,
}

/// Asks the service of SCORING_SETTINGS.
pub(super) async fn ask(
    calls: &Calls,
    settings: &Settings,
    question: &ScoreQuestion,
) -> Result<OutsideAnswer, NoAnswer> {
    let scoring = settings.scoring().map_err(|_| NoAnswer::NobodyToAsk)?;
    let asked = Asked {
        version: 1,
        system_id: &question.system_id,
        user_id: &question.user_id,
        key_index: question.key_index,
        transaction_id: &question.transaction_id,
        attempt_id: question.attempt_id,
        scoring_session: question.session.expose_text().unwrap_or_default(),
    };
    let answered: Answered = calls.ask(&scoring.service, &asked).await?;
    if answered.score > SCORE_MAX {
        return Err(NoAnswer::NotUnderstood);
    }
    let details = answered.details.map(Value::Object);
    Ok(OutsideAnswer::Scored(Scored {
        score: answered.score,
        details: details.map(|details| Secret::new(details.to_string())),
    }))
}
