//! `callback_receipts`: the house notes what became of callbacks about a user.

use schemas::commands::users::NoteReceipts;
use schemas::events::users::ReceiptsNoted;

use super::Life;
use crate::decision::Decision;

/// Notes them, also of a user who is gone: the bank was told something, and when. Nothing else changes.
pub(crate) fn decide(life: &Life, command: &NoteReceipts) -> Decision {
    if matches!(life, Life::Missing) || command.receipts.is_empty() {
        return Decision::happened(Vec::new());
    }
    let receipts = command.receipts.clone();
    Decision::happened(vec![ReceiptsNoted { receipts }.into()])
}

#[cfg(test)]
mod tests {
    use schemas::commands::users::{DeleteUser, Receipt, ReceiptOutcome};
    use schemas::{Digest, ErrorCode};

    use super::*;
    use crate::testing::{NOW, Story};

    fn receipts() -> NoteReceipts {
        NoteReceipts {
            receipts: vec![Receipt {
                letter_id: "msg_1".to_owned(),
                kind: "callback".to_owned(),
                position: "5-7".parse().unwrap(),
                outcome: ReceiptOutcome::Taken,
                status: Some(200),
                answer: Some(Digest([1; 32])),
                attempts: 1,
                at: NOW,
            }],
        }
    }

    #[test]
    fn what_became_of_callbacks_is_noted_of_users_who_are_gone_too() {
        let mut story = Story::of_a_user();
        story.house_asks(receipts()).happens(&["callback_receipts"]);
        story.bank_asks(DeleteUser {}).happens(&["delete_user"]);
        story.house_asks(receipts()).happens(&["callback_receipts"]);
    }

    #[test]
    fn nothing_is_noted_of_nobody_and_of_nothing() {
        Story::of_a_system().house_asks(receipts()).happens(&[]);
        let nothing = NoteReceipts {
            receipts: Vec::new(),
        };
        Story::of_a_user().house_asks(nothing).happens(&[]);
    }

    #[test]
    fn only_the_house_knows_the_word() {
        let mut story = Story::of_a_user();
        story
            .bank_asks(receipts())
            .is_refused(ErrorCode::RequestError);
        story
            .device_asks(receipts())
            .is_refused(ErrorCode::RequestError);
    }
}
