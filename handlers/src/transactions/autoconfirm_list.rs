//! `get_autoconfirm_list`: what the device may confirm without its user, each with the identity of one attempt.

use schemas::Digest;
use schemas::answers::{AnswerBody, AutoconfirmOffer};
use schemas::commands::transactions::{NotificationType, TransactionKind};
use schemas::events::transactions::{AutoconfirmOffered, OfferedAttempt};
use schemas::flags::{AUTOSIGN_ENABLED, SCORING_ENABLED};
use schemas::settings::ScoringSettings;

use super::Rejection;
use super::state::Transaction;
use crate::asked::Asked;
use crate::decision::Decision;

/// How long an attempt may be used, seconds. Ours: long enough to fetch, sign and send.
pub(super) const ATTEMPT_LIFE_S: i64 = 60;

/// Scores that are asked for one transaction at most. After them it is the user's to confirm.
pub(super) const SCORINGS_MAX: usize = 5;

/// Offers the transactions that stand open to it, oldest first. An attempt counts once, for one transaction and one minute;
/// a new list makes those of the one before worthless.
pub(super) fn decide(asked: &Asked<'_>) -> Result<Decision, Rejection> {
    check_allowed(asked)?;
    let now = asked.facts.now;
    let transactions = &asked.person.transactions;
    let mut offers = Vec::new();
    for info in transactions.list(&[], now) {
        let is_open = transactions.get(&info.transaction_id).is_ok_and(is_open);
        if is_open {
            let seed = [b"autoconfirm", info.transaction_id.as_str().as_bytes()];
            let attempt_id = Digest::of(&[&asked.facts.seed, seed[0], seed[1]]);
            offers.push(AutoconfirmOffer { info, attempt_id });
        }
    }
    let attempts = offers.iter().map(|offer| OfferedAttempt {
        transaction_id: offer.info.transaction_id.clone(),
        attempt_id: offer.attempt_id,
    });
    let offered = AutoconfirmOffered {
        attempts: attempts.collect(),
        expires_at: now.plus_seconds(ATTEMPT_LIFE_S),
    };
    Ok(Decision::happened(vec![offered.into()]).answering(AnswerBody::AutoconfirmList(offers)))
}

/// Does this key confirm automatically, and can somebody say whether its device is to be trusted?
///
/// Source: reference manual, "autosign_enabled": the server decides on the strength of the scoring. Without the flag that
/// permits scoring there is none, so both flags are needed. A license is asked for when a key is issued with them.
pub(super) fn check_allowed(asked: &Asked<'_>) -> Result<ScoringSettings, Rejection> {
    let flags = asked.key.flags;
    if !flags.has(&AUTOSIGN_ENABLED) || !flags.has(&SCORING_ENABLED) {
        return Err(Rejection::AutosignForbidden);
    }
    asked.facts.settings.scoring().map_err(Rejection::Scoring)
}

/// Is this one that a device may confirm without its user?
///
/// Ours: a login asks whether the person is there, an offline transaction comes back by the person's own hand, and an
/// operation is answered as a whole. None of them is. Neither is one whose device was found too risky once, or that was
/// scored too often.
pub(super) fn is_open(transaction: &Transaction) -> bool {
    transaction.kind == TransactionKind::Ordinary
        && transaction.operation_id.is_none()
        && transaction.notification_type != NotificationType::Offline
        && transaction.may_be_scored()
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::commands::transactions::ListAutoconfirm;

    use super::*;
    use crate::testing::{Story, create_operation, create_transaction};

    #[test]
    fn what_a_device_may_confirm_by_itself_is_offered_with_an_attempt_each() {
        let mut story = Story::of_autosign();
        for id in ["invoice-1", "invoice-2"] {
            story.create_transaction(id);
        }
        let mut login = create_transaction("login-1");
        login.kind = TransactionKind::Login;
        let mut offline = create_transaction("offline-1");
        offline.notification_type = NotificationType::Offline;
        story.bank_asks(login).happens(&["create_transaction"]);
        story.bank_asks(offline).happens(&["create_transaction"]);
        story
            .bank_asks(create_operation("salaries", 2))
            .happens(&["create_operation"]);
        let offers = story.autoconfirm_list();
        let ids: Vec<&str> = offers
            .iter()
            .map(|offer| offer.info.transaction_id.as_str())
            .collect();
        assert_eq!(ids, ["invoice-1", "invoice-2"]);
        assert_ne!(offers[0].attempt_id, offers[1].attempt_id);
        assert_ne!(story.autoconfirm_list()[0].attempt_id, offers[0].attempt_id);
    }

    #[test]
    fn a_key_without_both_flags_confirms_nothing_by_itself() {
        for (autosign, scoring) in [(1, 0), (0, 1), (0, 0)] {
            let mut story = Story::of_autosign_with(autosign, scoring);
            story
                .device_asks(ListAutoconfirm {})
                .is_refused(ErrorCode::AutosignNotAllowed);
        }
    }

    #[test]
    fn without_a_service_there_is_no_list() {
        let mut story = Story::of_autosign();
        for (settings, code) in [
            ("{}", ErrorCode::ScoringSettingsIsNull),
            (r#"{"url":1}"#, ErrorCode::ServerScoringSettingsIncorrect),
        ] {
            story.set("SCORING_SETTINGS", settings);
            story.device_asks(ListAutoconfirm {}).is_refused(code);
        }
    }
}
