//! `decline_transaction`: the user, or the bank, does not agree.

use schemas::commands::transactions::DeclineTransaction;
use schemas::events::transactions::TransactionDeclined;

use super::Rejection;
use crate::asked::Asked;
use crate::decision::Decision;
use crate::operations;
use crate::policies::expiry_timer;
use crate::reasons;

/// The longest reason, bytes of UTF-8.
const REASON_BYTES_MAX: usize = 1024;

/// Declines a pending transaction, with a reason. The words go to the vault; the event keeps their digest.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &DeclineTransaction,
) -> Result<Decision, Rejection> {
    check_reason(&command.reason)?;
    let id = &command.transaction_id;
    let transaction = asked.person.transactions.get(id)?;
    let pending = transaction.pending(asked.facts.now)?;
    let (kept, digest) = reasons::keep(asked, Some(id), &command.reason);
    let event = TransactionDeclined {
        transaction_id: id.clone(),
        reason: None,
        reason_digest: Some(digest),
        code: command.code,
        callback_url: pending
            .callback_url
            .clone()
            .or_else(|| asked.system.callback_url()),
        operation: operations::step(asked, id, transaction),
    };
    Ok(Decision {
        vault: reasons::row(asked, vec![kept]).into_iter().collect(),
        cancelled_timers: vec![expiry_timer(id)],
        ..Decision::happened(vec![event.into()])
    })
}

/// A reason must be given, and not at any length.
pub(crate) fn check_reason(reason: &str) -> Result<(), Rejection> {
    if reason.trim().is_empty() {
        return Err(Rejection::ReasonMissing);
    }
    if reason.len() > REASON_BYTES_MAX {
        return Err(Rejection::RequestWrong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use schemas::commands::transactions::DeleteTransaction;
    use schemas::events::Event;
    use schemas::events::transactions::TransactionEvent;
    use schemas::reasons::Reasons;
    use schemas::vault::VaultName;
    use schemas::{Digest, ErrorCode, codec};

    use super::*;
    use crate::testing::{NOW, Story};

    fn decline(reason: &str) -> DeclineTransaction {
        DeclineTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
            reason: reason.to_owned(),
            code: Some(3),
        }
    }

    fn story() -> Story {
        let mut story = Story::of_a_user();
        story.create_transaction_until("invoice-1", 60);
        story
    }

    #[test]
    fn the_user_or_the_bank_declines() {
        let mut by_user = story();
        let declined = by_user.device_asks(decline("not me"));
        declined.happens(&["decline_transaction"]);
        assert_eq!(declined.decision().cancelled_timers, ["expire/invoice-1"]);
        story()
            .bank_asks(decline("not authorized"))
            .happens(&["decline_transaction"]);
    }

    #[test]
    fn the_reason_lies_in_the_vault_and_the_event_has_its_digest() {
        let mut story = story();
        let heard = story.device_asks(decline("not me"));
        let Event::Transactions(TransactionEvent::Declined(event)) = &heard.decision().events[0]
        else {
            panic!("a declination was expected");
        };
        assert_eq!((&event.reason, event.code), (&None, Some(3)));
        let owner = story.owner();
        let (about, digest) = (&event.transaction_id, event.reason_digest.unwrap());
        let cause = story.history.last().unwrap().causation_id;
        let row = story.vault.get(&VaultName::reasons(&cause)).unwrap();
        let reasons = Reasons::decode(row).unwrap();
        let kept = reasons.find(&digest, &owner, Some(about)).unwrap();
        assert_eq!((kept.text(), kept.salt.len()), (Some("not me"), 32));
        let bytes = codec::encode(story.history.last().unwrap());
        assert!(!bytes.windows(6).any(|part| part == b"not me"));
        // Whoever guesses the words must not be able to check the guess.
        assert_ne!(digest, Digest::sha256(b"not me"));
        assert_ne!(kept.salt, vec![0; 32]);
    }

    #[test]
    fn a_reason_is_required_and_has_an_end() {
        let mut story = story();
        for reason in ["", " \n"] {
            story
                .device_asks(decline(reason))
                .is_refused(ErrorCode::DeclineReasonIsNull);
        }
        let too_long = "x".repeat(REASON_BYTES_MAX + 1);
        story
            .device_asks(decline(&too_long))
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(decline(&too_long[1..]))
            .happens(&["decline_transaction"]);
    }

    #[test]
    fn only_what_waits_is_declined() {
        let mut story = story();
        let mut unknown = decline("not me");
        unknown.transaction_id = "invoice-2".parse().unwrap();
        story
            .device_asks(unknown)
            .is_refused(ErrorCode::TransactionIsNull);
        story
            .device_asks(decline("not me"))
            .happens(&["decline_transaction"]);
        story
            .device_asks(decline("not me"))
            .is_refused(ErrorCode::TransactionChecked);
        let confirmation = story.confirmation("invoice-1");
        story
            .device_asks(confirmation)
            .is_refused(ErrorCode::TransactionChecked);
        let mut late = self::story();
        late.at(NOW.plus_seconds(60));
        late.device_asks(decline("not me"))
            .is_refused(ErrorCode::TransactionExpired);
        let mut deleted = self::story();
        let delete = DeleteTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
        };
        deleted.bank_asks(delete).happens(&["delete_transaction"]);
        deleted
            .bank_asks(decline("late"))
            .is_refused(ErrorCode::TransactionIsDeleted);
    }
}
