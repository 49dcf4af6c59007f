//! What a phone reads from a transaction's QR code or link: all of an offline transaction, or the name of another. Ours;
//! `docs/mobile-protocol.md` has the same in prose.

use serde::{Deserialize, Serialize};

use crate::canonical::TextType;
use crate::ids::{Digest, SystemId, TransactionId, UserId};
use crate::time::Timestamp;

/// Most bytes a QR code of error correction M holds (version 40, byte mode).
pub const QR_BYTES_MAX: usize = 2331;

/// An offline transaction, whole: what a phone without a network shows, and makes a code over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedTransaction {
    /// Version of this text: 1.
    pub v: u32,
    /// `pc_transaction`.
    pub r#type: String,
    /// The system.
    pub system_id: SystemId,
    /// The person.
    pub user_id: UserId,
    /// Which transaction.
    pub transaction_id: TransactionId,
    /// The text.
    pub text: String,
    /// How it is shown.
    pub text_type: TextType,
    /// The salt under the code.
    pub salt: Digest,
    /// Decimal digits of the confirmation code; `None` means all 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_code_length: Option<u8>,
    /// Deadline; `None` means no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl CarriedTransaction {
    /// What `type` says.
    pub const TYPE: &'static str = "pc_transaction";

    /// The text of the QR code.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("it has text keys only")
    }

    /// Reads the text of a QR code; `None` when it is not one of these, or of another version.
    pub fn parse(text: &str) -> Option<Self> {
        let carried: Self = serde_json::from_str(text).ok()?;
        (carried.v == 1 && carried.r#type == Self::TYPE).then_some(carried)
    }
}

/// The name of a transaction: the phone fetches the rest from the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedName {
    /// Version of this text: 1.
    pub v: u32,
    /// `pc_login`.
    pub r#type: String,
    /// The system.
    pub system_id: SystemId,
    /// The person.
    pub user_id: UserId,
    /// Which transaction.
    pub transaction_id: TransactionId,
}

impl CarriedName {
    /// What `type` says.
    pub const TYPE: &'static str = "pc_login";

    /// The text of the QR code.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("it has text keys only")
    }

    /// Reads the text of a QR code; `None` when it is not one of these, or of another version.
    pub fn parse(text: &str) -> Option<Self> {
        let carried: Self = serde_json::from_str(text).ok()?;
        (carried.v == 1 && carried.r#type == Self::TYPE).then_some(carried)
    }
}

/// The link that opens a transaction in the application. Every id holds only characters that need no escape.
pub fn transaction_link(
    scheme: &str,
    system_id: &SystemId,
    user_id: &UserId,
    transaction_id: &TransactionId,
) -> String {
    format!(
        "{scheme}://transaction?system_id={system_id}&user_id={user_id}&transaction_id={transaction_id}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let carried = CarriedTransaction {
            v: 1,
            r#type: CarriedTransaction::TYPE.to_owned(),
            system_id: "s".parse().expect("an id"),
            user_id: "u".parse().expect("an id"),
            transaction_id: "t".parse().expect("an id"),
            text: "Перевод 5 ₽".to_owned(),
            text_type: TextType::Raw,
            salt: Digest([3; 32]),
            confirm_code_length: Some(6),
            expires_at: None,
        };
        let text = carried.to_text();
        assert!(text.starts_with(r#"{"v":1,"type":"pc_transaction","system_id":"s""#));
        assert_eq!(CarriedTransaction::parse(&text), Some(carried));
        for other in [
            text.replace("\"v\":1", "\"v\":2"),
            text.replace("pc_transaction", "pc_user"),
            "{}".to_owned(),
            String::new(),
        ] {
            assert_eq!(CarriedTransaction::parse(&other), None);
        }
        assert_eq!(CarriedName::parse(&text), None);
    }
}
