//! What is signed: one unambiguous sequence of bytes for what the device showed. Ours; `docs/mobile-protocol.md` has the
//! same in prose, with vectors.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, SystemId, TransactionId, UserId};

/// How a transaction's text is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextType {
    /// As it stands.
    #[default]
    #[serde(alias = "Raw")]
    Raw,
    /// As Markdown.
    #[serde(alias = "Markdown")]
    Markdown,
}

impl TextType {
    /// The word on the wire and under the signature.
    pub fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Markdown => "markdown",
        }
    }
}

/// What a person is asked to agree to. It lies in the vault; the event keeps only its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionContent {
    /// Thirty-two random bytes: without them the digest says nothing about the content.
    #[serde(with = "serde_bytes")]
    pub salt: Vec<u8>,
    /// How the text is to be shown.
    pub text_type: TextType,
    /// The text, exactly as received.
    pub text: String,
    /// The attached bytes, if any.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub binary: Option<Vec<u8>>,
}

impl TransactionContent {
    /// The bytes the device signs: seven fields, each preceded by its length (4 bytes, big endian).
    pub fn canonical(
        &self,
        system_id: &SystemId,
        user_id: &UserId,
        transaction_id: &TransactionId,
    ) -> Vec<u8> {
        let binary = self.binary.as_deref().map(Digest::sha256);
        canonical_bytes(&Shown {
            system_id: system_id.as_str(),
            user_id: user_id.as_str(),
            transaction_id: transaction_id.as_str(),
            salt: &self.salt,
            text_type: self.text_type,
            text: &self.text,
            binary_sha256: binary.as_ref(),
        })
    }

    /// SHA-256 of the canonical bytes: what ECDSA signs, and what the event keeps.
    pub fn digest(
        &self,
        system_id: &SystemId,
        user_id: &UserId,
        transaction_id: &TransactionId,
    ) -> Digest {
        Digest::sha256(&self.canonical(system_id, user_id, transaction_id))
    }
}

/// The fields under a signature, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The system.
    pub system_id: &'a str,
    /// The person.
    pub user_id: &'a str,
    /// The transaction.
    pub transaction_id: &'a str,
    /// The salt the server served with the text.
    pub salt: &'a [u8],
    /// How the text is shown.
    pub text_type: TextType,
    /// The text as shown.
    pub text: &'a str,
    /// SHA-256 of the binary; `None` when there is none.
    pub binary_sha256: Option<&'a Digest>,
}

/// The first field of every canonical sequence: protocol and version.
pub const DOMAIN: &str = "pc-tx-v1";

/// Domain, system, user, transaction, salt, text type, text, SHA-256 of the binary (empty without one): each preceded by
/// its length as 4 bytes, big endian.
pub fn canonical_bytes(shown: &Shown<'_>) -> Vec<u8> {
    let fields: [&[u8]; 8] = [
        DOMAIN.as_bytes(),
        shown.system_id.as_bytes(),
        shown.user_id.as_bytes(),
        shown.transaction_id.as_bytes(),
        shown.salt,
        shown.text_type.word().as_bytes(),
        shown.text.as_bytes(),
        shown.binary_sha256.map_or(&[], |digest| digest.as_bytes()),
    ];
    length_prefixed(&fields)
}

/// Data that a code on a user's key is made for, and that is no transaction.
#[derive(Clone, Copy, Debug)]
pub struct UserData<'a> {
    /// The system.
    pub system_id: &'a SystemId,
    /// The person.
    pub user_id: &'a UserId,
    /// The data.
    pub data: &'a [u8],
}

impl UserData<'_> {
    /// SHA-256 over `pc-data-v1`, system, user and data, each preceded by its length.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&length_prefixed(&[
            b"pc-data-v1",
            self.system_id.as_str().as_bytes(),
            self.user_id.as_str().as_bytes(),
            self.data,
        ]))
    }
}

/// Data that a code on the server's own key is made for.
#[derive(Clone, Copy, Debug)]
pub struct CommonData<'a> {
    /// The system.
    pub system_id: &'a SystemId,
    /// The data.
    pub data: &'a [u8],
}

impl CommonData<'_> {
    /// SHA-256 over `pc-common-v1`, system and data, each preceded by its length.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&length_prefixed(&[
            b"pc-common-v1",
            self.system_id.as_str().as_bytes(),
            self.data,
        ]))
    }
}

/// The fields one after the other, each preceded by its length as 4 bytes, big endian.
pub(crate) fn length_prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 4).sum());
    for field in fields {
        let length = u32::try_from(field.len()).expect("the doors accept no body near 4 GiB");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The published vector: another implementation must arrive at the same digest.
    #[test]
    fn the_published_vector_holds() -> Result<(), crate::ids::InvalidId> {
        let content = TransactionContent {
            salt: (0..32).collect(),
            text_type: TextType::Raw,
            text: "Перевод 1 500,00 ₽\nПолучатель: ООО «Ромашка»".to_owned(),
            binary: Some(b"%PDF-1.7".to_vec()),
        };
        let (system_id, user_id) = (
            "f13e4375-e429-496c-ad1e-0fc3c3ecfb53".parse()?,
            "sample-1".parse()?,
        );
        let digest = content.digest(&system_id, &user_id, &"invoice-42".parse()?);
        assert_eq!(
            digest.to_string(),
            "2119e443ec9040b99cc5ad5c7d3ca41552fcb236d1348f9d5887d30afded9a9f"
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn moving_a_byte_between_fields_changes_the_bytes(text in ".{1,40}", user in "[a-z]{2,10}") {
            let shown = Shown {
                system_id: "s", user_id: &user, transaction_id: "t", salt: b"salt", text_type: TextType::Raw,
                text: &text, binary_sha256: None,
            };
            let moved = format!("t{}", &user[..1]);
            let other = Shown { user_id: &user[1..], transaction_id: &moved, ..shown };
            prop_assert_ne!(canonical_bytes(&shown), canonical_bytes(&other));
        }
    }
}
