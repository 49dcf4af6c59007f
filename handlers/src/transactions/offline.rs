//! `confirm_transaction` by the bank: the user read a code from a phone without a network and typed it into the bank's form.
//! Only for transactions that were created to be confirmed like this.
//!
//! Two steps, as in the activation of a key: first the try is counted and in the log, then the code is looked at.

use schemas::Secret;
use schemas::commands::transactions::{ConfirmTransaction, NotificationType};
use schemas::events::transactions::ConfirmationAttempted;

use super::state::{Pending, Transaction};
use super::{Rejection, confirm};
use crate::asked::Asked;
use crate::crypto::confirm_code::Subject;
use crate::crypto::key_material;
use crate::decision::{Decision, Next};
use crate::keys::{bound_fingerprint, usable_secret};

/// Counts a try, or looks at the code whose try was counted for this command.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &ConfirmTransaction,
) -> Result<Decision, Rejection> {
    // A signature is made online, and comes by the devices' door.
    if command.signature.is_some() {
        return Err(Rejection::NotForThisCaller);
    }
    let code = command
        .confirm_code
        .as_ref()
        .ok_or(Rejection::CodeMissing)?;
    let transaction = asked.person.transactions.get(&command.transaction_id)?;
    if transaction.notification_type != NotificationType::Offline {
        return Err(Rejection::NotOffline);
    }
    let pending = transaction.pending(asked.facts.now)?;
    let secret = usable_secret(asked)?;
    check_form(code, transaction)?;
    if pending.is_reserved(&asked.facts.command_id) {
        return evaluate(asked, command, code, transaction, pending, &secret);
    }
    if pending.codes_tried >= confirm::WRONG_CODES_MAX {
        return Err(Rejection::CodesExhausted);
    }
    let attempted = ConfirmationAttempted {
        transaction_id: command.transaction_id.clone(),
        attempt: pending.codes_tried + 1,
        command_id: asked.facts.command_id,
    };
    Ok(Decision {
        next: Next::DecideAgain,
        ..Decision::happened(vec![attempted.into()])
    })
}

/// Could this text be the transaction's code at all? Asking costs no try.
fn check_form(code: &str, transaction: &Transaction) -> Result<(), Rejection> {
    let characters = transaction.confirm_code_length.map_or(64, usize::from);
    if code.len() == characters {
        Ok(())
    } else {
        Err(Rejection::CodeLengthWrong)
    }
}

fn evaluate(
    asked: &Asked<'_>,
    command: &ConfirmTransaction,
    code: &str,
    transaction: &Transaction,
    pending: &Pending,
    secret: &Secret,
) -> Result<Decision, Rejection> {
    let subject = Subject {
        key: &key_material::confirm_key(secret),
        digest: &transaction.digest,
        fingerprint: bound_fingerprint(asked.key)?,
        length: transaction.confirm_code_length,
    };
    let step_s = asked.facts.settings.confirm_code_step_s();
    if !subject.accepts(code, asked.facts.now.step(step_s)) {
        return Err(Rejection::CodeCarriedWrong);
    }
    Ok(confirm::confirmed(
        asked,
        command,
        transaction,
        pending,
        None,
    ))
}

#[cfg(test)]
mod tests {
    use schemas::ErrorCode;
    use schemas::answers::AnswerBody;
    use schemas::canonical::TransactionContent;
    use schemas::carried::CarriedTransaction;
    use schemas::commands::keys::KeyParts;
    use schemas::commands::transactions::CreateTransaction;
    use schemas::events::Event;
    use schemas::events::transactions::TransactionEvent;

    use super::*;
    use crate::testing::{NOW, Story, create_transaction, key_request};

    const DONE: &[&str] = &[
        "confirm_transaction_attempt",
        "confirm_transaction",
        "clean_transaction",
    ];

    fn offline(digits: Option<u8>) -> CreateTransaction {
        CreateTransaction {
            notification_type: NotificationType::Offline,
            confirm_code_length: digits,
            ttl_s: Some(600),
            ..create_transaction("invoice-1")
        }
    }

    fn story(digits: Option<u8>) -> Story {
        let mut story = Story::of_a_registered_device();
        story
            .bank_asks(offline(digits))
            .happens(&["create_transaction"]);
        story
    }

    fn with_code(code: &str) -> ConfirmTransaction {
        ConfirmTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
            signature: None,
            confirm_code: Some(code.to_owned()),
            device_fingerprint: None,
        }
    }

    /// A code of six digits that is none of those accepted now.
    fn wrong(story: &Story) -> String {
        (0..1_000_000)
            .map(|code| format!("{code:06}"))
            .find(|code| (-1..=1).all(|step| story.code("invoice-1", step) != *code))
            .unwrap()
    }

    #[test]
    fn the_phone_makes_the_code_from_what_the_qr_code_carries() {
        let mut story = Story::of_a_registered_device();
        let created = story.bank_asks(offline(Some(6)));
        created.happens(&["create_transaction"]);
        assert!(created.decision().secret_answer, "the text is in it");
        let AnswerBody::TransactionCreated { qr_text, .. } = created.answer() else {
            panic!("a creation was expected");
        };
        let qr_text = qr_text.unwrap();
        let carried = CarriedTransaction::parse(qr_text.expose_text().unwrap()).unwrap();
        let content = TransactionContent {
            salt: carried.salt.0.to_vec(),
            text_type: carried.text_type,
            text: carried.text,
            binary: None,
        };
        let digest = content.digest(&story.system_id, &story.user_id, &carried.transaction_id);
        assert_eq!(digest, story.digest("invoice-1"));
        let code = story.code("invoice-1", 0);
        let confirmed = story.bank_asks(with_code(&code));
        confirmed.happens(DONE);
        let Event::Transactions(TransactionEvent::Confirmed(event)) =
            &confirmed.decision().events[0]
        else {
            panic!("a confirmation was expected");
        };
        assert_eq!(
            (&event.signature, event.confirm_code.as_deref()),
            (&None, Some(&*code))
        );
    }

    #[test]
    fn a_code_is_right_in_its_own_step_and_the_two_beside_it() {
        for digits in [None, Some(4), Some(10)] {
            for step in [-1, 0, 1] {
                let mut story = story(digits);
                let code = story.code("invoice-1", step);
                story.bank_asks(with_code(&code)).happens(DONE);
            }
        }
        let mut story = story(Some(10));
        for step in [-2, 2] {
            let code = story.code("invoice-1", step);
            story
                .bank_asks(with_code(&code))
                .is_refused(ErrorCode::InvalidOtp);
        }
    }

    #[test]
    fn after_five_wrong_codes_even_the_right_one_is_not_looked_at() {
        let mut story = story(Some(6));
        for _ in 0..5 {
            let wrong = wrong(&story);
            story
                .bank_asks(with_code(&wrong))
                .is_refused(ErrorCode::InvalidOtp);
        }
        let right = story.code("invoice-1", 0);
        story
            .bank_asks(with_code(&right))
            .is_refused(ErrorCode::TransactionStatusInvalid);
        let signed = story.confirmation("invoice-1");
        story
            .device_asks(signed)
            .happens(&["confirm_transaction", "clean_transaction"]);
    }

    #[test]
    fn tries_at_the_same_moment_are_counted_before_any_is_looked_at() {
        let mut story = story(Some(6));
        let wrong = wrong(&story);
        let tries: Vec<_> = (0..64)
            .map(|_| story.bank_request(with_code(&wrong)))
            .collect();
        let mut reserved = 0;
        for envelope in &tries {
            let heard = story.receive_first_step(envelope.clone());
            if heard.code() == ErrorCode::Normal {
                reserved += 1;
            } else {
                heard.is_refused(ErrorCode::TransactionStatusInvalid);
            }
        }
        assert_eq!(reserved, 5);
        for envelope in tries.into_iter().take(5) {
            story.receive(envelope).is_refused(ErrorCode::InvalidOtp);
        }
    }

    #[test]
    fn a_try_that_was_counted_is_looked_at_once_after_a_crash() {
        let mut story = story(Some(6));
        let code = story.code("invoice-1", 0);
        let envelope = story.bank_request(with_code(&code));
        story
            .receive_first_step(envelope.clone())
            .happens(&["confirm_transaction_attempt"]);
        story
            .receive(envelope)
            .happens(&["confirm_transaction", "clean_transaction"]);
        story
            .bank_asks(with_code(&code))
            .is_refused(ErrorCode::TransactionChecked);
    }

    #[test]
    fn only_what_was_created_for_it_is_confirmed_like_this() {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        let code = story.code("invoice-1", 0);
        story
            .bank_asks(with_code(&code))
            .is_refused(ErrorCode::IncorrectTransactionType);
        let mut offline = self::story(Some(6));
        let signed = offline.confirmation("invoice-1");
        offline
            .bank_asks(signed)
            .is_refused(ErrorCode::RequestError);
        let mut nothing = with_code("");
        nothing.confirm_code = None;
        offline
            .bank_asks(nothing)
            .is_refused(ErrorCode::ConfirmCodeIsNull);
        for code in ["", "12345", "1234567"] {
            offline
                .bank_asks(with_code(code))
                .is_refused(ErrorCode::ConfirmCodeLengthIsWrong);
        }
        let mut unknown = with_code("123456");
        unknown.transaction_id = "invoice-2".parse().unwrap();
        offline
            .bank_asks(unknown)
            .is_refused(ErrorCode::TransactionIsNull);
    }

    #[test]
    fn the_deadline_and_the_keys_end_are_too_late() {
        let mut late = story(Some(6));
        late.at(NOW.plus_seconds(600));
        let code = late.code("invoice-1", 0);
        late.bank_asks(with_code(&code))
            .is_refused(ErrorCode::TransactionExpired);
        let mut without_end = Story::of_a_registered_device();
        let mut command = offline(Some(6));
        command.ttl_s = Some(0);
        without_end
            .bank_asks(command)
            .happens(&["create_transaction"]);
        without_end.at(without_end.key_valid_to());
        let code = without_end.code("invoice-1", 0);
        without_end
            .bank_asks(with_code(&code))
            .is_refused(ErrorCode::KeyExpired);
        let mut half = Story::of_a_user_with(key_request(KeyParts::TwoDrawCode { digits: 6 }));
        half.bank_asks(offline(Some(6)))
            .happens(&["create_transaction"]);
        half.bank_asks(with_code("123456"))
            .is_refused(ErrorCode::KeyNotActivated);
    }
}
