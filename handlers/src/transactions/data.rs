//! `get_transaction_data`: the text, for whoever is to sign it or wrote it.

use schemas::answers::{AnswerBody, TransactionData};
use schemas::canonical::TransactionContent;
use schemas::commands::transactions::GetTransactionData;
use schemas::events::transactions::TransactionServed;
use schemas::{Digest, Secret, TransactionId};

use super::state::Transaction;
use super::{Rejection, content};
use crate::asked::{Asked, By};
use crate::decision::Decision;

/// Answers with everything that is signed. A device that fetched it marks the transaction `dataSent`.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &GetTransactionData,
) -> Result<Decision, Rejection> {
    let id = &command.transaction_id;
    let transaction = content::visible(asked, id)?;
    let content = content::read(asked, id, transaction)?;
    let served = TransactionServed {
        transaction_id: id.clone(),
        to_device: matches!(asked.by, By::Device(_)),
    };
    let data = shown(id, transaction, content);
    Ok(Decision::happened(vec![served.into()])
        .answering(AnswerBody::TransactionData(Box::new(data))))
}

/// Everything that is signed, and how.
pub(crate) fn shown(
    id: &TransactionId,
    transaction: &Transaction,
    content: TransactionContent,
) -> TransactionData {
    TransactionData {
        transaction_id: id.clone(),
        salt: content.salt,
        text_type: content.text_type,
        text: Secret::new(content.text),
        binary_sha256: content.binary.as_deref().map(Digest::sha256),
        digest: transaction.digest,
        expires_at: transaction.expires_at,
        confirm_code_length: transaction.confirm_code_length,
    }
}

#[cfg(test)]
mod tests {
    use schemas::canonical::TransactionContent;
    use schemas::commands::transactions::{DeclineTransaction, DeleteTransaction};
    use schemas::vault::VaultName;
    use schemas::{ErrorCode, Secret};

    use super::*;
    use crate::testing::{NOW, Story};

    fn get() -> GetTransactionData {
        GetTransactionData {
            transaction_id: "invoice-1".parse().unwrap(),
        }
    }

    fn story() -> Story {
        let mut story = Story::of_a_registered_device();
        story.create_transaction_until("invoice-1", 60);
        story
    }

    #[test]
    fn the_device_gets_what_it_signs() {
        let mut story = story();
        let data = story.get_data("invoice-1");
        let content = TransactionContent {
            salt: data.salt,
            text_type: data.text_type,
            text: data.text.expose_text().unwrap().to_owned(),
            binary: None,
        };
        let digest = content.digest(&story.system_id, &story.user_id, &data.transaction_id);
        assert_eq!(digest, data.digest);
    }

    #[test]
    fn a_device_reads_only_what_it_can_answer() {
        let mut unknown = Story::of_a_user();
        unknown
            .device_asks(get())
            .is_refused(ErrorCode::TransactionIsNull);

        let mut confirmed = story();
        let confirmation = confirmed.confirmation("invoice-1");
        confirmed
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        confirmed
            .device_asks(get())
            .is_refused(ErrorCode::TransactionChecked);

        let mut expired = story();
        expired.at(NOW.plus_seconds(60));
        expired
            .device_asks(get())
            .is_refused(ErrorCode::TransactionExpired);

        let mut deleted = story();
        let delete = DeleteTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
        };
        deleted.bank_asks(delete).happens(&["delete_transaction"]);
        deleted
            .device_asks(get())
            .is_refused(ErrorCode::TransactionIsDeleted);
    }

    #[test]
    fn the_bank_reads_what_was_not_erased() {
        let mut declined = story();
        let decline = DeclineTransaction {
            transaction_id: "invoice-1".parse().unwrap(),
            reason: "wrong data".to_owned(),
            code: None,
        };
        declined
            .device_asks(decline)
            .happens(&["decline_transaction"]);
        declined.bank_asks(get()).happens(&["get_transaction_data"]);

        let mut cleaned = story();
        let confirmation = cleaned.confirmation("invoice-1");
        cleaned
            .device_asks(confirmation)
            .happens(&["confirm_transaction", "clean_transaction"]);
        cleaned.bank_asks(get()).is_refused(ErrorCode::NoResult);
    }

    #[test]
    fn a_content_somebody_changed_is_not_shown() {
        let mut story = story();
        let name = VaultName::transaction_content(&"invoice-1".parse().unwrap());
        let mut content: TransactionContent =
            rmp_serde::from_slice(story.vault.get(&name).unwrap()).unwrap();
        content.text = content.text.replace("1 500", "9 500");
        let altered = Secret::new(rmp_serde::to_vec_named(&content).unwrap());
        story.vault.rows.insert(name.clone(), altered);
        story
            .device_asks(get())
            .is_refused(ErrorCode::TransactionDataError);
        story.vault.rows.insert(name.clone(), Secret::new([0xc1]));
        story
            .device_asks(get())
            .is_refused(ErrorCode::TransactionDataError);
        story.vault.rows.remove(&name);
        story.device_asks(get()).is_refused(ErrorCode::NoResult);
        story.vault.altered.insert(name);
        story
            .device_asks(get())
            .is_refused(ErrorCode::TransactionDataError);
    }
}
