//! Counting tries of a password. Two steps, as with the activation code: first the try is counted, and the log has it before
//! anybody looks; then, in a second decision on the new history, it is looked at.

use schemas::answers::AnswerBody;
use schemas::events::credentials::{PasswordFailed, PasswordTried};
use schemas::events::{Event, Refused};
use schemas::vault::VaultName;
use schemas::{ErrorCode, Secret};

use super::Rejection;
use crate::asked::Asked;
use crate::crypto::password;
use crate::decision::{Decision, Next};

/// Where a try stands.
#[derive(Debug)]
pub(super) enum Looked {
    /// It was counted just now: decide again.
    Counted(Box<Decision>),
    /// The password is wrong; this is what happens.
    Wrong(Box<Decision>),
    /// The password is right.
    Right,
}

/// Counts a try, or looks at the one that was counted for this command. `word` is the command's.
///
/// The limit is of wrong tries one after the other, as NIST SP 800-63B has it: a right one starts the count anew.
pub(super) fn look(
    asked: &Asked<'_>,
    proof: &Secret,
    word: &'static str,
) -> Result<Looked, Rejection> {
    let (key, facts) = (asked.key, asked.facts);
    if key.password.is_blocked() {
        return Err(Rejection::AttemptsExhausted);
    }
    let attempts_max = facts.settings.password_attempts_max();
    if !key.password.has_reserved(facts.command_id) {
        if key.password.used() >= attempts_max {
            return Err(Rejection::AttemptsExhausted);
        }
        let tried = PasswordTried {
            key_index: key.index,
            command_id: facts.command_id,
        };
        return Ok(Looked::Counted(Box::new(Decision {
            next: Next::DecideAgain,
            ..Decision::happened(vec![tried.into()])
        })));
    }
    let kept = facts.vault.get(&VaultName::password_verifier(key.index));
    if password::accepts(kept.ok_or(Rejection::MaterialMissing)?, proof) {
        return Ok(Looked::Right);
    }
    Ok(Looked::Wrong(Box::new(wrong(asked, attempts_max, word))))
}

/// The journal hears of it under the manual's word, the key under ours.
fn wrong(asked: &Asked<'_>, attempts_max: u32, word: &'static str) -> Decision {
    let key = asked.key;
    let blocked = key.password.failed_with_another() >= attempts_max;
    let result = if blocked {
        ErrorCode::PasswordAttemptsExceeded
    } else {
        ErrorCode::PasswordIncorrect
    };
    let refused = Event::Refused(Refused {
        word,
        transaction_id: None,
        operation_id: None,
    });
    let failed = PasswordFailed {
        key_index: key.index,
        result,
        blocked,
    };
    let decision = Decision {
        code: result,
        ..Decision::happened(vec![refused, failed.into()])
    };
    if blocked {
        return decision;
    }
    // The try that was looked at is one of those that count already.
    let attempts_left = attempts_max.saturating_sub(key.password.used());
    decision.answering(AnswerBody::PasswordRefused { attempts_left })
}
