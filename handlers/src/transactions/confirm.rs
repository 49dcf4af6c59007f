//! `confirm_transaction`: the user agrees, and can be held to it.

#[cfg(test)]
mod tests;

use schemas::commands::transactions::{ConfirmTransaction, TransactionKind};
use schemas::events::transactions::{TransactionCleaned, TransactionConfirmed};
use schemas::vault::VaultName;
use schemas::{Digest, Timestamp, TransactionId};

use super::Rejection;
use super::state::{Pending, Transaction};
use crate::asked::{Asked, By};
use crate::crypto::confirm_code::Subject;
use crate::crypto::signature::{InvalidSignature, Signature};
use crate::crypto::{key_material, same};
use crate::decision::{Decision, Erasure};
use crate::facts::SignatureCheck;
use crate::keys::{self, Betrayal, bound_fingerprint};
use crate::operations;
use crate::policies::expiry_timer;
use crate::users::Person;

/// The words under which a refusal with 244 counts as a wrong code.
pub(super) const WORDS: [&str; 2] = ["confirm_transaction", "operations_process"];

/// Wrong codes a transaction suffers. After them no code is looked at; a signature still is.
pub(super) const WRONG_CODES_MAX: u32 = 5;

/// What a user shows for a consent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof<'a> {
    /// DER as received.
    pub(crate) signature: Option<&'a Vec<u8>>,
    /// As typed or computed.
    pub(crate) confirm_code: Option<&'a String>,
    /// Which device it says it is, when it says so.
    pub(crate) device_fingerprint: Option<&'a Digest>,
}

/// Accepts the proof of a user's consent to a pending transaction.
pub(super) fn decide(
    asked: &Asked<'_>,
    command: &ConfirmTransaction,
) -> Result<Decision, Rejection> {
    let proof = Proof {
        signature: command.signature.as_ref(),
        confirm_code: command.confirm_code.as_ref(),
        device_fingerprint: command.device_fingerprint.as_ref(),
    };
    proof.check_given()?;
    let id = &command.transaction_id;
    let transaction = asked.person.transactions.get(id)?;
    let pending = transaction.pending(asked.facts.now)?;
    match proof.check(asked, transaction, pending) {
        Err(Rejection::NonceRepeated) => Ok(keys::block(
            asked,
            Betrayal {
                word: WORDS[0],
                transaction_id: id,
                operation_id: None,
            },
        )),
        checked => Ok(confirmed(asked, command, transaction, pending, checked?)),
    }
}

/// What happens once the proof is right.
pub(super) fn confirmed(
    asked: &Asked<'_>,
    command: &ConfirmTransaction,
    transaction: &Transaction,
    pending: &Pending,
    signature: Option<Signature>,
) -> Decision {
    let id = &command.transaction_id;
    let confirmed = TransactionConfirmed {
        transaction_id: id.clone(),
        key_index: asked.key.index,
        signature: signature.map(Signature::to_low_s_der),
        confirm_code: command.confirm_code.clone(),
        digest: transaction.digest,
        callback_url: pending
            .callback_url
            .clone()
            .or_else(|| asked.system.callback_url()),
        operation: operations::step(asked, id, transaction),
    };
    let frame = operations::frame_of_processed(confirmed.operation.as_ref());
    let mut decision = Decision {
        cancelled_timers: vec![expiry_timer(id)],
        ..Decision::happened(vec![confirmed.into()])
    };
    let settings = asked.facts.settings;
    let cleans = match transaction.kind {
        TransactionKind::Ordinary => settings.clean_transaction(),
        TransactionKind::Login => settings.clean_login_transaction(),
    };
    if cleans {
        let transaction_id = id.clone();
        let text = Erasure::Row(VaultName::transaction_content(id));
        decision.erase = [text].into_iter().chain(frame).collect();
        decision
            .events
            .push(TransactionCleaned { transaction_id }.into());
    }
    decision
}

/// The question whether the registered public key signed the transaction; `None` when there is nothing to ask. Whether it
/// is asked in time nobody knows yet.
pub(crate) fn question(
    person: &Person,
    id: &TransactionId,
    signature: Option<&Vec<u8>>,
) -> Option<SignatureCheck> {
    let transaction = person.transactions.get(id).ok()?;
    transaction.pending(Timestamp(i64::MIN)).ok()?;
    Signature::parse(signature?).ok()?;
    Some(SignatureCheck {
        public_key: person.keys.current.registered.as_ref()?.public_key.clone(),
        digest: transaction.digest,
        signature: signature?.clone(),
    })
}

impl Proof<'_> {
    /// Is there any?
    pub(crate) fn check_given(&self) -> Result<(), Rejection> {
        if self.signature.is_none() && self.confirm_code.is_none() {
            return Err(Rejection::NothingGiven);
        }
        Ok(())
    }

    /// A signature by the registered public key, a confirmation code, or both. Every proof that is given must be right.
    ///
    /// The signature is looked at first, so that nobody without the private key can try codes.
    pub(crate) fn check(
        &self,
        asked: &Asked<'_>,
        transaction: &Transaction,
        pending: &Pending,
    ) -> Result<Option<Signature>, Rejection> {
        let fingerprint = bound_fingerprint(asked.key)?;
        check_device(self.device_fingerprint, fingerprint)?;
        let signature = check_signature(asked, self.signature, transaction)?;
        if let Some(code) = self.confirm_code {
            check_code(asked, code, transaction, pending, fingerprint)?;
        }
        Ok(signature)
    }
}

/// A device that says it is another than the one the key is bound to confirms nothing. One that says nothing shows by its
/// code which one it is.
pub(super) fn check_device(
    claimed: Option<&Digest>,
    bound: Option<&Digest>,
) -> Result<(), Rejection> {
    match (claimed, bound) {
        (Some(claimed), Some(bound)) if !same(claimed.as_bytes(), bound.as_bytes()) => {
            Err(Rejection::DeviceMismatch)
        }
        _ => Ok(()),
    }
}

/// The signature, when one was given and it is right. With a registered public key there must be one.
fn check_signature(
    asked: &Asked<'_>,
    given: Option<&Vec<u8>>,
    transaction: &Transaction,
) -> Result<Option<Signature>, Rejection> {
    let Some(der) = given else {
        return if asked.key.registered.is_some() {
            Err(Rejection::SignatureMissing)
        } else {
            Ok(None)
        };
    };
    let registered = asked.key.registered.as_ref();
    let registered = registered.ok_or(Rejection::KeyNotRegistered)?;
    let signature = Signature::parse(der).map_err(|invalid| match invalid {
        InvalidSignature::Structure => Rejection::SignatureMalformed,
        InvalidSignature::Range => Rejection::SignatureWrong,
    })?;
    let question = SignatureCheck {
        public_key: registered.public_key.clone(),
        digest: transaction.digest,
        signature: der.clone(),
    };
    if !asked.is_signed(&question) {
        return Err(Rejection::SignatureWrong);
    }
    let nonces = &registered.nonces;
    if nonces.are_betrayed_by(&signature, &transaction.digest) {
        return Err(Rejection::NonceRepeated);
    }
    Ok(Some(signature))
}

fn check_code(
    asked: &Asked<'_>,
    code: &str,
    transaction: &Transaction,
    pending: &Pending,
    fingerprint: Option<&Digest>,
) -> Result<(), Rejection> {
    let By::Device(Some(whole)) = asked.by else {
        return Err(Rejection::KeyMaterialMissing);
    };
    if pending.codes_tried >= WRONG_CODES_MAX {
        return Err(Rejection::CodesExhausted);
    }
    let subject = Subject {
        key: &key_material::confirm_key(whole),
        digest: &transaction.digest,
        fingerprint,
        length: transaction.confirm_code_length,
    };
    if code.len() != subject.characters() {
        return Err(Rejection::CodeLengthWrong);
    }
    let step = asked
        .facts
        .now
        .step(asked.facts.settings.confirm_code_step_s());
    if subject.accepts(code, step) {
        Ok(())
    } else {
        Err(Rejection::CodeWrong)
    }
}
