//! What frames an operation's transactions: a description, the application's own data, a few words for each list entry.
//! It lies in the vault; the event keeps only its digest. None of it is signed: what is signed is every transaction's own
//! text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::TextType;
use crate::ids::{Digest, TransactionId};
use crate::sealed::Secret;

/// A text, and how it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The text.
    pub text: Secret,
    /// How it is shown.
    pub text_type: TextType,
}

/// The frame of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationContent {
    /// Thirty-two random bytes: without them the digest says nothing about the content.
    #[serde(with = "serde_bytes")]
    pub salt: Vec<u8>,
    /// What the operation is about.
    #[serde(default)]
    pub description: Option<Described>,
    /// Free JSON for the application.
    #[serde(default)]
    pub app_extra: Option<Secret>,
    /// A few words about a transaction, for a list.
    #[serde(default)]
    pub snippets: BTreeMap<TransactionId, Described>,
}

impl OperationContent {
    /// The vault's row, and its digest.
    pub fn encode(&self) -> (Secret, Digest) {
        let row = rmp_serde::to_vec_named(self).expect("a frame holds nothing MessagePack cannot");
        let digest = Digest::sha256(&row);
        (Secret::new(row), digest)
    }

    /// The content of a row; `None` when it is not the one with that digest.
    pub fn decode(row: &[u8], digest: &Digest) -> Option<Self> {
        if Digest::sha256(row) != *digest {
            return None;
        }
        rmp_serde::from_slice(row).ok()
    }
}
