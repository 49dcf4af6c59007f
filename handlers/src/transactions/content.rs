//! A transaction's text and bytes, read back from the vault; and what an operator sees of a transaction.

use schemas::TransactionId;
use schemas::answers::{TransactionData, TransactionInfo};
use schemas::canonical::TransactionContent;
use schemas::vault::VaultName;

use super::Rejection;
use super::data::shown;
use super::state::{Content, Transaction};
use crate::asked::{Asked, By};

/// The transaction, if the caller may see what is in it: a device while it can still answer, the bank as long as the
/// content is there.
pub(crate) fn visible<'a>(
    asked: &Asked<'a>,
    id: &TransactionId,
) -> Result<&'a Transaction, Rejection> {
    let transaction = asked.person.transactions.get(id)?;
    if let By::Device(_) = asked.by {
        transaction.pending(asked.facts.now)?;
    }
    match transaction.content {
        Content::Kept => Ok(transaction),
        Content::Erased => Err(Rejection::ContentMissing),
    }
}

/// The content, if it is still the one the log has the digest of: nobody is shown what somebody else put there.
pub(crate) fn read(
    asked: &Asked<'_>,
    id: &TransactionId,
    transaction: &Transaction,
) -> Result<TransactionContent, Rejection> {
    let name = VaultName::transaction_content(id);
    if asked.facts.vault.is_altered(&name) {
        return Err(Rejection::ContentAltered);
    }
    let row = asked.facts.vault.get(&name);
    let content: TransactionContent = rmp_serde::from_slice(row.ok_or(Rejection::ContentMissing)?)
        .map_err(|_| Rejection::ContentAltered)?;
    if content.digest(asked.system_id, asked.user_id, id) != transaction.digest {
        return Err(Rejection::ContentAltered);
    }
    Ok(content)
}

/// A transaction's record, whatever became of it, and what is signed as long as that is kept.
pub(crate) fn seen(
    asked: &Asked<'_>,
    id: &TransactionId,
) -> Result<(TransactionInfo, Option<TransactionData>), Rejection> {
    let transaction = asked.person.transactions.get(id)?;
    let data = match read(asked, id, transaction) {
        Ok(content) => Some(shown(id, transaction, content)),
        Err(Rejection::ContentMissing) => None,
        Err(rejection) => return Err(rejection),
    };
    Ok((transaction.describe(id, asked.facts.now), data))
}

/// The record alone.
pub(crate) fn standing(
    asked: &Asked<'_>,
    id: &TransactionId,
) -> Result<(TransactionInfo, Option<TransactionData>), Rejection> {
    let transaction = asked.person.transactions.get(id)?;
    Ok((transaction.describe(id, asked.facts.now), None))
}

/// Do text and bytes have the transaction's digest? `None` when they are gone.
pub(crate) fn is_right(asked: &Asked<'_>, id: &TransactionId) -> Option<bool> {
    let transaction = asked.person.transactions.get(id).ok()?;
    match read(asked, id, transaction) {
        Ok(_) => Some(true),
        Err(Rejection::ContentAltered) => Some(false),
        Err(_) => None,
    }
}

/// Digits of the transaction's codes; `None` for 64 hex digits.
pub(crate) fn code_length(asked: &Asked<'_>, id: &TransactionId) -> Result<Option<u8>, Rejection> {
    let transaction = asked.person.transactions.get(id)?;
    Ok(transaction.confirm_code_length)
}
