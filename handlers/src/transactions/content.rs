//! A transaction's text and bytes, read back from the vault.

use schemas::TransactionId;
use schemas::canonical::TransactionContent;
use schemas::vault::VaultName;

use super::Rejection;
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
    let row = asked.facts.vault.get(&VaultName::transaction_content(id));
    let content: TransactionContent = rmp_serde::from_slice(row.ok_or(Rejection::ContentMissing)?)
        .map_err(|_| Rejection::ContentAltered)?;
    if content.digest(asked.system_id, asked.user_id, id) != transaction.digest {
        return Err(Rejection::ContentAltered);
    }
    Ok(content)
}
