//! `rks_check_confirmation`: the stored signature and code, checked again with what is still kept.
//!
//! The log keeps digest, signature, code and public keys for ever; text and bytes are erased as the settings say, and a key's
//! secret when the key is replaced. What is gone is said to be gone, and never taken for wrong.

use schemas::answers::{AnswerBody, ConfirmationCheck, Verdict};
use schemas::commands::operators::CheckConfirmation;
use schemas::envelope::RecordedEvent;
use schemas::events::Event;
use schemas::events::keys::KeyEvent;
use schemas::events::operations::OperationEvent;
use schemas::events::transactions::TransactionEvent;
use schemas::flags::WITH_FINGERPRINT;
use schemas::{Digest, KeyIndex, Timestamp, TransactionId};

use super::Rejection;
use crate::asked::{Asked, looked};
use crate::authenticate::whole_secret;
use crate::crypto::autosign::autosign_digest;
use crate::crypto::confirm_code::Subject;
use crate::crypto::key_material;
use crate::crypto::signature::verify;
use crate::decision::Decision;
use crate::facts::SignatureCheck;
use crate::transactions;

/// Checks the confirmation of a transaction again.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &CheckConfirmation,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    let (info, _) = transactions::seen(asked, id).or_else(|rejection| match rejection {
        // That text and digest disagree is what this check is for.
        transactions::Rejection::ContentAltered => transactions::standing(asked, id),
        other => Err(other),
    })?;
    let history = asked.facts.history;
    let (at, confirmed) = confirmation(history, command).ok_or(Rejection::NotConfirmed)?;
    let public_key = public_key(history, &confirmed, at);
    let check = ConfirmationCheck {
        user_id: asked.user_id.clone(),
        transaction_id: info.transaction_id,
        confirmed_at: at.1,
        key_index: confirmed.key_index,
        digest: *confirmed.digest,
        signature_verdict: signature_verdict(&confirmed, public_key),
        confirm_code_verdict: code_verdict(asked, command, &confirmed, at.1),
        content_verdict: Verdict::of(transactions::content_is_right(asked, id)),
        public_key: public_key.map(<[u8]>::to_vec),
        signature: confirmed.signature.cloned(),
        attempt_id: confirmed.attempt_id.copied(),
        confirm_code: confirmed.confirm_code.cloned(),
    };
    let event = looked("rks_check_confirmation", Some(id.clone()));
    Ok(Decision::happened(vec![event]).answering(AnswerBody::ConfirmationChecked(Box::new(check))))
}

/// A confirmation, by the user or automatic.
struct Confirmed<'a> {
    key_index: KeyIndex,
    digest: &'a Digest,
    signature: Option<&'a Vec<u8>>,
    confirm_code: Option<&'a String>,
    /// Of an automatic one.
    attempt_id: Option<&'a Digest>,
}

/// Where in the history something happened, and when.
type When = (u64, Timestamp);

impl<'a> Confirmed<'a> {
    /// Given alone, automatically, or among the answers to an operation.
    fn of(event: &'a Event, id: &TransactionId) -> Option<Self> {
        match event {
            Event::Transactions(TransactionEvent::Confirmed(event))
                if event.transaction_id == *id =>
            {
                Some(Self {
                    key_index: event.key_index,
                    digest: &event.digest,
                    signature: event.signature.as_ref(),
                    confirm_code: event.confirm_code.as_ref(),
                    attempt_id: None,
                })
            }
            Event::Transactions(TransactionEvent::Autoconfirmed(event))
                if event.transaction_id == *id =>
            {
                Some(Self {
                    key_index: event.key_index,
                    digest: &event.digest,
                    signature: Some(&event.signature),
                    confirm_code: None,
                    attempt_id: Some(&event.attempt_id),
                })
            }
            Event::Operations(OperationEvent::Processed(event)) => {
                let mut members = event.confirmed.iter();
                let member = members.find(|member| member.transaction_id == *id)?;
                Some(Self {
                    key_index: event.key_index,
                    digest: &member.digest,
                    signature: member.signature.as_ref(),
                    confirm_code: member.confirm_code.as_ref(),
                    attempt_id: None,
                })
            }
            _ => None,
        }
    }
}

fn confirmation<'a>(
    history: &'a [RecordedEvent],
    command: &CheckConfirmation,
) -> Option<(When, Confirmed<'a>)> {
    history.iter().find_map(|recorded| {
        let confirmed = Confirmed::of(&recorded.event, &command.transaction_id)?;
        Some(((recorded.ordinal, recorded.recorded_at), confirmed))
    })
}

/// The public key that was registered for that key and that kind of confirmation by then.
fn public_key<'a>(
    history: &'a [RecordedEvent],
    confirmed: &Confirmed<'_>,
    by: When,
) -> Option<&'a [u8]> {
    let key_index = confirmed.key_index;
    let is_automatic = confirmed.attempt_id.is_some();
    let before = history
        .iter()
        .take_while(|recorded| recorded.ordinal < by.0);
    let registered = before.filter_map(|recorded| match &recorded.event {
        Event::Keys(KeyEvent::PublicKeyRegistered(event)) if event.key_index == key_index => {
            if is_automatic {
                event.autosign_public_key.as_deref()
            } else {
                Some(event.public_key.as_slice())
            }
        }
        _ => None,
    });
    registered.last()
}

fn signature_verdict(confirmed: &Confirmed<'_>, public_key: Option<&[u8]>) -> Verdict {
    let Some(signature) = confirmed.signature else {
        return Verdict::Absent;
    };
    let signed = confirmed
        .attempt_id
        .map_or(*confirmed.digest, |attempt_id| {
            autosign_digest(attempt_id, confirmed.digest)
        });
    let question = public_key.map(|public_key| SignatureCheck {
        public_key: public_key.to_vec(),
        digest: signed,
        signature: signature.clone(),
    });
    Verdict::of(question.map(|question| verify(&question).valid))
}

fn code_verdict(
    asked: &Asked<'_>,
    command: &CheckConfirmation,
    confirmed: &Confirmed<'_>,
    at: Timestamp,
) -> Verdict {
    let Some(code) = confirmed.confirm_code else {
        return Verdict::Absent;
    };
    let key = asked.key;
    if key.index != confirmed.key_index {
        return Verdict::Gone;
    }
    let bound = key.flags.has(&WITH_FINGERPRINT);
    let whole = whole_secret(key, asked.facts.vault);
    let length = transactions::code_length(asked, &command.transaction_id);
    let (Some(whole), Ok(length)) = (whole, length) else {
        return Verdict::Gone;
    };
    let subject = Subject {
        key: &key_material::confirm_key(&whole),
        digest: confirmed.digest,
        fingerprint: key.fingerprint.as_ref().filter(|_| bound),
        length,
    };
    let step = at.step(asked.facts.settings.confirm_code_step_s());
    Verdict::of(subject.accepts(code, step))
}

#[cfg(test)]
mod tests {
    use schemas::commands::keys::UpdateUserKey;
    use schemas::commands::transactions::ConfirmTransaction;
    use schemas::vault::VaultName;
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{Story, create_operation, key_request};
    use schemas::commands::keys::KeyParts;

    fn check() -> CheckConfirmation {
        CheckConfirmation {
            transaction_id: "invoice-1".parse().unwrap(),
        }
    }

    fn checked(story: &mut Story) -> ConfirmationCheck {
        let heard = story.operator_asks(check());
        heard.happens(&["rks_check_confirmation"]);
        match heard.answer() {
            AnswerBody::ConfirmationChecked(check) => *check,
            other => panic!("a check was expected: {other:?}"),
        }
    }

    fn verdicts(story: &mut Story) -> [Verdict; 3] {
        let check = checked(story);
        [
            check.signature_verdict,
            check.confirm_code_verdict,
            check.content_verdict,
        ]
    }

    /// Confirmed with a signature and a code; the text is kept.
    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        story.set("CLEAN_TRANSACTION", "0");
        story.create_transaction("invoice-1");
        let confirmation = ConfirmTransaction {
            confirm_code: Some(story.code("invoice-1", 0)),
            ..story.confirmation("invoice-1")
        };
        story
            .device_asks(confirmation)
            .happens(&["confirm_transaction"]);
        story
    }

    #[test]
    fn what_was_confirmed_is_confirmed_again() {
        let mut story = story();
        let confirmed_at = story.now();
        story.at(confirmed_at.plus_seconds(86_400));
        let check = checked(&mut story);
        assert_eq!(check.confirmed_at, confirmed_at);
        assert_eq!(check.public_key, Some(story.device.public_key()));
        assert_eq!(verdicts(&mut story), [Verdict::Valid; 3]);
    }

    #[test]
    fn one_of_many_answers_is_checked_like_one_given_alone() {
        let mut story = Story::of_a_registered_device();
        story
            .bank_asks(create_operation("a", 2))
            .happens(&["create_operation"]);
        let answers = story.answers("a", &["a.0"]);
        story.device_asks(answers).happens(&["operations_process"]);
        let check = |id: &str| CheckConfirmation {
            transaction_id: id.parse().unwrap(),
        };
        let heard = story.operator_asks(check("a.0"));
        let AnswerBody::ConfirmationChecked(checked) = heard.answer() else {
            panic!("a check was expected");
        };
        assert_eq!(checked.signature_verdict, Verdict::Valid);
        assert_eq!(checked.digest, story.digest("a.0"));
        story
            .operator_asks(check("a.1"))
            .is_refused(ErrorCode::TransactionStatusInvalid);
    }

    #[test]
    fn what_is_gone_is_not_called_wrong() {
        let mut story = story();
        let row = VaultName::transaction_content(&check().transaction_id);
        story.vault.rows.remove(&row);
        assert_eq!(verdicts(&mut story)[2], Verdict::Gone);
        let key = key_request(KeyParts::Whole);
        story.bank_asks(UpdateUserKey {
            key,
            is_delayed: false,
        });
        // The new device has another public key; the old one's signature is held against the old one's.
        story.register_device();
        assert_eq!(
            verdicts(&mut story),
            [Verdict::Valid, Verdict::Gone, Verdict::Gone]
        );
    }

    #[test]
    fn another_text_in_the_vault_is_found_out() {
        let mut story = story();
        let row = VaultName::transaction_content(&check().transaction_id);
        story.vault.rows.insert(row, Secret::new([0xc1]));
        assert_eq!(verdicts(&mut story)[2], Verdict::Invalid);
    }

    #[test]
    fn what_was_never_given_is_absent() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        let confirmation = story.confirmation("invoice-1");
        story.device_asks(confirmation);
        assert_eq!(
            verdicts(&mut story),
            [Verdict::Valid, Verdict::Absent, Verdict::Gone]
        );
    }

    #[test]
    fn only_a_confirmed_transaction_can_be_checked() {
        let mut story = Story::of_a_registered_device();
        story
            .operator_asks(check())
            .is_refused(ErrorCode::TransactionIsNull);
        story.create_transaction("invoice-1");
        story
            .operator_asks(check())
            .is_refused(ErrorCode::TransactionStatusInvalid);
    }
}
