//! A transaction as it was shown: the only thing that can be confirmed.

use schemas::canonical::{self, TextType};
use schemas::carried::CarriedTransaction;
use schemas::{Digest, SystemId, Timestamp, TransactionId, UserId};

use crate::confirm_code::{DIGITS_MAX, DIGITS_MIN};
use crate::contents::{OperationSummary, TransactionData, TransactionSummary};
use crate::error::{AnswerError, LocalError};
use crate::key_json::KeyInfo;
use crate::render;

/// A transaction whose text and bytes were fetched, authenticated and hashed by this device. Only
/// [`crate::Device::show`] and its siblings make one, and only one can be confirmed: what was not shown is not signed.
#[derive(Clone, Debug)]
pub struct Shown {
    system_id: SystemId,
    user_id: UserId,
    data: TransactionData,
    binary: Option<Vec<u8>>,
    digest: Digest,
}

/// An operation as it was shown. Only its transactions can be confirmed, each as a [`Shown`] of its own.
#[derive(Clone, Debug)]
pub struct ShownOperation {
    /// Where it stands.
    pub summary: OperationSummary,
    /// What it is about, as served. Nobody signs it. For the screen take [`ShownOperation::rendered_description`].
    pub description: Option<String>,
    /// JSON for the application.
    pub app_extra: Option<serde_json::Value>,
    /// Its transactions.
    pub members: Vec<ShownMember>,
}

/// A transaction of an operation, as it was shown.
#[derive(Clone, Debug)]
pub struct ShownMember {
    /// Where it stands.
    pub summary: TransactionSummary,
    /// A few words for a list, as served. Nobody signs them.
    pub snippet: Option<String>,
    /// What can be confirmed; `None` once it was answered.
    pub shown: Option<Shown>,
}

impl ShownOperation {
    /// The description with invisible and direction-changing characters named.
    pub fn rendered_description(&self) -> Option<String> {
        self.description.as_deref().map(render::as_shown)
    }
}

impl Shown {
    /// Recomputes the digest from what was served, and refuses everything that does not fit.
    pub(crate) fn new(
        info: &KeyInfo,
        transaction_id: &TransactionId,
        data: TransactionData,
        binary: Option<Vec<u8>>,
    ) -> Result<Self, AnswerError> {
        if data.transaction_id != *transaction_id {
            return Err(AnswerError::AnotherTransaction);
        }
        let digits = data.confirm_code_length;
        if digits.is_some_and(|digits| !(DIGITS_MIN..=DIGITS_MAX).contains(&digits)) {
            return Err(AnswerError::ValueImpossible("confirm_code_length"));
        }
        let hashed = binary.as_deref().map(Digest::sha256);
        if hashed != data.binary_sha256 {
            return Err(AnswerError::BinaryMismatch);
        }
        let canonical = canonical::canonical_bytes(&canonical::Shown {
            system_id: info.system_id.as_str(),
            user_id: info.user_id.as_str(),
            transaction_id: transaction_id.as_str(),
            salt: data.salt.as_bytes(),
            text_type: data.text_type,
            text: &data.text,
            binary_sha256: hashed.as_ref(),
        });
        let digest = Digest::sha256(&canonical);
        if digest != data.digest {
            return Err(AnswerError::DigestMismatch);
        }
        Ok(Self {
            system_id: info.system_id.clone(),
            user_id: info.user_id.clone(),
            data,
            binary,
            digest,
        })
    }

    /// A transaction that the phone read from a QR code, without a network. Its text proves nothing by itself: a code made
    /// over another text than the bank's is simply wrong.
    pub(crate) fn carried(info: &KeyInfo, text: &str) -> Result<Self, LocalError> {
        let carried = CarriedTransaction::parse(text).ok_or(LocalError::NotATransaction)?;
        if carried.system_id != info.system_id || carried.user_id != info.user_id {
            return Err(LocalError::ShownWithAnotherKey);
        }
        let digits = carried.confirm_code_length;
        if digits.is_some_and(|digits| !(DIGITS_MIN..=DIGITS_MAX).contains(&digits)) {
            return Err(LocalError::NotATransaction);
        }
        let canonical = canonical::canonical_bytes(&canonical::Shown {
            system_id: info.system_id.as_str(),
            user_id: info.user_id.as_str(),
            transaction_id: carried.transaction_id.as_str(),
            salt: carried.salt.as_bytes(),
            text_type: carried.text_type,
            text: &carried.text,
            binary_sha256: None,
        });
        let digest = Digest::sha256(&canonical);
        Ok(Self {
            system_id: carried.system_id,
            user_id: carried.user_id,
            data: TransactionData {
                transaction_id: carried.transaction_id,
                text: carried.text,
                text_type: carried.text_type,
                salt: carried.salt,
                binary_sha256: None,
                digest,
                expires_at: carried.expires_at,
                confirm_code_length: carried.confirm_code_length,
            },
            binary: None,
            digest,
        })
    }

    /// Which transaction.
    pub fn transaction_id(&self) -> &TransactionId {
        &self.data.transaction_id
    }

    /// The text exactly as served and signed. For the screen take [`Shown::rendered_text`].
    pub fn text(&self) -> &str {
        &self.data.text
    }

    /// The text with invisible and direction-changing characters named.
    pub fn rendered_text(&self) -> String {
        render::as_shown(&self.data.text)
    }

    /// How the text is meant to be shown. Raw is always permitted.
    pub fn text_type(&self) -> TextType {
        self.data.text_type
    }

    /// The bytes that go with the text; `None` when there are none.
    pub fn binary(&self) -> Option<&[u8]> {
        self.binary.as_deref()
    }

    /// SHA-256 of the canonical bytes: what is signed.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Deadline; `None` means no deadline. The server decides with its own clock.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.data.expires_at
    }

    /// Decimal digits of the confirmation code; `None` means 64 hex digits.
    pub fn confirm_code_length(&self) -> Option<u8> {
        self.data.confirm_code_length
    }

    /// Was it shown to the user of this key?
    pub(crate) fn check_owner(&self, info: &KeyInfo) -> Result<(), LocalError> {
        if self.system_id == info.system_id && self.user_id == info.user_id {
            Ok(())
        } else {
            Err(LocalError::ShownWithAnotherKey)
        }
    }
}
