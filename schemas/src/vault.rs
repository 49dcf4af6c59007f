//! Names of the vault's rows: bytes that may have to be erased, kept beside the log and written in the same commit.

use serde::{Deserialize, Serialize};

use crate::ids::{CodeOrderId, CommandId, Digest, KeyIndex, OperationId, TransactionId};

/// Name of a row in its owner's part of the vault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VaultName(String);

impl VaultName {
    /// The half of a key's secret that the QR code carries; the whole secret when the key was issued whole.
    pub fn key_first_part(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/1"))
    }

    /// The half of a key's secret that only the right activation code releases; absent when the key was issued whole.
    pub fn key_second_part(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/2"))
    }

    /// What a proof of the activation code is compared with.
    pub fn activation_verifier(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/activation"))
    }

    /// The activation code itself, as text: only where the house sends codes, and only until the key is activated.
    pub fn activation_code(key_index: KeyIndex) -> Self {
        Self(format!("code/{key_index}"))
    }

    /// Where an activation code is to be sent: encoded `CodeContacts`.
    pub fn code_contacts(order_id: &CodeOrderId) -> Self {
        Self(format!("code-contacts/{order_id}"))
    }

    /// The salt of a key's password.
    pub fn password_salt(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/password-salt"))
    }

    /// What a proof of the password is compared with.
    pub fn password_verifier(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/password"))
    }

    /// The access key, closed with a key that follows from the password: nobody here can open it.
    pub fn access_key(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/access"))
    }

    /// The request keys of a key that was replaced: they decide nothing any more, they only let the device be told so.
    pub fn key_farewell(key_index: KeyIndex) -> Self {
        Self(format!("key/{key_index}/farewell"))
    }

    /// What the device showed and signed, salt included: an encoded `TransactionContent`.
    pub fn transaction_content(transaction_id: &TransactionId) -> Self {
        Self(format!("transaction/{transaction_id}/content"))
    }

    /// What the scoring service said of an attempt: an encoded `AttemptScoring`.
    pub fn attempt_scoring(attempt_id: &Digest) -> Self {
        Self(format!("attempt/{attempt_id}/scoring"))
    }

    /// What the user has set up to recover a key: encoded `Requisites`.
    pub fn recovery_requisites() -> Self {
        Self("recovery".to_owned())
    }

    /// What frames an operation's transactions: an encoded `OperationContent`.
    pub fn operation_content(operation_id: &OperationId) -> Self {
        Self(format!("operation/{operation_id}/content"))
    }

    /// An answer that holds a secret, kept for a repeated command.
    pub fn answer(command_id: &CommandId) -> Self {
        Self(format!("answer/{command_id}"))
    }

    /// Device and connection information of a request: an encoded `RequestPrivate`.
    pub fn request(command_id: &CommandId) -> Self {
        Self(format!("request/{command_id}"))
    }

    /// What a person typed as the reason of a command: encoded `Reasons`.
    pub fn reasons(command_id: &CommandId) -> Self {
        Self(format!("reason/{command_id}"))
    }

    /// The user's name, as text.
    pub fn user_name() -> Self {
        Self("name".to_owned())
    }

    /// Where pushes reach the user's device: an encoded `PushAddress`.
    pub fn push_address() -> Self {
        Self("push".to_owned())
    }

    /// The chat of Telegram that pushes go to: an encoded `KeptTelegramChat`.
    pub fn telegram_chat() -> Self {
        Self("telegram".to_owned())
    }

    /// A stored setting that holds credentials, as text.
    pub fn setting(name: &str) -> Self {
        Self(format!("setting/{name}"))
    }

    /// A name read back from the store.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// Is it a part of a key, which is written once and read with every request of the device?
    pub fn is_key_material(&self) -> bool {
        self.0.starts_with("key/")
    }

    /// Is it used for one thing alone, and never written anew? Then what lies there lay there at every moment since, unless
    /// it was erased.
    pub fn is_of_one_moment(&self) -> bool {
        let is_content = self.0.starts_with("transaction/") && self.0.ends_with("/content");
        is_content || self.0.starts_with("reason/")
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
