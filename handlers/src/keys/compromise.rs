//! A key whose private half is known to others: nothing is believed of it any more.

use schemas::events::keys::NonceRepeated;
use schemas::events::{Event, Refused};
use schemas::{ErrorCode, OperationId, TransactionId};

use crate::asked::Asked;
use crate::decision::Decision;

/// Where it showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Betrayal<'a> {
    /// The command's word.
    pub(crate) word: &'static str,
    /// The transaction that is not confirmed.
    pub(crate) transaction_id: &'a TransactionId,
    /// The operation, when several were answered at once.
    pub(crate) operation_id: Option<&'a OperationId>,
}

/// Blocks the key for good. The journal hears of the refusal under the manual's word, and of the reason under ours.
pub(crate) fn block(asked: &Asked<'_>, betrayal: Betrayal<'_>) -> Decision {
    let refused = Event::Refused(Refused {
        word: betrayal.word,
        transaction_id: Some(betrayal.transaction_id.clone()),
        operation_id: betrayal.operation_id.cloned(),
    });
    let repeated = NonceRepeated {
        key_index: asked.key.index,
        transaction_id: betrayal.transaction_id.clone(),
    };
    Decision {
        code: ErrorCode::UserIsBlocked,
        ..Decision::happened(vec![refused, repeated.into()])
    }
}

#[cfg(test)]
mod tests {
    use schemas::commands::users::UnblockUser;

    use super::*;
    use crate::testing::Story;

    const DONE: &[&str] = &["confirm_transaction", "clean_transaction"];

    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        story.create_transaction("invoice-1");
        story
    }

    #[test]
    fn a_nonce_that_comes_again_costs_the_key() {
        let mut story = story();
        for id in ["invoice-2", "invoice-3"] {
            story.create_transaction(id);
        }
        for (id, nonce) in [("invoice-1", 7), ("invoice-2", 8)] {
            let command = story.confirmation_with_nonce(id, nonce);
            story.device_asks(command).happens(DONE);
        }
        let command = story.confirmation_with_nonce("invoice-3", 7);
        let heard = story.device_asks(command);
        heard.happens(&["confirm_transaction", "key_compromised_nonce"]);
        assert_eq!(heard.code(), ErrorCode::UserIsBlocked);
        // The bank's word does not mend it, another key does.
        story
            .bank_asks(UnblockUser { reason: None })
            .happens(&["change_user"]);
        let command = story.confirmation("invoice-3");
        story
            .device_asks(command)
            .is_refused(ErrorCode::UserIsBlocked);
        story.replace_key();
        story.register_device();
        let command = story.confirmation("invoice-3");
        story.device_asks(command).happens(DONE);
    }

    #[test]
    fn a_wrong_signature_says_nothing_about_the_key() {
        let mut story = story();
        story.create_transaction("invoice-2");
        let command = story.confirmation_with_nonce("invoice-1", 7);
        story.device_asks(command).happens(DONE);
        let mut command = story.confirmation_with_nonce("invoice-2", 7);
        // Its last byte belongs to s.
        *command.signature.as_mut().unwrap().last_mut().unwrap() ^= 1;
        story
            .device_asks(command)
            .is_refused(ErrorCode::SignatureIsInvalid);
        let command = story.confirmation("invoice-2");
        story.device_asks(command).happens(DONE);
    }
}
